//! libtcc, in this process: the C text of a kernel to code in memory. Its library is opened when it is there.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::time::Instant;

use libloading::{Library, Symbol};
use saltus::runtime::abi::{Call, Execute, KernelFn};

/// Variable that names the library, where it is not where the system looks.
const VARIABLE: &str = "SALTUS_LIBTCC";

/// Names by which the system may know it.
const NAMES: [&str; 3] = ["libtcc.so", "libtcc.so.1", "libtcc.so.1.0"];

/// `TCC_OUTPUT_MEMORY`, and `TCC_RELOCATE_AUTO`, which later versions do without.
const MEMORY: c_int = 1;
const AUTOMATIC: usize = 1;

type State = *mut c_void;

/// What tcc negates numbers with; its own library, which has them, is not looked for.
static ZEROS: (f64, f32) = (-0.0, -0.0);

/// The library.
pub struct Libtcc(Library);

/// A kernel in memory.
pub struct Made<'l> {
    entry: KernelFn,
    state: State,
    library: &'l Libtcc,
}

impl Execute for Made<'_> {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the text has the kernel ABI, and the caller keeps the promises of its arrays.
        unsafe { (self.entry)(arrays, call) }
    }
}

// SAFETY: the code reads and writes what it is given; the state is only deleted.
unsafe impl Send for Made<'_> {}
// SAFETY: as above.
unsafe impl Sync for Made<'_> {}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        // SAFETY: the state is that of `tcc_new`, and nobody calls its code any more.
        unsafe { self.library.function::<unsafe extern "C" fn(State)>(c"tcc_delete")(self.state) }
    }
}

impl Libtcc {
    /// Opens it, or says why not.
    pub fn open() -> Result<Libtcc, String> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let names = NAMES.iter().map(PathBuf::from);
        let mut names: Vec<PathBuf> = named.into_iter().chain(names).collect();
        names.dedup();
        // SAFETY: the library runs nothing when it is loaded.
        let opened = names.iter().find_map(|name| unsafe { Library::new(name) }.ok());
        opened.map(Libtcc).ok_or(format!("there is no `libtcc.so`; `{VARIABLE}` can name one"))
    }

    /// A function, of the type that `libtcc.h` gives it.
    ///
    /// # Safety
    /// `F` is that type.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> F {
        // SAFETY: as promised.
        let symbol: Symbol<'_, F> = unsafe { self.0.get(name.to_bytes_with_nul()) }.expect("a function of libtcc");
        *symbol
    }

    /// Compiles a text; with the seconds of each part.
    pub fn compile(&self, text: &str) -> (Made<'_>, [(&'static str, f64); 2]) {
        let text = CString::new(text).expect("a text without zeros");
        let started = Instant::now();
        // SAFETY: types, order of calls and values are those of `libtcc.h`; the strings live through the calls.
        let (state, compiled) = unsafe {
            let state = self.function::<unsafe extern "C" fn() -> State>(c"tcc_new")();
            let options = self.function::<unsafe extern "C" fn(State, *const c_char)>(c"tcc_set_options");
            options(state, c"-nostdlib".as_ptr());
            self.function::<unsafe extern "C" fn(State, c_int) -> c_int>(c"tcc_set_output_type")(state, MEMORY);
            let add =
                self.function::<unsafe extern "C" fn(State, *const c_char, *const c_void) -> c_int>(c"tcc_add_symbol");
            add(state, c"__mzerodf".as_ptr(), (&raw const ZEROS.0).cast());
            add(state, c"__mzerosf".as_ptr(), (&raw const ZEROS.1).cast());
            let compile = self.function::<unsafe extern "C" fn(State, *const c_char) -> c_int>(c"tcc_compile_string");
            (state, compile(state, text.as_ptr()))
        };
        assert_eq!(compiled, 0, "libtcc refuses a kernel");
        let compiling = started.elapsed().as_secs_f64();
        let started = Instant::now();
        // SAFETY: as above; the symbol is that of every kernel.
        let entry = unsafe {
            let relocate = self.function::<unsafe extern "C" fn(State, usize) -> c_int>(c"tcc_relocate");
            assert_eq!(relocate(state, AUTOMATIC), 0, "libtcc cannot place a kernel");
            let symbol =
                self.function::<unsafe extern "C" fn(State, *const c_char) -> *const c_void>(c"tcc_get_symbol");
            let symbol = symbol(state, c"saltus_kernel".as_ptr());
            assert!(!symbol.is_null(), "a kernel has an entry");
            std::mem::transmute::<*const c_void, KernelFn>(symbol)
        };
        let made = Made { entry, state, library: self };
        (made, [("compile", compiling), ("place", started.elapsed().as_secs_f64())])
    }
}
