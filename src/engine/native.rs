//! Functions that users wrote in C: compiled before the network runs, whatever its tier, and kept in the store.

use std::sync::Arc;

use super::{EngineError, Options};
use crate::build::compile::{ENTRY_SYMBOL, compile};
use crate::build::elf::{Objection, check_library};
use crate::build::toolchain::discover;
use crate::build::{CompileError, CompileOptions, KernelId, Machine, Recipe};
use crate::load::library::load;
use crate::render::{Language, NativeFunction, render_native};
use crate::runtime::abi::{ABI_VERSION, Call, Execute};
use crate::runtime::array::{Array, ElementType};

/// From one slice for each argument to the results, all of one length.
pub type Evaluate = Arc<dyn Fn(&[&[f64]], &mut [f64]) + Send + Sync>;

/// Makes a function ready to be called.
///
/// # Errors
/// If native code is not allowed, there is no compiler, or it refuses the source.
pub fn native(function: &NativeFunction, options: &Options) -> Result<Evaluate, EngineError> {
    if !options.allow_native {
        return Err(EngineError::NativeForbidden { name: function.name.clone() });
    }
    let store = options.store();
    let source = render_native(function);
    let id = KernelId::of(&source, ABI_VERSION);
    let fail = |message: String| EngineError::Native { name: function.name.clone(), message };
    let stored = store.get(&id, None, Machine::this()).filter(|artifact| {
        // As of any kernel: nothing that was stored runs by being opened.
        let is_sound = check_library(artifact.library(), ENTRY_SYMBOL).is_ok();
        if !is_sound {
            let key = artifact.key.short();
            options.notice.tell(&format!("the stored function {key} would run code by being opened, and is not used"));
            store.set_aside(&artifact.kernel, &artifact.key);
        }
        is_sound
    });
    let library = match stored {
        Some(artifact) => load(&artifact.key.short(), artifact.library()),
        None => {
            let memos = store.toolchain_memos();
            // A compiler named for kernels in another language is none for this.
            let cc = options.cc.as_deref().filter(|_| options.language == Language::C);
            let toolchain = discover(&options.env, cc, memos.as_deref())?;
            let level = options.opt_level.unwrap_or_default();
            let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &toolchain.default_features(), level);
            let compiled = compile(&recipe, &toolchain, &CompileOptions::from_env(&options.env).0).map_err(
                |error| match error {
                    CompileError::NoKernel { objection: Objection::Undefined(names), .. }
                        if names == [&*function.name] =>
                    {
                        fail(format!("its source defines no `{}`", function.name))
                    }
                    CompileError::NoKernel { objection: Objection::Undefined(names), .. } => fail(format!(
                        "its source calls {}, but a function in C gets no library, not even that of mathematics",
                        names.join(", ")
                    )),
                    CompileError::NoKernel { objection, .. } => fail(format!("as a library, {objection}")),
                    error => fail(error.to_string()),
                },
            )?;
            let artifact = store.insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
            load(&artifact.key.short(), artifact.library())
        }
    };
    let library = library.map_err(|error| fail(error.to_string()))?;
    let arrays = function.arrays.iter().map(|(_, values)| {
        let mut array = Array::zeros(ElementType::F64, values.len());
        array.as_f64_mut().copy_from_slice(values);
        array
    });
    Ok(evaluate(Arc::new(library), arrays.collect(), function.arguments.len()))
}

fn evaluate(library: Arc<dyn Execute>, mut arrays: Vec<Array>, arity: usize) -> Evaluate {
    let tables: Vec<usize> = arrays.iter_mut().map(|array| array.pointer() as usize).collect();
    Arc::new(move |arguments, results| {
        // The arrays live as long as the closure, and never move.
        let _alive = &arrays;
        assert!(arguments.len() == arity && arguments.iter().all(|a| a.len() == results.len()), "as many as there are");
        let mut pointers: Vec<*mut u8> = arguments.iter().map(|a| a.as_ptr().cast_mut().cast()).collect();
        pointers.push(results.as_mut_ptr().cast());
        pointers.extend(tables.iter().map(|address| *address as *mut u8));
        let mut call = Call::over(results.len());
        // SAFETY: the wrapper reads as many arguments as it writes results, which the slices have, and the source was
        // allowed to do what it does.
        unsafe { library.execute(pointers.as_ptr(), &mut call) };
    })
}
