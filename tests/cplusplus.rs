//! Functions that users wrote in C++: with every compiler of it that is here, and with a store.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use saltus::build::Env;
use saltus::engine::{
    CacheChoice, CppArray, CppError, CppFunction, CppFunctions, CppSettings, CppText, Options, make_cpp,
};

const COMPILERS: [&str; 2] = ["g++", "clang++"];

fn installed() -> Vec<&'static str> {
    let here = Env::of_process();
    COMPILERS.into_iter().filter(|name| here.find_program(Path::new(name)).is_some()).collect()
}

fn options(compiler: &str, cache: Option<&Path>) -> Options {
    let path = |name: &str| std::env::var_os(name).unwrap_or_default();
    let env = [("PATH", path("PATH")), ("SALTUS_CXX", OsString::from(compiler))];
    let cache = cache.map_or(CacheChoice::None, |directory| CacheChoice::Directory(directory.to_path_buf()));
    Options { env: Env::new(env), cache, ..Options::default() }
}

/// One function of this name that takes doubles.
fn text(name: &str, arguments: usize, source: &str) -> CppText {
    CppText {
        headers: vec!["<cmath>".into()],
        definitions: vec![(name.into(), source.into())],
        functions: vec![CppFunction { name: name.into(), arguments: vec!["double"; arguments], takes_element: false }],
        ..CppText::default()
    }
}

fn open(
    text: &CppText,
    settings: &CppSettings,
    options: &Options,
    arrays: &[*mut u8],
) -> Result<CppFunctions, CppError> {
    // SAFETY: each test gives the arrays that its text has.
    unsafe { make_cpp(text, settings, options)?.open(arrays) }
}

fn called(functions: &CppFunctions, k: usize, arguments: &[&[f64]], n: usize) -> Result<Vec<f64>, String> {
    let elements: Vec<i32> = (0..n as i32).map(|k| 10 * k).collect();
    let mut results = vec![0.0; n];
    functions.call(k, &elements, arguments, &mut results).map(|()| results)
}

#[test]
fn functions_compute_what_they_say() {
    let plain = CppSettings::default;
    let with = |name: &str| CppSettings { define_macros: vec![name.into()], ..CppSettings::default() };
    let cases = [
        ("twice", "double twice(double x) { return 2*x; }", plain(), Ok(vec![2.0, 4.0])),
        ("whole", "template<typename T> int whole(T x) { return int(x); }", plain(), Ok(vec![1.0, 2.0])),
        ("defaults", "double defaults(double x, double y = 3) { return std::pow(x, y); }", plain(), Ok(vec![1.0, 8.0])),
        ("counted", "static int n; double counted(double x) { return x + n++; }", plain(), Ok(vec![1.0, 3.0])),
        ("defined", "double defined(double x) { return x + BIAS; }", with("BIAS=4"), Ok(vec![5.0, 6.0])),
        (
            "library",
            "#include <vector>\ndouble library(double x) { std::vector<double> a(3, x); return a[0] + a.size(); }",
            plain(),
            Ok(vec![4.0, 5.0]),
        ),
        (
            "throws",
            "#include <stdexcept>\ndouble throws(double x) { throw std::runtime_error(\"too large\"); }",
            plain(),
            Err("too large"),
        ),
        ("odd", "double odd(double x) { throw 3; }", plain(), Err("something that is no std::exception")),
    ];
    for compiler in installed() {
        for (name, source, settings, expected) in &cases {
            let functions = open(&text(name, 1, source), settings, &options(compiler, None), &[]).unwrap();
            let results = called(&functions, 0, &[&[1.0, 2.0]], 2);
            assert_eq!(results, expected.clone().map_err(str::to_string), "{compiler}: {name}");
        }
    }
}

#[test]
fn functions_of_one_text_share_its_variables_and_its_arrays() {
    for compiler in installed() {
        let mut table = [0.5, 0.25];
        let mut text = text("put", 1, "double put(double x) { return _table[1] = x; }");
        text.arrays = vec![CppArray { name: "_table".into(), ty: "double" }];
        text.definitions.push(("element".into(), "double element(int k) { return k + _table[1]; }".into()));
        text.functions.push(CppFunction { name: "element".into(), arguments: vec![], takes_element: true });
        let opened = || open(&text, &CppSettings::default(), &options(compiler, None), &[table.as_ptr() as *mut u8]);
        let functions = opened().unwrap();
        assert_eq!(called(&functions, 1, &[], 2).unwrap(), [0.25, 10.25], "{compiler}");
        assert_eq!(called(&functions, 0, &[&[7.0]], 1).unwrap(), [7.0], "{compiler}");
        assert_eq!(called(&functions, 1, &[], 2).unwrap(), [7.0, 17.0], "{compiler}");
        assert_eq!(std::mem::take(&mut table)[1], 7.0);
    }
}

#[test]
fn what_is_refused_is_told_at_its_place() {
    for compiler in installed() {
        let wrong = text("wrong", 1, "double wrong(double x)\n{\n    return missing(x);\n}");
        let fault = open(&wrong, &CppSettings::default(), &options(compiler, None), &[]).unwrap_err().to_string();
        assert!(fault.contains("wrong:3:12: error: ") && !fault.contains("-shared"), "{compiler}: {fault}");
    }
    let long = text("long", 30, "double long(...);");
    let fault = make_cpp(&long, &CppSettings::default(), &options("g++", None)).unwrap_err().to_string();
    assert_eq!(fault, "`long` has more than 29 arguments");
}

#[test]
fn without_a_compiler_code_comes_from_the_store() {
    let store = tempfile::tempdir().unwrap();
    let (known, settings) = (text("known", 1, "double known(double x) { return x/4; }"), CppSettings::default());
    let Some(compiler) = installed().first().copied() else { return };
    open(&known, &settings, &options(compiler, Some(store.path())), &[]).unwrap();
    let nowhere = Options { env: Env::default(), ..options(compiler, Some(store.path())) };
    let functions = open(&known, &settings, &nowhere, &[]).unwrap();
    assert_eq!(called(&functions, 0, &[&[1.0]], 1).unwrap(), [0.25]);
    let other = CppSettings { define_macros: vec!["OTHER".into()], ..CppSettings::default() };
    let fault = open(&known, &other, &nowhere, &[]).unwrap_err().to_string();
    assert!(fault.starts_with("no C++ compiler: looked for `c++`, `g++` and `clang++` in"), "{fault}");
}

#[test]
fn a_file_that_has_changed_is_compiled_again() {
    for compiler in installed() {
        let (store, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let uses = text(
            "uses",
            1,
            "#include \"bias.h\"\ndouble more(double);\ndouble uses(double x) { return more(x) + BIAS; }",
        );
        let source = files.path().join("more.cpp");
        let settings = CppSettings {
            include_dirs: vec![files.path().to_path_buf()],
            sources: vec![source.clone()],
            ..CppSettings::default()
        };
        let contents = [(1, "x"), (2, "x"), (2, "3*x"), (1, "x")];
        for (bias, more) in contents {
            fs::write(files.path().join("bias.h"), format!("#define BIAS {bias}\n")).unwrap();
            fs::write(&source, format!("double more(double x) {{ return {more}; }}\n")).unwrap();
            let functions = open(&uses, &settings, &options(compiler, Some(store.path())), &[]).unwrap();
            let expected = if more == "x" { 2.0 } else { 6.0 } + f64::from(bias);
            assert_eq!(called(&functions, 0, &[&[2.0]], 1).unwrap(), [expected], "{compiler}: {bias}, {more}");
        }
    }
}
