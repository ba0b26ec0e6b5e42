//! Code that runs over another program's arrays.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::evaluate::{Call, Elements, Evaluator, Guard, Host, evaluate};
use super::names::{Indexing, Meaning, Names};
use super::{Fault, Spec, output_name};
use crate::engine::{CodeObject, constant_array, element_type};
use crate::kernel::ir::{Param, Storage};
use crate::kernel::lower::{Lowered, Site};
use crate::runtime::array::{Array, ElementType};

/// An array that the other program has to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The name of a variable that stands for it.
    pub variable: String,
    /// Type of its elements.
    pub storage: Storage,
    /// Whether it is one value.
    pub scalar: bool,
    /// Whether the kernel writes it.
    pub written: bool,
}

/// Statements of another program, ready to run.
pub struct Code {
    object: CodeObject,
    calls: Vec<Call>,
    /// What belongs to the code alone: constants, results and arguments of calls, outputs.
    own: IndexMap<String, Array>,
    bindings: Vec<Binding>,
    /// Pointers to what was bound, in the order of the bindings.
    bound: Vec<*mut u8>,
    /// For each parameter of each kernel, where its pointer comes from: the kernel, then those of the calls.
    sources: Vec<Vec<Source>>,
    /// Where the booleans of guards are: bindings of the values and of the numbers of their elements.
    guards: BTreeMap<String, (usize, Option<usize>)>,
    /// For how many elements the arrays of the code have room.
    room: usize,
    is_bound: bool,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Own(usize),
    Bound(usize),
}

// SAFETY: the pointers are followed only by `run` and its like, whose caller answers for them.
unsafe impl Send for Code {}

impl Code {
    /// Lowers statements; nothing is bound yet.
    ///
    /// # Errors
    /// As of [`Spec::lower`].
    pub fn new(spec: &Spec) -> Result<Code, Fault> {
        let lowered = spec.lower()?;
        let names = Names::new(&spec.variables);
        let mut own = IndexMap::new();
        for call in &lowered.calls {
            for name in std::iter::once(&call.result).chain(&call.arguments).chain(&call.condition) {
                own.insert(name.clone(), Array::zeros(ElementType::F64, 1));
            }
        }
        for output in &spec.outputs {
            own.insert(output_name(&output.name), Array::zeros(element_type(output.storage), 1));
        }
        let mut bindings: Vec<Binding> = Vec::new();
        let mut bind = |binding: Binding| match bindings.iter().position(|b| b.variable == binding.variable) {
            Some(at) => {
                bindings[at].written |= binding.written;
                at
            }
            None => {
                bindings.push(binding);
                bindings.len() - 1
            }
        };
        let mut source = |param: &Param, own: &mut IndexMap<String, Array>| {
            if let (None, Some(Meaning::Constant(value))) = (own.get(&param.name), spec.variables.get(&param.name)) {
                own.insert(param.name.clone(), constant_array(*value));
            }
            match own.get_index_of(&param.name) {
                Some(at) => Source::Own(at),
                None => Source::Bound(bind(Binding {
                    variable: param.name.clone(),
                    storage: param.storage,
                    scalar: param.scalar,
                    written: param.written,
                })),
            }
        };
        let kernels = std::iter::once(&lowered.kernel).chain(lowered.calls.iter().filter_map(|c| c.kernel.as_ref()));
        let sources: Vec<Vec<Source>> =
            kernels.map(|kernel| kernel.params.iter().map(|param| source(param, &mut own)).collect()).collect();
        let mut guards = BTreeMap::new();
        for guard in lowered.calls.iter().filter_map(|call| call.guard.as_ref()) {
            let Some(Meaning::Array { indexing, .. }) = spec.variables.get(guard) else { continue };
            let array = |name: &str, storage| Binding {
                variable: names.param(name_of(spec, name)).unwrap_or(name).to_string(),
                storage,
                scalar: false,
                written: false,
            };
            let values = bind(array(guard, Storage::Bool));
            let index = match indexing {
                Indexing::Via(index) => Some(bind(array(index, Storage::I32))),
                Indexing::Element | Indexing::Single => None,
            };
            guards.insert(guard.clone(), (values, index));
        }
        Ok(Code::of(spec, lowered, own, bindings, sources, guards))
    }

    fn of(
        spec: &Spec,
        lowered: Lowered,
        own: IndexMap<String, Array>,
        bindings: Vec<Binding>,
        sources: Vec<Vec<Source>>,
        guards: BTreeMap<String, (usize, Option<usize>)>,
    ) -> Code {
        let nothing = |params: usize| vec![std::ptr::null_mut(); params];
        let place = |name: &String| own.get_index_of(name).unwrap_or(0);

        let calls = lowered.calls.iter().enumerate().map(|(number, call)| Call {
            evaluator: Evaluator::of(&call.function, &spec.variables),
            result: place(&call.result),
            arguments: call.arguments.iter().map(place).collect(),
            code: call.kernel.as_ref().map(|kernel| {
                let arguments = Lowered { kernel: kernel.clone(), sites: Vec::new(), calls: Vec::new() };
                let params = kernel.params.len();
                let suffix = if number == 0 { String::new() } else { format!("_{number}") };
                // SAFETY: nothing is run before `bind` has given pointers.
                unsafe {
                    CodeObject::bind(format!("{}_arguments{suffix}", spec.name), spec.kind, arguments, nothing(params))
                }
            }),
            scalar: call.scalar,
            guard_name: call.guard.clone(),
            guard: None,
            condition: call.condition.as_ref().map(place),
            depends_on_calls: call.depends_on_calls,
        });
        let calls = calls.collect();
        let params = lowered.kernel.params.len();
        // SAFETY: as above.
        let object = unsafe { CodeObject::bind(spec.name.clone(), spec.kind, lowered, nothing(params)) };
        let bound = nothing(bindings.len());
        let mut code = Code { object, calls, own, bindings, bound, sources, guards, room: 1, is_bound: false };
        code.rebind();
        code
    }

    /// The arrays that are needed, in the order in which they are to be bound.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Whether arrays were bound before.
    pub fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// About how long the interpreter takes for so many elements, in seconds.
    pub fn seconds(&mut self, elements: usize) -> f64 {
        self.object.elements = elements;
        self.object.interpreted_seconds()
    }

    /// Whether the host has something to evaluate before each run.
    pub fn calls_host(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The code objects of the kernels, that of the statements first.
    pub fn objects_mut(&mut self) -> impl Iterator<Item = &mut CodeObject> {
        std::iter::once(&mut self.object).chain(self.calls.iter_mut().filter_map(|call| call.code.as_mut()))
    }

    /// The code object of the statements.
    pub fn object(&self) -> &CodeObject {
        &self.object
    }

    /// Tells where the arrays are now, and for how many elements runs are: the code's own arrays get room for them.
    pub fn bind(&mut self, arrays: &[*mut u8], room: usize) {
        self.is_bound = true;
        let grows = room > self.room;
        if grows {
            self.room = room.next_power_of_two();
            for array in self.own.values_mut().filter(|array| !array.is_empty()) {
                *array = array.resized(self.room);
            }
        }
        if grows || arrays != self.bound.as_slice() {
            self.bound.clear();
            self.bound.extend_from_slice(arrays);
            self.rebind();
        }
    }

    fn rebind(&mut self) {
        let own: Vec<*mut u8> = self.own.values_mut().map(Array::pointer).collect();
        let bound = &self.bound;
        let mut sources = self.sources.iter();
        let mut pointers = || -> Vec<*mut u8> {
            let of = |source: &Source| match source {
                Source::Own(at) => own[*at],
                Source::Bound(at) => bound[*at],
            };
            sources.next().map(|sources| sources.iter().map(of).collect()).unwrap_or_default()
        };
        // SAFETY: the own arrays never move but here; the others are the caller's of `run`.
        unsafe { self.object.rebind(pointers()) };
        for call in &mut self.calls {
            if let Some(code) = &mut call.code {
                // SAFETY: as above.
                unsafe { code.rebind(pointers()) };
            }
            let guard = call.guard_name.as_ref().and_then(|name| self.guards.get(name));
            call.guard = guard.map(|(values, index)| Guard {
                values: bound[*values],
                index: index.map(|index| bound[index].cast_const().cast()),
            });
        }
    }

    /// Evaluates what the host has to, before a run over these elements.
    ///
    /// # Safety
    /// What was bound are arrays of the types that [`bindings`](Code::bindings) tell, with the elements of this run, and
    /// those that their indices name; nobody else writes them meanwhile. A list is ascending, and has each element once.
    pub unsafe fn prepare(&mut self, elements: Elements<'_>, host: &mut dyn Host) {
        if self.calls_host() {
            evaluate(&mut self.calls, elements, &mut self.own, host);
        }
    }

    /// Runs over these elements.
    ///
    /// # Safety
    /// As for [`prepare`](Code::prepare), which was called for the same elements.
    pub unsafe fn run(&mut self, elements: Elements<'_>) {
        elements.run(&mut self.object);
    }

    /// Puts the elements up to `n` that are selected into `selected`, which has room for all, and returns their number.
    ///
    /// # Safety
    /// As for [`run`](Code::run).
    pub unsafe fn select(&mut self, n: usize, selected: &mut [i32]) -> usize {
        self.object.select(n, selected)
    }

    /// The values of an output after a run: for each element that it ran over, at its number.
    pub fn output(&self, name: &str) -> Option<&Array> {
        self.own.get(&output_name(name))
    }

    /// Statements in which an integer was divided by zero since this was last asked.
    pub fn take_divisions_by_zero(&mut self) -> Vec<Site> {
        self.object.take_divisions_by_zero()
    }
}

/// The name with the life of the spec.
fn name_of<'a>(spec: &'a Spec, name: &str) -> &'a str {
    spec.variables.get_key_value(name).map_or("", |(name, _)| name.as_str())
}
