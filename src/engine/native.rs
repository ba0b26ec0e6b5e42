//! Functions and expressions that users wrote in C: compiled when they are needed, whatever the tier, and kept in the store.

use std::sync::Arc;

use super::{EngineError, Options};
use crate::build::compile::{ENTRY_SYMBOL, compile};
use crate::build::elf::{Objection, check_library};
use crate::build::toolchain::discover;
use crate::build::{CompileError, CompileOptions, KernelId, Machine, Recipe, ToolchainError};
use crate::load::library::{CompiledKernel, LoadError, load};
use crate::render::{Language, NativeExpression, NativeFunction, Source, render_native, render_native_expression};
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
    let fail = |message: String| EngineError::Native { name: function.name.clone(), message };
    let library = library_of(&render_native(function), options).map_err(|missing| match missing {
        Missing::Toolchain(error) => error.into(),
        Missing::Compiler(CompileError::NoKernel { objection: Objection::Undefined(names), .. })
            if names == [&*function.name] =>
        {
            fail(format!("its source defines no `{}`", function.name))
        }
        Missing::Compiler(CompileError::NoKernel { objection: Objection::Undefined(names), .. }) => fail(format!(
            "its source calls {}, but a function in C gets no library, not even that of mathematics",
            names.join(", ")
        )),
        Missing::Compiler(CompileError::NoKernel { objection, .. }) => fail(format!("as a library, {objection}")),
        Missing::Compiler(error) => fail(error.to_string()),
        Missing::Load(error) => fail(error.to_string()),
    })?;
    let arrays = function.arrays.iter().map(|(_, values)| {
        let mut array = Array::zeros(ElementType::F64, values.len());
        array.as_f64_mut().copy_from_slice(values);
        array
    });
    Ok(evaluate(Arc::new(library), arrays.collect(), function.arguments.len()))
}

/// Evaluates an expression in C for the elements `0..n`; `tables` are what it reads, in its order, each with `n` values
/// or one, of the types that it says.
///
/// # Errors
/// If native code is not allowed, there is no compiler, or it refuses the expression.
pub fn native_expression(
    expression: &NativeExpression,
    mut tables: Vec<Array>,
    n: usize,
    options: &Options,
) -> Result<Vec<f64>, EngineError> {
    if !options.allow_native {
        return Err(EngineError::NativeExpressionForbidden);
    }
    let library = library_of(&render_native_expression(expression), options).map_err(|missing| match missing {
        Missing::Toolchain(error) => error.into(),
        Missing::Compiler(CompileError::Rejected { output, .. }) => EngineError::NativeExpression { output },
        Missing::Compiler(CompileError::NoKernel { objection: Objection::Undefined(names), .. }) => {
            EngineError::NativeCalls { names }
        }
        Missing::Compiler(error) => EngineError::NativeExpression { output: error.to_string() },
        Missing::Load(error) => EngineError::NativeExpression { output: error.to_string() },
    })?;
    let mut values = vec![0.0; n];
    let mut pointers: Vec<*mut u8> = tables.iter_mut().map(Array::pointer).collect();
    pointers.push(values.as_mut_ptr().cast());
    let mut call = Call::over(n);
    // SAFETY: the library writes the `n` results that there is room for, and the expression was allowed to read what it
    // reads.
    unsafe { library.execute(pointers.as_ptr(), &mut call) };
    Ok(values)
}

/// Why there is no library.
enum Missing {
    Toolchain(ToolchainError),
    Compiler(CompileError),
    Load(LoadError),
}

/// The library of a source: from the store, else by the compiler.
fn library_of(source: &Source, options: &Options) -> Result<CompiledKernel, Missing> {
    let store = options.store();
    let id = KernelId::of(source, ABI_VERSION);
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
    let artifact = match stored {
        Some(artifact) => artifact,
        None => {
            let memos = store.toolchain_memos();
            // A compiler named for kernels in another language is none for this.
            let cc = options.cc.as_deref().filter(|_| options.language == Language::C);
            let toolchain = discover(&options.env, cc, memos.as_deref()).map_err(Missing::Toolchain)?;
            let level = options.opt_level.unwrap_or_default();
            let recipe = Recipe::new(source, ABI_VERSION, &toolchain, &toolchain.default_features(), level);
            let compiled = compile(&recipe, &toolchain, &CompileOptions::from_env(&options.env).0);
            let compiled = compiled.map_err(Missing::Compiler)?;
            store.insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds)
        }
    };
    load(&artifact.key.short(), artifact.library()).map_err(Missing::Load)
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
