//! Functions written in C.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use saltus::build::Env;
use saltus::build::toolchain::discover;
use saltus::engine::{CacheChoice, Options};
use saltus::expr::check::ValueType;
use saltus::network::{Function, Model, Network, NeuronGroup, Operation};
use saltus::store::{Store, StoreOptions};

use crate::{compiled, run_on_both};

fn allowed() -> Options {
    Options { allow_native: true, ..Options::interpreted() }
}

/// `w = expression` in each step of four cells.
fn model(functions: impl IntoIterator<Item = Function>, expression: &str) -> Model {
    let group = NeuronGroup::new("g", 4, "w : 1").operation(Operation::new(&format!("w = {expression}")));
    functions.into_iter().fold(Model::new().group(group), Model::function)
}

fn values(network: &mut Network) -> Vec<f64> {
    network.run_for("0.1*ms").unwrap();
    network.values("g", "w").unwrap()
}

fn error(function: Function, options: Options) -> String {
    match Network::new(&model([function], "0"), options) {
        Err(error) => error.to_string(),
        Ok(_) => "nothing".to_string(),
    }
}

fn scale(factor: &str) -> Function {
    Function::native("scale", &["x"], &format!("double scale(double x) {{ return {factor}*x; }}"))
}

#[test]
fn c_computes_what_rust_computes() {
    let square = Function::native("square", &["x"], "static double square(double x) { return x*x; }");
    let source = "static double pick(double x, int k, char flag)\n{\n    return flag ? square(x) + table[k] : -x;\n}\n";
    let pick = Function::native("pick", &["x", "k", "flag"], source).dependencies(&["square"]);
    let pick = pick.argument_types(&[ValueType::Float, ValueType::Integer, ValueType::Boolean]);
    let pick = pick.array("table", &[0.1, 0.2, 0.3, 0.4]);
    let in_rust = Function::closure("pick", &["x", "k", "flag"], |arguments, results| {
        for (n, result) in results.iter_mut().enumerate() {
            let (x, k, flag) = (arguments[0][n], arguments[1][n] as usize, arguments[2][n] != 0.0);
            *result = if flag { x * x + [0.1, 0.2, 0.3, 0.4][k] } else { -x };
        }
    });
    let in_rust = in_rust.argument_types(&[ValueType::Float, ValueType::Integer, ValueType::Boolean]);
    let expression = "w/3 + pick(t/(7*ms) + pick(i/3, 3 - i, True), i, i != 2)";
    let run = |functions: Vec<Function>| run_on_both(&model(functions, expression), "5*ms").values("g", "w").unwrap();
    let in_c = run(vec![square, pick]);
    assert_eq!(in_c, run(vec![in_rust]));
    assert!(in_c.iter().all(|value| value.is_finite() && *value != 0.0));
    // Units, integers and booleans as results.
    let functions = [
        Function::native("half", &["n"], "int half(int n) { return n/2; }")
            .argument_types(&[ValueType::Integer])
            .result(ValueType::Integer),
        Function::native("odd", &["n"], "char odd(int n) { return n % 2; }")
            .argument_types(&[ValueType::Integer])
            .result(ValueType::Boolean),
        Function::native("ohm_s_law", &["u", "r"], "double ohm_s_law(double u, double r) { return u/r; }")
            .argument_units(&["volt", "ohm"])
            .unit("amp"),
    ];
    let model = model(functions, "half(i + 1) + 10*int(odd(i)) + 100*int(ohm_s_law(i*mV, 2*ohm)/mA)");
    assert_eq!(run_on_both(&model, "0.1*ms").values("g", "w").unwrap(), [0.0, 11.0, 101.0, 112.0]);
}

#[test]
fn without_permission_nothing_is_compiled() {
    // A compiler that is not there would be noticed.
    let cc = Some(PathBuf::from("/nonexistent/cc"));
    for options in [Options::interpreted(), Options { allow_native: false, ..compiled() }] {
        let message = error(scale("2"), Options { cc: cc.clone(), ..options });
        insta::allow_duplicates! {
            insta::assert_snapshot!(message);
        }
    }
    assert!(error(scale("2"), Options { cc, ..allowed() }).contains("/nonexistent/cc"));
}

#[test]
fn what_the_compiler_says_is_heard() {
    for (source, said) in [
        ("double f(double x) { return x + y; }", "kernel.c:1:33: error: "),
        ("double f(double x) { return x;", "kernel.c:"),
    ] {
        let message = error(Function::native("f", &["x"], source), allowed());
        let (first, rest) = message.split_once('\n').unwrap();
        assert!(first.starts_with("the function `f` cannot be used: `"), "{message}");
        assert!(first.contains(" kernel.c` failed (exit status: 1)"), "{message}");
        assert!(rest.contains(said), "{message}");
    }
    let faults = [
        "double g(double x) { return x; }",
        "double cos(double);\ndouble f(double x) { return cos(x); }",
        "#include <math.h>\ndouble f(double x) { return cos(x) + exp(x); }",
        "int puts(const char *);\ndouble f(double x) { puts(\"x\"); return x; }",
        "__thread double last;\ndouble f(double x) { double before = last; last = x; return before; }",
        "int n;\n__attribute__((constructor)) void early(void) { n = 1; }\ndouble f(double x) { return x + n; }",
    ]
    .map(|source| error(Function::native("f", &["x"], source), allowed()));
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn equal_names_in_two_networks() {
    let new = |function: Function| Network::new(&model([function], "scale(i) + 0.25"), allowed()).unwrap();
    let (mut one, mut other) = (new(scale("2")), new(scale("-3")));
    for _ in 0..2 {
        assert_eq!(values(&mut one), [0.25, 2.25, 4.25, 6.25]);
        assert_eq!(values(&mut other), [0.25, -2.75, -5.75, -8.75]);
    }
    // Equal sources with other arrays, one beside the other; the second one's library comes from the store.
    let directory = tempfile::tempdir().unwrap();
    let options = || Options { cache: CacheChoice::Directory(directory.path().to_path_buf()), ..allowed() };
    let source = "double look(int k) { return table[k]; }";
    let look = |table: &[f64]| {
        let look = Function::native("look", &["k"], source).argument_types(&[ValueType::Integer]).array("table", table);
        let options = Options { cc: (table[0] > 50.0).then(|| PathBuf::from("/nonexistent/cc")), ..options() };
        Network::new(&model([look], "look(i)"), options).unwrap()
    };
    let tables = [[1.0, 2.0, 3.0, 4.0], [60.0, 70.0, 80.0, 90.0]];
    let mut networks = tables.map(|table| look(&table));
    std::thread::scope(|scope| {
        for (network, table) in networks.iter_mut().zip(&tables) {
            scope.spawn(move || (0..1000).for_each(|_| assert_eq!(values(network), table)));
        }
    });
}

#[test]
fn a_stored_function_that_runs_code_when_it_is_opened_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let run = || {
        let options = Options { cache: CacheChoice::Directory(directory.path().to_path_buf()), ..allowed() };
        values(&mut Network::new(&model([scale("2")], "scale(i)"), options).unwrap())
    };
    assert_eq!(run(), [0.0, 2.0, 4.0, 6.0]);
    // Another library under the same key: its function does nothing, but it would run code before.
    let text = "static int n; __attribute__((constructor)) static void start(void) { n = 1; }\n\
                void saltus_kernel(void *const *arrays, void *call) {}\n";
    fs::write(directory.path().join("library.c"), text).unwrap();
    let mut cc = Command::new(discover(&Env::of_process(), None, None).unwrap().program);
    cc.args(["-w", "-shared", "-fPIC", "-nostdlib", "-o", "library.so", "library.c"]).current_dir(directory.path());
    assert!(cc.status().unwrap().success());
    let store = || Store::open(directory.path(), StoreOptions::default());
    let sound = store().list();
    fs::remove_dir_all(directory.path().join("v1")).unwrap();
    let library = fs::read(directory.path().join("library.so")).unwrap();
    store().insert(&sound[0].record.recipe, &sound[0].record.compiler, &library, 0.1);
    assert_eq!(run(), [0.0, 2.0, 4.0, 6.0]);
    assert_eq!(store().list().iter().map(|kept| kept.library()).collect::<Vec<_>>(), [sound[0].library()]);
}
