//! Code over arrays of another program: the same values whatever runs it, whatever names arrays have, wherever they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use saltus::engine::{CacheChoice, HandError, Options, RunsOn, Tier, make_by_hand};
use saltus::expr::check::ValueType;
use saltus::hosted::{
    Batch, Code, Elements, Function, Hands, Host, Indexing, Line, Loop, Meaning, OutOfRange, Output, Place, Spec,
};
use saltus::kernel::ir::Storage;
use saltus::model::namespace::Number;
use saltus::render::{Language, Source, render};

/// Draws 0.5, 1.5, 2.5, ... and doubles what it is asked for.
#[derive(Default)]
struct Counting(f64);

impl Host for Counting {
    fn uniform(&mut self) -> f64 {
        self.0 += 1.0;
        self.0 - 0.5
    }

    fn normal(&mut self) -> f64 {
        -self.uniform()
    }

    fn call(&mut self, function: &str, _: &[i32], arguments: &[&[f64]], results: &mut [f64]) {
        assert_eq!(function, "twice");
        results.iter_mut().zip(arguments[0]).for_each(|(result, x)| *result = 2.0 * x);
    }
}

fn array(array: &str, storage: Storage, indexing: Indexing) -> Meaning {
    Meaning::Array { array: array.to_string(), storage, indexing, guard: None }
}

fn lines(statements: &[&str]) -> Vec<Line> {
    let line = |statement: &&str| {
        let (left, value) = statement.split_once('=').expect("an assignment");
        let target = left.trim_end_matches([' ', '+', '*', ':', '-']);
        let op = format!("{}=", left[target.len()..].trim());
        Line { target: target.to_string(), op, value: value.trim().to_string(), cases: Vec::new() }
    };
    statements.iter().map(line).collect()
}

/// Cells `x`, `y` under two names, a table `w` of others with the cell of each, one shared value, and functions.
fn spec(elements: Loop, scalar: &[&str], vector: &[&str]) -> Spec {
    let guarded = Meaning::Array {
        array: "y".to_string(),
        storage: Storage::F64,
        indexing: Indexing::Element,
        guard: Some("active".to_string()),
    };
    let twice = Function::Host {
        arguments: vec![ValueType::Float],
        result: ValueType::Float,
        stateful: false,
        in_order: false,
    };
    let variables = [
        ("x", array("x", Storage::F64, Indexing::Element)),
        ("x_again", array("x", Storage::F64, Indexing::Element)),
        ("y", guarded),
        ("active", array("active", Storage::Bool, Indexing::Element)),
        ("w", array("w", Storage::F64, Indexing::Via("cell".to_string()))),
        ("cell", array("cell", Storage::I32, Indexing::Element)),
        ("shared", array("shared", Storage::F64, Indexing::Single)),
        ("tau", Meaning::Constant(Number::Float(4.0))),
        ("expo", Meaning::Function(Function::Builtin("exp".to_string()))),
        ("twice", Meaning::Function(twice)),
    ];
    Spec {
        name: "code".to_string(),
        kind: "stateupdate",
        elements,
        scalar: lines(scalar),
        vector: lines(vector),
        condition: "_cond".to_string(),
        outputs: Vec::new(),
        variables: variables.into_iter().map(|(name, meaning)| (name.to_string(), meaning)).collect(),
    }
}

/// Memory of another program.
#[derive(Clone, Debug, PartialEq)]
struct Arrays {
    x: Vec<f64>,
    y: Vec<f64>,
    active: Vec<u8>,
    w: Vec<f64>,
    cell: Vec<i32>,
    shared: Vec<f64>,
}

impl Arrays {
    fn new() -> Arrays {
        Arrays {
            x: vec![1.0, 2.0, 3.0, 4.0],
            y: vec![10.0; 4],
            active: vec![1, 0, 1, 0],
            w: vec![0.0; 2],
            cell: vec![1, 0, 1, 1],
            shared: vec![7.0],
        }
    }

    fn bind(&mut self, code: &mut Code) {
        fn place<T>(values: &mut [T]) -> Place {
            Place { pointer: values.as_mut_ptr().cast(), len: values.len() }
        }
        let mut places = Vec::new();
        for binding in code.bindings() {
            places.push(match binding.variable.as_str() {
                "x" => place(&mut self.x),
                "y" => place(&mut self.y),
                "active" => place(&mut self.active),
                "w" => place(&mut self.w),
                "cell" => place(&mut self.cell),
                "shared" => place(&mut self.shared),
                other => panic!("nobody knows `{other}`"),
            });
        }
        // SAFETY: the arrays have the types that the spec says, and live as long as code runs over them.
        unsafe { code.bind(&places, self.x.len()) };
    }
}

fn run(code: &mut Code, arrays: &mut Arrays, elements: Elements<'_>) {
    arrays.bind(code);
    code.check(elements).expect("all elements are there");
    // SAFETY: the arrays have these elements and live.
    unsafe {
        code.prepare(elements, &mut Counting::default());
        code.run(elements);
    }
}

/// What to run over which elements, and what becomes of `x`, `y`, `w` and `shared`.
type Case = (&'static [&'static str], &'static [&'static str], Elements<'static>, [&'static [f64]; 4]);

const KEPT: &[f64] = &[10.0; 4];
const CASES: &[Case] = &[
    (&[], &["x = 2*x"], Elements::All(4), [&[2.0, 4.0, 6.0, 8.0], KEPT, &[0.0; 2], &[7.0]]),
    // Names of one array are one.
    (
        &[],
        &["x = 2*x", "x_again += 1", "x *= 2"],
        Elements::List(&[1, 3]),
        [&[1.0, 10.0, 3.0, 18.0], KEPT, &[0.0; 2], &[7.0]],
    ),
    // Only where the guard is true.
    (&[], &["y = x"], Elements::All(4), [&[1.0, 2.0, 3.0, 4.0], &[1.0, 10.0, 3.0, 10.0], &[0.0; 2], &[7.0]]),
    // Several elements of the loop add to one of another array.
    (&[], &["w += x"], Elements::All(4), [&[1.0, 2.0, 3.0, 4.0], KEPT, &[2.0, 8.0], &[7.0]]),
    // Once a call, then for each element; what is new is a name only.
    (
        &["half := shared/2", "shared = half"],
        &["more := half + tau", "x = more"],
        Elements::All(2),
        [&[7.5, 7.5, 3.0, 4.0], KEPT, &[0.0; 2], &[3.5]],
    ),
    // Drawn for one element after the other, and only for those that are written.
    (
        &[],
        &["x = rand()", "y = rand()"],
        Elements::All(4),
        [&[0.5, 2.5, 3.5, 5.5], &[1.5, 10.0, 4.5, 10.0], &[0.0; 2], &[7.0]],
    ),
    (
        &[],
        &["x = twice(x) + twice(shared)"],
        Elements::List(&[0, 2]),
        [&[16.0, 2.0, 20.0, 4.0], KEPT, &[0.0; 2], &[7.0]],
    ),
    // The name of a function is the other program's business.
    (&[], &["x = expo(0*x)"], Elements::All(1), [&[1.0, 2.0, 3.0, 4.0], KEPT, &[0.0; 2], &[7.0]]),
];

#[test]
fn statements_do_what_they_say() {
    for (scalar, vector, elements, [x, y, w, shared]) in CASES {
        let kind = if matches!(elements, Elements::All(_)) { Loop::Each } else { Loop::Indexed };
        let mut code = Code::new(&spec(kind, scalar, vector)).expect("code");
        let mut arrays = Arrays::new();
        run(&mut code, &mut arrays, *elements);
        let found: [&[f64]; 4] = [&arrays.x, &arrays.y, &arrays.w, &arrays.shared];
        assert_eq!(found, [*x, *y, *w, *shared], "{scalar:?} {vector:?}");
    }
}

#[test]
fn compiled_code_does_the_same_and_arrays_may_move() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = CacheChoice::Directory(directory.path().to_path_buf());
    let options = Options { tier: Tier::Compiled, cache, ..Options::default() };
    for (scalar, vector, elements, _) in CASES {
        let kind = if matches!(elements, Elements::All(_)) { Loop::Each } else { Loop::Indexed };
        let spec = spec(kind, scalar, vector);
        let mut interpreted = Code::new(&spec).expect("code");
        let compiled = Arc::new(Mutex::new(Code::new(&spec).expect("code")));
        let batch = Batch::start(vec![compiled.clone()], options.clone());
        batch.wait_if_compiled().expect("a compiler, or a warning");
        let mut compiled = compiled.lock().expect("no panic");
        if batch.warnings().is_empty() {
            assert_ne!(compiled.object().slot().name(), "interpreter", "{vector:?}");
        }
        let (mut one, mut other) = (Arrays::new(), Arrays::new());
        for _ in 0..3 {
            run(&mut interpreted, &mut one, *elements);
            run(&mut compiled, &mut other, *elements);
            assert_eq!(one, other, "{vector:?}");
            other = other.clone();
        }
    }
}

#[test]
fn a_source_by_hand_runs_where_it_fits_from_the_next_call_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = CacheChoice::Directory(directory.path().to_path_buf());
    let options = Options { tier: Tier::Interpreter, cache, allow_native: true, ..Options::default() };
    // Two of one name, and one with another kernel.
    let code = |statement| Arc::new(Mutex::new(Code::new(&spec(Loop::Each, &[], &[statement])).expect("code")));
    let members = [code("x = 2*x"), code("x = 2*x"), code("x = 3*x")];
    let batch = Batch::start(members.to_vec(), options.clone());
    let run_all = || {
        members.each_ref().map(|code| {
            let mut arrays = Arrays::new();
            run(&mut code.lock().expect("no panic"), &mut arrays, Elements::All(4));
            arrays.x[1]
        })
    };
    let (name, ir) = batch.kernel(0).expect("a member").clone();
    let generated = render(members[0].lock().expect("no panic").object().kernel(), Language::C).text;
    let made = |more: &str| {
        let text = generated.replace("* x[_i]", &format!("* x[_i] + {more}"));
        assert_ne!(text, generated);
        make_by_hand(Source { language: Language::C, text }, &options).and_then(|making| making.wait())
    };
    let by_hand = match made("1.0") {
        Err(HandError::Toolchain(_)) => return,
        by_hand => by_hand.expect("a right source"),
    };
    let mut hands = Hands::new();
    assert_eq!(hands.add(&name, &ir, by_hand.clone()), 1);
    assert_eq!(hands.add(&name, &ir, made("2.0").expect("a right source")), 2);
    assert_eq!(hands.add(&name, &ir, by_hand.clone()), 1, "one source, one number");
    assert!(hands.known(&by_hand.source).is_some() && hands.choose(&name, &ir, 2) && !hands.choose(&name, &ir, 3));
    let put = |hands: &Hands| batch.replace(|name, ir| hands.current(name, ir));
    assert_eq!(run_all(), [4.0, 4.0, 6.0]);
    let running = members[2].lock().expect("no panic");
    put(&hands);
    assert_eq!(batch.report(0).expect("a report").runs_on(), RunsOn::Interpreter, "while some of it runs");
    drop(running);
    batch.attend().expect("no compiler was named");
    assert_eq!(run_all(), [6.0, 6.0, 6.0]);
    assert_eq!([0, 2].map(|k| batch.report(k).expect("a report").runs_on()), [RunsOn::Hand, RunsOn::Interpreter]);
    // The next one of this name has another kernel.
    assert!(!hands.give_up_others("another", &ir) && !hands.give_up_others(&name, &ir));
    assert!(hands.give_up_others(&name, &[7; 32]) && !hands.give_up_others(&name, &[7; 32]));
    put(&hands);
    assert_eq!(run_all(), [4.0, 4.0, 6.0]);
    assert_eq!((hands.versions(&name, &ir).0.len(), hands.versions(&name, &ir).1), (2, 0));
}

#[test]
fn selected_elements_and_outputs() {
    let mut spec = spec(Loop::Select, &[], &["_cond := x_again > 1.5 and x < 4", "_seen := 3*x"]);
    spec.outputs = vec![Output { name: "_seen".to_string(), storage: Storage::F32 }];
    let mut code = Code::new(&spec).expect("code");
    let mut arrays = Arrays::new();
    arrays.bind(&mut code);
    code.check(Elements::All(4)).expect("all elements are there");
    let mut selected = [0; 4];
    // SAFETY: as in `run`.
    let count = unsafe { code.select(4, &mut selected) };
    assert_eq!(&selected[..count], [1, 2]);
    assert_eq!(code.output("_seen").expect("an output").to_f64(), [3.0, 6.0, 9.0, 12.0]);
}

#[test]
fn names_of_arrays_are_in_no_kernel() {
    let kernel = |name: &str| {
        let mut spec = spec(Loop::Each, &[], &["x = 2*x", "w += x"]);
        spec.name = name.to_string();
        let renamed = |meaning: Meaning| match meaning {
            Meaning::Array { array, storage, indexing, guard } => {
                Meaning::Array { array: format!("{name} {array}"), storage, indexing, guard }
            }
            other => other,
        };
        let variables: BTreeMap<String, Meaning> =
            spec.variables.into_iter().map(|(name, meaning)| (name, renamed(meaning))).collect();
        let spec = Spec { variables, ..spec };
        spec.lower().expect("a kernel").kernel
    };
    assert_eq!(kernel("one"), kernel("other"));
}

#[test]
fn what_is_not_in_the_language_is_told() {
    for (statement, words) in
        [("x = x ++", "expected"), ("x = nobody", "`nobody` has no meaning"), ("x @= 1", "`@=` is no assignment")]
    {
        let (target, rest) = statement.split_once(' ').expect("words");
        let (op, value) = rest.split_once(' ').expect("words");
        let line = Line { target: target.to_string(), op: op.to_string(), value: value.to_string(), cases: Vec::new() };
        let spec = Spec { vector: vec![line], ..spec(Loop::Each, &[], &[]) };
        let told = Code::new(&spec).err().expect("a fault").to_string();
        assert!(told.contains(words), "{statement}: {told}");
    }
}

/// A change of the arrays, statements, elements of a run, and what is wrong with that.
type Astray = (fn(&mut Arrays), &'static str, Elements<'static>, Option<&'static str>);

const ASTRAY: &[Astray] = &[
    (|_| (), "w += x", Elements::All(4), None),
    (|_| (), "x = 1", Elements::All(5), Some("index 4 is out of range: `x` has 4 elements")),
    (|_| (), "x = 1", Elements::List(&[0, 4]), Some("index 4 is out of range: `x` has 4 elements")),
    (|_| (), "x = 1", Elements::List(&[-1, 0]), Some("index -1 is out of range: `x` has 4 elements")),
    (|_| (), "x = 1", Elements::List(&[]), None),
    // The shortest array counts, whether it is read or written.
    (
        |arrays| arrays.active.truncate(3),
        "y = x",
        Elements::All(4),
        Some("index 3 is out of range: `active` has 3 elements"),
    ),
    (
        |arrays| arrays.shared.clear(),
        "x = shared",
        Elements::All(1),
        Some("index 0 is out of range: `shared` has 0 elements"),
    ),
    // Indices are looked at wherever they are.
    (
        |arrays| arrays.cell[3] = 2,
        "w += x",
        Elements::All(1),
        Some("index 2 in `cell` is out of range: `w` has 2 elements"),
    ),
    (
        |arrays| arrays.cell[0] = -1,
        "x = w",
        Elements::List(&[0]),
        Some("index -1 in `cell` is out of range: `w` has 2 elements"),
    ),
    // If nobody follows them, they may be anything.
    (|arrays| arrays.cell[0] = -1, "x = cell", Elements::All(4), None),
    (
        |arrays| arrays.w.clear(),
        "x = w",
        Elements::All(4),
        Some("index 1 in `cell` is out of range: `w` has 0 elements"),
    ),
];

#[test]
fn what_would_leave_an_array_is_found_before_it_runs() {
    for (change, statement, elements, expected) in ASTRAY {
        let kind = if matches!(elements, Elements::All(_)) { Loop::Each } else { Loop::Indexed };
        let mut code = Code::new(&spec(kind, &[], &[statement])).expect("code");
        let mut arrays = Arrays::new();
        change(&mut arrays);
        arrays.bind(&mut code);
        let found = code.check(*elements).err().map(|fault| fault.to_string());
        assert_eq!(found.as_deref(), *expected, "{statement}");
    }
}

#[test]
fn what_needs_no_array_runs_over_one_element() {
    let mut spec = spec(Loop::Each, &[], &["_seen := rand()"]);
    spec.outputs = vec![Output { name: "_seen".to_string(), storage: Storage::F64 }];
    let mut code = Code::new(&spec).expect("code");
    // SAFETY: there is none.
    unsafe { code.bind(&[], 1) };
    assert_eq!(code.check(Elements::All(1)), Ok(()));
    let beyond = code.check(Elements::All(2)).map_err(|fault| fault.to_string());
    assert_eq!(beyond, Err("index 1 is out of range: what is computed has 1 elements".to_string()));
}

#[test]
fn indices_that_may_change_are_looked_at_each_time() {
    for is_watched in [true, false] {
        let mut code = Code::new(&spec(Loop::Each, &[], &["w += x"])).expect("code");
        if is_watched {
            code.watch("cell");
        }
        let mut arrays = Arrays::new();
        arrays.bind(&mut code);
        assert_eq!(code.check(Elements::All(4)), Ok(()));
        // At the same place.
        arrays.cell[1] = 7;
        arrays.bind(&mut code);
        let found = code.check(Elements::All(4));
        assert_eq!(matches!(found, Err(OutOfRange::Index { value: 7, .. })), is_watched, "{found:?}");
    }
}

#[test]
fn indices_that_code_changes_lead_nowhere_else() {
    let mut code = Code::new(&spec(Loop::Each, &[], &["cell = int(1000*x) - 2500", "x = w"])).expect("code");
    let mut arrays = Arrays { w: vec![5.0, 6.0], ..Arrays::new() };
    run(&mut code, &mut arrays, Elements::All(4));
    assert_eq!((arrays.cell, arrays.x), (vec![-1500, -500, 500, 1500], vec![5.0, 5.0, 6.0, 6.0]));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn denormals_are_kept_whatever_the_other_program_does_to_its_own() {
    let mut code = Code::new(&spec(Loop::Each, &[], &["x = x/2"])).expect("code");
    let mut arrays = Arrays { x: vec![f64::MIN_POSITIVE; 4], ..Arrays::new() };
    let (mut before, flush_to_zero) = (0u32, 0x9fc0u32);
    // SAFETY: stores the control register and loads a valid value.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", "ldmxcsr [{}]", in(reg) &raw mut before, in(reg) &raw const flush_to_zero);
    }
    run(&mut code, &mut arrays, Elements::All(4));
    let half = std::hint::black_box(f64::MIN_POSITIVE) * std::hint::black_box(0.5);
    // SAFETY: loads what the register held.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const before) };
    assert_eq!(half.to_bits(), 0, "the environment of the other program is back");
    assert_eq!(arrays.x[0].to_bits(), (f64::MIN_POSITIVE / 2.0).to_bits());
}

/// The case that a boolean is in, with what the value is then.
fn case(name: &str, is: bool, value: &str) -> (Vec<(String, bool)>, String) {
    (vec![(name.to_string(), is)], value.to_string())
}

#[test]
fn a_value_told_by_cases_is_the_value() {
    // Statement, its cases, and whether they are what is computed: what the host draws is drawn once.
    let table = [
        ("x = x*exp(0*int(active)) + int(active)", [("active", false, "x"), ("active", true, "x + 1")], true),
        ("x += 2*int(not active)", [("active", false, "2"), ("active", true, "0.0")], true),
        ("x = rand()*int(active)", [("active", false, "0.0*rand()"), ("active", true, "rand()")], false),
    ];
    for (statement, cases, is_used) in table {
        let mut spec = spec(Loop::Each, &[], &[statement]);
        let (mut whole, mut expected) = (Code::new(&spec).expect("code"), Arrays::new());
        run(&mut whole, &mut expected, Elements::All(4));
        spec.vector[0].cases = cases.iter().map(|(name, is, value)| case(name, *is, value)).collect();
        let (mut by_cases, mut found) = (Code::new(&spec).expect("code"), Arrays::new());
        run(&mut by_cases, &mut found, Elements::All(4));
        assert_eq!(found, expected, "{statement}");
        let text = saltus::kernel::text::print_kernel(by_cases.object().kernel());
        assert_eq!(text.contains("select("), is_used, "{statement}: {text}");
    }
}
