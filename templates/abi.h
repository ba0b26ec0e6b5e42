/* The kernel ABI, version 1. Compared with src/runtime/abi.rs by a test of every offset. */
typedef signed int i32;
typedef signed long long i64;
typedef unsigned long long u64;
typedef unsigned char u8;

typedef struct {
    i64 begin;
    i64 end;
    const i32 *indices;
    i32 *selected;
    i64 selected_count;
    u64 flags;
} saltus_call;
