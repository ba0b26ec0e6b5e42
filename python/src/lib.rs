//! The part of the Python package that is not Python: code objects for Brian2, on saltus' kernels.

mod arrays;
mod by_hand;
mod cable;
mod code;
mod connect;
mod cpp;
mod host;
mod look;
mod queue;
mod runner;
mod underway;

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use saltus::engine::{CacheChoice, Options, Tier};
use saltus::store::Store;

/// How code is made from now on.
#[pyfunction]
#[pyo3(signature = (tier="auto", compiler=None, cache_dir=None, threads=1, use_cache=true))]
fn configure(
    tier: &str,
    compiler: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    threads: usize,
    use_cache: bool,
) -> PyResult<()> {
    let tier = match tier {
        "auto" => Tier::Auto,
        "interpreter" => Tier::Interpreter,
        "compiled" => Tier::Compiled,
        _ => return Err(PyValueError::new_err("tiers are `auto`, `interpreter` and `compiled`")),
    };
    let cache = match cache_dir {
        _ if !use_cache => CacheChoice::None,
        Some(directory) => CacheChoice::Directory(directory),
        None => CacheChoice::Default,
    };
    let threads = std::num::NonZeroUsize::new(threads).ok_or_else(|| PyValueError::new_err("at least one thread"))?;
    underway::configure(Options { tier, cc: compiler, cache, threads, ..Options::default() });
    Ok(())
}

/// The directory of the store.
#[pyfunction]
fn store_directory() -> Option<PathBuf> {
    underway::options().store_directory()
}

/// The folder of the store that has everything of its layout, and nothing else.
#[pyfunction]
fn store_folder() -> Option<PathBuf> {
    store_directory().map(|directory| Store::folder(&directory))
}

/// Draws random numbers from the blocks of this device.
#[pyfunction]
fn use_device(device: &Bound<'_, PyAny>) -> PyResult<bool> {
    host::use_device(device)?;
    Ok(arrays::try_out(device.py()))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("KernelError", module.py().get_type::<by_hand::KernelError>())?;
    module.add_class::<code::PyCode>()?;
    module.add_class::<runner::Runner>()?;
    module.add_class::<cable::Cable>()?;
    module.add_function(wrap_pyfunction!(by_hand::base_name, module)?)?;
    module.add_function(wrap_pyfunction!(configure, module)?)?;
    module.add_function(wrap_pyfunction!(connect::iterate, module)?)?;
    module.add_function(wrap_pyfunction!(host::blocks, module)?)?;
    module.add_function(wrap_pyfunction!(host::set_blocks, module)?)?;
    module.add_function(wrap_pyfunction!(look::compiler, module)?)?;
    module.add_function(wrap_pyfunction!(look::highlighted, module)?)?;
    module.add_function(wrap_pyfunction!(store_directory, module)?)?;
    module.add_function(wrap_pyfunction!(store_folder, module)?)?;
    module.add_function(wrap_pyfunction!(underway::finish, module)?)?;
    module.add_function(wrap_pyfunction!(underway::was_forked, module)?)?;
    module.add_function(wrap_pyfunction!(use_device, module)?)?;
    Ok(())
}
