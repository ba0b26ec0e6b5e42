//! Code that runs over another program's arrays.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::evaluate::{Call, Elements, Evaluator, Guard, Host, evaluate};
use super::names::{Indexing, Meaning, Names, last_name};
use super::{Fault, Spec, output_name};
use crate::engine::{CodeObject, constant_array, element_type};
use crate::kernel::ir::{Kernel, Param, Storage};
use crate::kernel::lower::{Lowered, Site};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::fpu::default_environment;

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

/// Where an array is at a moment, and how many elements it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first element.
    pub pointer: *mut u8,
    /// How many elements it has.
    pub len: usize,
}

/// Why code does not run over the arrays that it is bound to: it would leave one of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    /// The run goes too far.
    #[error("index {index} is out of range: {what} has {len} elements")]
    Element {
        /// What it asks for.
        index: i64,
        /// Which array.
        what: String,
        /// How many elements that has.
        len: usize,
    },
    /// An array of indices leads astray.
    #[error("index {value} in `{indices}` is out of range: `{variable}` has {len} elements")]
    Index {
        /// The index.
        value: i32,
        /// The array that has it.
        indices: String,
        /// A variable whose elements it is for.
        variable: String,
        /// How many these are.
        len: usize,
    },
}

/// An array of indices and the array that they are for, as bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    indices: usize,
    target: usize,
}

/// Statements of another program, ready to run.
pub struct Code {
    object: CodeObject,
    calls: Vec<Call>,
    /// What belongs to the code alone: constants, results and arguments of calls, outputs.
    own: IndexMap<String, Array>,
    bindings: Vec<Binding>,
    /// What was bound, in the order of the bindings.
    bound: Vec<Place>,
    /// Which bindings have an element for each of the loop.
    of_loop: Vec<bool>,
    /// The binding that has fewest elements for the loop, and how many.
    reach: (Option<usize>, usize),
    links: Vec<Link>,
    /// Indices that may change where they are.
    watched: Vec<usize>,
    /// What is wrong with indices that do not change.
    fault: Option<OutOfRange>,
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
        let names = Names::new(spec);
        let mut own = IndexMap::new();
        for call in &lowered.calls {
            for name in std::iter::once(&call.result).chain(&call.arguments).chain(&call.condition) {
                own.insert(name.clone(), Array::zeros(ElementType::F64, 1));
            }
        }
        for output in &spec.outputs {
            own.insert(output_name(&output.name), Array::zeros(element_type(output.storage), 1));
        }
        for meaning in spec.variables.values() {
            if let Meaning::Array { array, indexing: Indexing::Via(_), .. } = meaning
                && let Some(last) = names.of_array(array).map(last_name)
                && kernels(&lowered).any(|kernel| kernel.params.iter().any(|param| param.name == last))
            {
                own.insert(last, Array::zeros(ElementType::I64, 1));
            }
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
        let of_kernel = |kernel: &Kernel| kernel.params.iter().map(|param| source(param, &mut own)).collect();
        let sources: Vec<Vec<Source>> = kernels(&lowered).map(of_kernel).collect();
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
        let bound = vec![Place { pointer: std::ptr::null_mut(), len: 0 }; bindings.len()];
        let mut code = Code {
            of_loop: bindings.iter().map(|binding| is_of_loop(spec, binding)).collect(),
            links: links(spec, &bindings),
            object,
            calls,
            own,
            bindings,
            bound,
            reach: (None, 0),
            watched: Vec::new(),
            fault: None,
            sources,
            guards,
            room: 1,
            is_bound: false,
        };
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

    /// Each run looks at the values of this variable, if they are indices: they may be others than the last time.
    pub fn watch(&mut self, variable: &str) {
        let is_it = |link: &&Link| self.bindings[link.indices].variable == variable;
        if let Some(link) = self.links.iter().find(is_it)
            && !self.watched.contains(&link.indices)
        {
            self.watched.push(link.indices);
        }
    }

    /// Tells where the arrays are now, and for how many elements runs are: the code's own arrays get room for them.
    ///
    /// # Safety
    /// The arrays have so many elements of the types that [`bindings`](Code::bindings) tell.
    pub unsafe fn bind(&mut self, arrays: &[Place], room: usize) {
        let is_first = !std::mem::replace(&mut self.is_bound, true);
        let grows = room > self.room;
        if grows {
            self.room = room.next_power_of_two();
            for array in self.own.values_mut().filter(|array| !array.is_empty()) {
                *array = array.resized(self.room);
            }
        }
        if is_first || grows || arrays != self.bound.as_slice() {
            self.bound.clear();
            self.bound.extend_from_slice(arrays);
            self.rebind();
            self.measure();
        }
    }

    /// Finds out how far runs may go, and whether indices that do not change are in range.
    fn measure(&mut self) {
        for link in &self.links {
            let (target, len) = (&self.bindings[link.target], self.bound[link.target].len);
            if let Some(last) = self.own.get_mut(&last_name(&target.variable)) {
                last.set_i64(0, len as i64 - 1);
            }
        }
        let of_loop = (0..self.bound.len()).filter(|k| self.of_loop[*k]);
        let shortest = of_loop.min_by_key(|k| self.bound[*k].len);
        let len = shortest.map_or(usize::MAX, |k| self.bound[k].len);
        let own = if self.own.is_empty() { usize::MAX } else { self.room };
        self.reach = if own < len { (None, own) } else { (shortest, len) };
        let empty = (0..self.bound.len()).find(|k| self.bindings[*k].scalar && self.bound[*k].len == 0);
        let empty = empty.map(|k| self.beyond(Some(k), 0, 0));
        let settled = self.links.iter().filter(|link| !self.watched.contains(&link.indices));
        self.fault = empty.or_else(|| settled.filter_map(|link| self.astray(*link)).next());
    }

    /// The first index of an array of indices that leads nowhere.
    fn astray(&self, link: Link) -> Option<OutOfRange> {
        let (indices, len) = (self.bound[link.indices], self.bound[link.target].len);
        let values: &[i32] = match indices.len {
            0 => &[],
            // SAFETY: `bind` was promised that the array has so many integers.
            count => unsafe { std::slice::from_raw_parts(indices.pointer.cast_const().cast(), count) },
        };
        let bound = u32::try_from(len).unwrap_or(u32::MAX);
        if values.is_empty() || most(values) < bound {
            return None;
        }
        let value = *values.iter().find(|value| **value as u32 >= bound)?;
        let name = |binding: usize| self.bindings[binding].variable.clone();
        Some(OutOfRange::Index { value, indices: name(link.indices), variable: name(link.target), len })
    }

    fn beyond(&self, binding: Option<usize>, index: i64, len: usize) -> OutOfRange {
        let named = |k: usize| format!("`{}`", self.bindings[k].variable);
        OutOfRange::Element { index, what: binding.map_or("what is computed".to_string(), named), len }
    }

    /// Whether a run over these elements stays within the arrays.
    ///
    /// # Errors
    /// If it would not: then nothing may be run.
    pub fn check(&self, elements: Elements<'_>) -> Result<(), OutOfRange> {
        let (binding, len) = self.reach;
        match elements {
            Elements::All(n) if n > len => return Err(self.beyond(binding, n as i64 - 1, len)),
            Elements::List(list) if !list.is_empty() && most(list) as usize >= len => {
                let is_beyond = |index: &&i32| usize::try_from(**index).map_or(true, |index| index >= len);
                let index = list.iter().find(is_beyond).map_or(-1, |index| i64::from(*index));
                return Err(self.beyond(binding, index, len));
            }
            _ => {}
        }
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if self.watched.is_empty() || elements.is_empty() {
            return Ok(());
        }
        let watched = self.links.iter().filter(|link| self.watched.contains(&link.indices));
        watched.filter_map(|link| self.astray(*link)).next().map_or(Ok(()), Err)
    }

    fn rebind(&mut self) {
        let own: Vec<*mut u8> = self.own.values_mut().map(Array::pointer).collect();
        let bound = &self.bound;
        let mut sources = self.sources.iter();
        let mut pointers = || -> Vec<*mut u8> {
            let of = |source: &Source| match source {
                Source::Own(at) => own[*at],
                Source::Bound(at) => bound[*at].pointer,
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
                values: bound[*values].pointer,
                index: index.map(|index| bound[index].pointer.cast_const().cast()),
            });
        }
    }

    /// Evaluates what the host has to, before a run over these elements.
    ///
    /// # Safety
    /// What was bound is still there, [`check`](Code::check) found nothing wrong with a run over these elements, and
    /// nobody else writes the arrays meanwhile. A list is ascending, and has each element once.
    pub unsafe fn prepare(&mut self, elements: Elements<'_>, host: &mut dyn Host) {
        if self.calls_host() {
            let _environment = default_environment();
            evaluate(&mut self.calls, elements, &mut self.own, host);
        }
    }

    /// Runs over these elements.
    ///
    /// # Safety
    /// As for [`prepare`](Code::prepare), which was called for the same elements.
    pub unsafe fn run(&mut self, elements: Elements<'_>) {
        let _environment = default_environment();
        elements.run(&mut self.object);
    }

    /// Puts the elements up to `n` that are selected into `selected`, which has room for all, and returns their number.
    ///
    /// # Safety
    /// As for [`run`](Code::run).
    pub unsafe fn select(&mut self, n: usize, selected: &mut [i32]) -> usize {
        let _environment = default_environment();
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

/// The kernel of the statements, and those that compute arguments of calls.
fn kernels(lowered: &Lowered) -> impl Iterator<Item = &Kernel> {
    std::iter::once(&lowered.kernel).chain(lowered.calls.iter().filter_map(|call| call.kernel.as_ref()))
}

/// The name with the life of the spec.
fn name_of<'a>(spec: &'a Spec, name: &str) -> &'a str {
    spec.variables.get_key_value(name).map_or("", |(name, _)| name.as_str())
}

/// The largest index; negative ones are larger than all others. Looked for in one go, which compilers make vectors of:
/// most indices are sound.
fn most(indices: &[i32]) -> u32 {
    indices.iter().fold(0, |most, index| most.max(*index as u32))
}

/// Whether an array has an element for each of the loop.
fn is_of_loop(spec: &Spec, binding: &Binding) -> bool {
    matches!(spec.variables.get(&binding.variable), Some(Meaning::Array { indexing: Indexing::Element, .. }))
}

/// The arrays that are reached by indices, with these.
fn links(spec: &Spec, bindings: &[Binding]) -> Vec<Link> {
    let names = Names::new(spec);
    let find = |name: &str| {
        let param = names.param(name_of(spec, name));
        bindings.iter().position(|binding| Some(binding.variable.as_str()) == param || binding.variable == name)
    };
    let mut links = Vec::new();
    for (name, meaning) in &spec.variables {
        if let Meaning::Array { indexing: Indexing::Via(index), .. } = meaning
            && let (Some(indices), Some(target)) = (find(index), find(name))
            && !links.contains(&Link { indices, target })
        {
            links.push(Link { indices, target });
        }
    }
    links
}
