/* The kernel ABI, version 1. Compared with src/runtime/abi.rs by a test of every offset. */
#[repr(C)]
pub struct SaltusCall {
    pub begin: i64,
    pub end: i64,
    pub indices: *const i32,
    pub selected: *mut i32,
    pub selected_count: i64,
    pub flags: u64,
}
