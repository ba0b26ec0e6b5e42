//! Functions that a script has in C++: compiled beside the kernels, each piece of code with its own.
//!
//! They are compiled when the first code of a run is called, all together. Where that fails, the Python functions that they
//! stand for are called in their place, which is said once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use saltus::engine::{CppArray, CppCode, CppFunction, CppFunctions, CppSettings, CppText, Options, make_cpp};

use crate::code::locked;

/// The functions of one piece of code.
pub struct Functions {
    text: CppText,
    settings: CppSettings,
    /// The number of each in the text, by its name in statements.
    numbers: HashMap<String, usize>,
    arrays: Vec<PyUntypedBuffer>,
    /// The name of the code that calls them, the same in every run.
    caller: String,
    /// Who compiles it, maybe for others too.
    making: OnceLock<Arc<Making>>,
    opened: OnceLock<Result<Arc<CppFunctions>, String>>,
}

/// Functions in memory, kept for the next run, which goes on with the variables that sources may have.
struct Kept {
    caller: String,
    text: CppText,
    settings: CppSettings,
    /// Where the arrays are.
    arrays: Vec<usize>,
    functions: Arc<CppFunctions>,
}

/// The newest ones, as many as may keep files open.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
const MOST_KEPT: usize = 64;

/// Code, or why there is none.
type Made = Result<CppCode, String>;

/// Code that a thread of this process makes.
struct Making {
    process: u32,
    made: Mutex<Option<Made>>,
    is_made: Condvar,
}

impl Making {
    /// Waits for it; signals are looked for meanwhile. None if the thread is in the process that this one was forked off from.
    fn wait(&self, py: Python<'_>) -> PyResult<Option<Made>> {
        /// How soon a signal is seen.
        const LOOK: Duration = Duration::from_millis(50);
        if self.process != std::process::id() {
            return Ok(None);
        }
        loop {
            let made = py.detach(|| {
                let made = locked(&self.made);
                let wait = self.is_made.wait_timeout_while(made, LOOK, |made| made.is_none());
                wait.unwrap_or_else(PoisonError::into_inner).0.clone()
            });
            if made.is_some() {
                return Ok(made);
            }
            py.check_signals()?;
        }
    }
}

// SAFETY: the arrays are held and not looked at; functions follow their addresses while code runs that has them.
unsafe impl Send for Functions {}
// SAFETY: as above.
unsafe impl Sync for Functions {}

/// A type in C++ in which an argument is given.
fn argument_type(name: &str) -> PyResult<&'static str> {
    match name {
        "boolean" => Ok("bool"),
        "integer" => Ok("int"),
        "float" => Ok("double"),
        other => Err(PyValueError::new_err(format!("no type of arguments: `{other}`"))),
    }
}

/// The type in C++ of the elements of an array.
fn element_type(dtype: &str) -> PyResult<&'static str> {
    Ok(match dtype {
        "bool" => "char",
        "int8" => "int8_t",
        "uint8" => "uint8_t",
        "int16" => "int16_t",
        "uint16" => "uint16_t",
        "int32" => "int32_t",
        "uint32" => "uint32_t",
        "int64" => "int64_t",
        "uint64" => "uint64_t",
        "float32" => "float",
        "float64" => "double",
        other => return Err(PyTypeError::new_err(format!("functions in C++ get no arrays of type `{other}`"))),
    })
}

/// As `saltus.functions` tells it: name in statements, name in C++, types of arguments, whether it takes the element.
type ToldFunction = (String, String, Vec<String>, bool);

impl Functions {
    /// Those that a dictionary tells; see `saltus.cplusplus.CppFunctions`.
    pub fn of(told: &Bound<'_, PyDict>, caller: &str) -> PyResult<Functions> {
        let item = |name: &str| {
            told.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("functions in C++ without `{name}`")))
        };
        let functions: Vec<ToldFunction> = item("functions")?.extract()?;
        let numbers = functions.iter().enumerate().map(|(k, (name, ..))| (name.clone(), k)).collect();
        let function = |(_, name, arguments, takes_element): ToldFunction| {
            let arguments = arguments.iter().map(|ty| argument_type(ty)).collect::<PyResult<_>>()?;
            Ok(CppFunction { name, arguments, takes_element })
        };
        let (mut named, mut arrays) = (Vec::new(), Vec::new());
        for (name, dtype, array) in item("arrays")?.extract::<Vec<(String, String, Bound<'_, PyAny>)>>()? {
            let buffer = PyUntypedBuffer::get(&array)?;
            if buffer.item_count() > 1 && !buffer.is_c_contiguous() {
                return Err(PyValueError::new_err(format!(
                    "the array `{name}` of a function in C++ is not contiguous"
                )));
            }
            named.push(CppArray { name, ty: element_type(&dtype)? });
            arrays.push(buffer);
        }
        let paths = |name: &str| item(name)?.extract::<Vec<PathBuf>>();
        Ok(Functions {
            text: CppText {
                headers: item("headers")?.extract()?,
                arrays: named,
                definitions: item("definitions")?.extract()?,
                functions: functions.into_iter().map(function).collect::<PyResult<_>>()?,
            },
            settings: CppSettings {
                define_macros: item("define_macros")?.extract()?,
                include_dirs: paths("include_dirs")?,
                system_include_dirs: paths("system_include_dirs")?,
                library_dirs: paths("library_dirs")?,
                runtime_library_dirs: paths("runtime_library_dirs")?,
                libraries: item("libraries")?.extract()?,
                sources: paths("sources")?,
            },
            numbers,
            arrays,
            caller: caller.to_string(),
            making: OnceLock::new(),
            opened: OnceLock::new(),
        })
    }

    /// Calls a function, if it is one of these, and there is code for it.
    pub fn call(
        &self,
        function: &str,
        elements: &[i32],
        arguments: &[&[f64]],
        results: &mut [f64],
    ) -> Option<PyResult<()>> {
        let number = self.numbers.get(function)?;
        let Some(Ok(functions)) = self.opened.get() else { return None };
        let called = functions.call(*number, elements, arguments, results);
        Some(called.map_err(|said| PyRuntimeError::new_err(format!("the C++ function `{function}` threw: {said}"))))
    }

    fn make(&self, options: &Options) -> Made {
        make_cpp(&self.text, &self.settings, options).map_err(|fault| fault.to_string())
    }

    /// # Errors
    /// If there is no code for them.
    fn open(&self, made: Option<Made>, options: &Options) -> Result<CppFunctions, String> {
        let code = made.unwrap_or_else(|| self.make(options))?;
        let arrays: Vec<*mut u8> = self.arrays.iter().map(|buffer| buffer.buf_ptr().cast()).collect();
        // SAFETY: the arrays were given with their types, and are held as long as the functions are called.
        unsafe { code.open(&arrays) }.map_err(|fault| fault.to_string())
    }

    fn addresses(&self) -> Vec<usize> {
        self.arrays.iter().map(|buffer| buffer.buf_ptr() as usize).collect()
    }

    /// What this code had in the run before.
    fn kept(&self) -> Option<Arc<CppFunctions>> {
        let (kept, arrays) = (locked(&KEPT), self.addresses());
        let is_it = |kept: &&Kept| {
            (&kept.caller, &kept.text, &kept.settings, &kept.arrays)
                == (&self.caller, &self.text, &self.settings, &arrays)
        };
        kept.iter().find(is_it).map(|kept| kept.functions.clone())
    }

    fn keep(&self, functions: CppFunctions) -> Arc<CppFunctions> {
        let functions = Arc::new(functions);
        let mut kept = locked(&KEPT);
        if kept.len() >= MOST_KEPT {
            kept.remove(0);
        }
        kept.push(Kept {
            caller: self.caller.clone(),
            text: self.text.clone(),
            settings: self.settings.clone(),
            arrays: self.addresses(),
            functions: functions.clone(),
        });
        functions
    }

    /// Waits until there is code, or none to be had, which is told once.
    pub fn ready(&self, py: Python<'_>, options: &Options) -> PyResult<()> {
        if self.opened.get().is_some() {
            return Ok(());
        }
        let opened = match self.kept() {
            Some(functions) => Ok(functions),
            None => {
                let made = self.making.get().map_or(Ok(None), |making| making.wait(py))?;
                py.detach(|| self.open(made, options)).map(|functions| self.keep(functions))
            }
        };
        let Err(fault) = self.opened.get_or_init(|| opened) else { return Ok(()) };
        let mut names: Vec<&String> = self.numbers.keys().collect();
        // Or the same would be said again in another order.
        names.sort();
        py.import("saltus.functions")?.call_method1("tell_no_code", (names, fault)).map(drop)
    }
}

/// How many threads compile functions.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Whether functions are being compiled.
pub fn is_at_work() -> bool {
    AT_WORK.load(Ordering::Acquire) > 0
}

/// In a process that was just forked off: nobody compiles functions in it.
pub fn was_forked() {
    AT_WORK.store(0, Ordering::Release);
}

/// Starts to compile the functions of several pieces of code, each text once, with a thread for each; none for those that
/// are kept from the run before.
pub fn start<'a>(members: impl Iterator<Item = &'a Arc<Functions>>, options: &Options) {
    let mut begun: HashMap<(&CppText, &CppSettings), Option<Arc<Making>>> = HashMap::new();
    for member in members.filter(|member| member.kept().is_none()) {
        let making =
            begun.entry((&member.text, &member.settings)).or_insert_with(|| begin(member.clone(), options.clone()));
        // Without a thread it is made when it is wanted.
        if let Some(making) = making {
            drop(member.making.set(making.clone()));
        }
    }
}

fn begin(functions: Arc<Functions>, options: Options) -> Option<Arc<Making>> {
    let making = Arc::new(Making { process: std::process::id(), made: Mutex::new(None), is_made: Condvar::new() });
    let maker = making.clone();
    AT_WORK.fetch_add(1, Ordering::AcqRel);
    let make = move || {
        // Or whoever waits would do so for ever.
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| functions.make(&options)));
        let made = made.unwrap_or_else(|_| Err("internal error: the thread that compiles it panicked".to_string()));
        *locked(&maker.made) = Some(made);
        maker.is_made.notify_all();
        AT_WORK.fetch_sub(1, Ordering::AcqRel);
    };
    let begun = std::thread::Builder::new().name("saltus-cpp".to_string()).spawn(make);
    if begun.is_err() {
        AT_WORK.fetch_sub(1, Ordering::AcqRel);
    }
    begun.ok().map(|_| making)
}
