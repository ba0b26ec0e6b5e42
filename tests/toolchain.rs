//! Finding compilers and compiling kernels with whatever compilers are installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use saltus::build::compile::{CompileError, CompileOptions, ENTRY_SYMBOL, compile, compile_all};
use saltus::build::cpu::{CpuFeatures, CpuLevel, Machine};
use saltus::build::elf::Objection;
use saltus::build::recipe::{OptLevel, Recipe};
use saltus::build::toolchain::{Env, Family, Toolchain, ToolchainError, discover, discover_for};
use saltus::render::{Language, Source};
use saltus::runtime::abi;
use tempfile::TempDir;

const PATHS: &str = "/usr/local/bin:/usr/bin:/bin";

fn installed(name: &str) -> Option<PathBuf> {
    Env::new([("PATH", PATHS)]).find_program(Path::new(name))
}

fn found(name: &str) -> Option<Toolchain> {
    let program = installed(name)?;
    Some(discover(&Env::new([("PATH", PATHS)]), Some(&program), None).unwrap())
}

/// Every C compiler of this machine.
fn c_toolchains() -> Vec<Toolchain> {
    let all: Vec<_> = ["gcc", "clang", "tcc", "zig"].into_iter().filter_map(found).collect();
    assert!(!all.is_empty(), "these tests need a C compiler");
    all
}

/// The Rust compiler that Cargo runs, or one like it.
fn rustc() -> Toolchain {
    discover_for(Language::Rust, &Env::of_process(), None, None).expect("Cargo needs one, too")
}

/// Every compiler of this machine.
fn toolchains() -> Vec<Toolchain> {
    let mut all = c_toolchains();
    all.push(rustc());
    all
}

/// A compiler for the tests of scripts around one.
fn any_compiler() -> PathBuf {
    installed("gcc").or(installed("clang")).or(installed("cc")).expect("these tests need a C compiler")
}

fn source(language: Language, body: &str) -> Source {
    let text = match language {
        Language::C | Language::Cpp => format!("{}\n{body}\n", include_str!("../templates/abi.h")),
        Language::Rust => format!("#![no_std]\n{}\n{HANDLER}\n{body}\n", include_str!("../templates/abi.rs")),
    };
    Source { language, text }
}

const HANDLER: &str = "#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! {\n    loop {}\n}\n";

fn recipe(body: &str, toolchain: &Toolchain) -> Recipe {
    let source = source(toolchain.family.language(), body);
    Recipe::new(&source, abi::ABI_VERSION, toolchain, &toolchain.default_features(), OptLevel::O3)
}

const DOUBLE_IT: &str = "void saltus_kernel(u8 *const *arrays, saltus_call *call) {
    double *v = (double *)arrays[0];
    for (i64 i = call->begin; i < call->end; ++i) v[i] = v[i] > 1.0 ? v[i] * 2.0 : v[i];
}";

const DOUBLE_IT_IN_RUST: &str = "#[no_mangle]
pub unsafe extern \"C\" fn saltus_kernel(arrays: *const *mut u8, call: *mut SaltusCall) {
    let v = *arrays as *mut f64;
    for i in (*call).begin as usize..(*call).end as usize {
        *v.add(i) = if *v.add(i) > 1.0 { *v.add(i) * 2.0 } else { *v.add(i) };
    }
}";

fn double_it(language: Language) -> &'static str {
    match language {
        Language::C | Language::Cpp => DOUBLE_IT,
        Language::Rust => DOUBLE_IT_IN_RUST,
    }
}

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (draft, path) = (directory.join(format!("{name}.draft")), directory.join(name));
    fs::write(&draft, format!("#!/bin/sh\n{text}\n")).unwrap();
    // Copied by another process: while a test in another thread starts one, that may hold a file that we have open
    // for writing, and then it cannot be run.
    assert!(Command::new("cp").args([&draft, &path]).status().unwrap().success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A directory with scripts of these names, each of which is a compiler, and a `PATH` with it in front.
fn scripted(names: &[&str]) -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    for name in names {
        script(directory.path(), name, &format!("exec {} \"$@\"", any_compiler().display()));
    }
    let path = format!("{}:{PATHS}", directory.path().display());
    (directory, path)
}

#[test]
fn the_order_of_choice() {
    let (directory, path) = scripted(&["cc", "gcc", "clang", "mine", "other", "third"]);
    // `CC`, `SALTUS_CC`, `--cc`; the program and the arguments that are found.
    type Case =
        (Option<&'static str>, Option<&'static str>, Option<&'static str>, &'static str, &'static [&'static str]);
    let cases: [Case; 7] = [
        (None, None, None, "cc", &[]),
        (Some("third"), None, None, "third", &[]),
        (Some(""), None, None, "cc", &[]),
        (Some("third"), Some("other"), None, "other", &[]),
        (Some("third"), Some("other"), Some("mine"), "mine", &[]),
        (Some("ccache third -m64"), None, None, "third", &["-m64"]),
        (Some("no-such-compiler"), Some("other -m64"), None, "other", &["-m64"]),
    ];
    for (cc, saltus_cc, option, program, arguments) in cases {
        let variables = [("PATH", Some(path.as_str())), ("CC", cc), ("SALTUS_CC", saltus_cc)];
        let env = Env::new(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let toolchain = discover(&env, option.map(Path::new), None).unwrap();
        assert_eq!(toolchain.program, directory.path().join(program), "{cc:?} {saltus_cc:?} {option:?}");
        assert_eq!(toolchain.arguments, arguments);
    }
}

/// A directory with scripts of these names, each of which says of itself that it is of a toolchain of that name.
fn rust_toolchains(names: &[&str]) -> TempDir {
    let directory = TempDir::new().unwrap();
    let sysroot = rustc().program.parent().unwrap().parent().unwrap().to_path_buf();
    for name in names {
        let own = directory.path().join("toolchains").join(name);
        fs::create_dir_all(own.join("bin")).unwrap();
        std::os::unix::fs::symlink(sysroot.join("lib"), own.join("lib")).unwrap();
        script(&own.join("bin"), "rustc", &format!("exec {} \"$@\"", sysroot.join("bin/rustc").display()));
        script(directory.path(), name, &format!("echo \"$@\" >> \"$0.asked\"\necho {}", own.display()));
    }
    directory
}

#[test]
fn the_order_of_choice_for_rust() {
    let directory = rust_toolchains(&["rustc", "mine", "other", "third"]);
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".cargo/bin")).unwrap();
    fs::copy(directory.path().join("other"), home.path().join(".cargo/bin/rustc")).unwrap();
    let with = format!("{}:{PATHS}", directory.path().display());
    // `PATH`, `RUSTC`, `SALTUS_RUSTC`, `--cc`; the name of the toolchain, and its arguments.
    type Case = (&'static str, [Option<&'static str>; 3], &'static str, &'static [&'static str]);
    let cases: [Case; 6] = [
        ("with", [None, None, None], "rustc", &[]),
        ("with", [Some("third"), None, None], "third", &[]),
        ("with", [Some("third"), Some("other"), None], "other", &[]),
        ("with", [Some("third"), Some("other"), Some("mine")], "mine", &[]),
        ("with", [None, Some("sccache other -Cmetadata=x"), None], "other", &["-Cmetadata=x"]),
        ("without", [None, None, None], "other", &[]),
    ];
    for (path, [rustc, saltus_rustc, option], name, arguments) in cases {
        let path = if path == "with" { with.as_str() } else { PATHS };
        let home = home.path().to_str();
        let variables =
            [("PATH", Some(path)), ("RUSTC", rustc), ("SALTUS_RUSTC", saltus_rustc), ("CC", Some("x")), ("HOME", home)];
        let env = Env::new(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let toolchain = discover_for(Language::Rust, &env, option.map(Path::new), None).unwrap();
        assert_eq!(toolchain.program, directory.path().join("toolchains").join(name).join("bin/rustc"), "{name}");
        assert_eq!(
            (toolchain.arguments, toolchain.family),
            (arguments.iter().map(|a| a.to_string()).collect(), Family::Rustc)
        );
    }
}

#[test]
fn a_known_rust_compiler_is_asked_again_when_rustup_may_choose_another() {
    let directory = rust_toolchains(&["rustc"]);
    let (memo, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let settings = home.path().join("settings.toml");
    fs::write(&settings, "default_toolchain = \"one\"").unwrap();
    let path = format!("{}:{PATHS}", directory.path().display());
    let asked = directory.path().join("rustc.asked");
    let is_asked = |toolchain: &str| {
        let variables =
            [("PATH", path.as_str()), ("RUSTUP_HOME", home.path().to_str().unwrap()), ("RUSTUP_TOOLCHAIN", toolchain)];
        discover_for(Language::Rust, &Env::new(variables), None, Some(memo.path())).unwrap();
        fs::remove_file(&asked).is_ok()
    };
    assert!(is_asked("") && !is_asked("") && !is_asked(""));
    assert!(is_asked("nightly") && !is_asked("nightly"));
    fs::write(&settings, "default_toolchain = \"another\"").unwrap();
    assert!(is_asked("") && !is_asked(""));
}

#[test]
fn compilers_of_the_other_language_are_refused() {
    let rustc = rustc().program;
    let env = Env::of_process();
    for (language, program) in [(Language::C, &rustc), (Language::Rust, &any_compiler())] {
        let error = discover_for(language, &env, Some(program), None).unwrap_err();
        let expected = if language == Language::C { "does not say which C" } else { "does not say which Rust" };
        assert!(matches!(error, ToolchainError::Unrecognised { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let nowhere = Env::new([("PATH", "/no/such/directory"), ("HOME", "/no/such/home")]);
    let error = discover_for(Language::Rust, &nowhere, None, None).unwrap_err();
    assert_eq!(error.to_string(), "no Rust compiler: looked for `rustc` in `/no/such/directory`");
    let asked = Env::new([("PATH", "/no/such/directory"), ("SALTUS_RUSTC", "rustc")]);
    let error = discover_for(Language::Rust, &asked, None, None).unwrap_err();
    assert!(matches!(error, ToolchainError::Missing { chosen_by: "`SALTUS_RUSTC`", .. }), "{error}");
}

#[test]
fn what_was_asked_for_is_used_or_refused() {
    let (directory, path) = scripted(&["cc"]);
    let foreign = "echo 'gcc version 12.2.0' >&2; echo 'Target: sparc-linux-gnu' >&2; echo ' /bin/sh x' >&2";
    script(directory.path(), "foreign", foreign);
    script(directory.path(), "partial", &foreign.replace("/bin/sh", "/no/such/cc1"));
    script(directory.path(), "silent", "exit 0");
    let with = |name: &str, value: &str| discover(&Env::new([("PATH", path.as_str()), (name, value)]), None, None);
    assert!(matches!(with("CC", "no-such"), Err(ToolchainError::Missing { chosen_by: "`CC`", .. })));
    assert!(matches!(with("SALTUS_CC", "no-such -m64"), Err(ToolchainError::Missing { .. })));
    assert!(matches!(with("CC", "cc -ffast-math"), Err(ToolchainError::ChangesResults { .. })));
    assert!(matches!(with("CC", "cc -march=native"), Err(ToolchainError::ChangesResults { .. })));
    assert!(matches!(with("CC", "foreign"), Err(ToolchainError::ForeignTarget { .. })));
    assert!(matches!(with("CC", "partial"), Err(ToolchainError::Incomplete { .. })));
    assert!(matches!(with("CC", "silent"), Err(ToolchainError::Unrecognised { .. })));
    let nowhere = Env::new([("PATH", directory.path().join("empty"))]);
    assert!(matches!(discover(&nowhere, None, None), Err(ToolchainError::NotFound { .. })));
    assert!(matches!(discover(&Env::default(), None, None), Err(ToolchainError::NotFound { .. })));
}

#[test]
fn families_are_told_apart() {
    for toolchain in toolchains() {
        let expected = match toolchain.program.file_name().unwrap().to_str().unwrap() {
            "gcc" => Family::Gcc,
            "clang" => Family::Clang,
            "zig" => Family::Zig,
            "rustc" => Family::Rustc,
            _ => Family::Tcc,
        };
        assert_eq!(toolchain.family, expected);
        assert!(toolchain.major_version().is_some(), "{}", toolchain.version);
        assert!(Machine::this().runs(&toolchain.target, &CpuFeatures::baseline()), "{}", toolchain.target);
    }
}

#[test]
fn a_known_compiler_is_not_asked_again() {
    let (directory, path) = scripted(&[]);
    let memo = TempDir::new().unwrap();
    let asked = directory.path().join("asked");
    let text = format!("echo \"$@\" >> {}\nexec {} \"$@\"", asked.display(), any_compiler().display());
    let compiler = script(directory.path(), "cc", &text);
    let env = Env::new([("PATH", path.as_str())]);

    let first = discover(&env, None, Some(memo.path())).unwrap();
    assert_eq!(first.program, compiler);
    fs::remove_file(&asked).unwrap();
    assert_eq!(discover(&env, None, Some(memo.path())).unwrap(), first);
    assert!(!asked.exists(), "a process ran: {}", fs::read_to_string(&asked).unwrap());

    // Another program under the same name is another compiler.
    script(directory.path(), "cc", &format!("# another\n{text}"));
    let second = discover(&env, None, Some(memo.path())).unwrap();
    assert_ne!(first.identity, second.identity);
    fs::remove_file(&asked).unwrap();

    // A damaged memo is no memo.
    for file in fs::read_dir(memo.path()).unwrap() {
        fs::write(file.unwrap().path(), "{\"format\": 1").unwrap();
    }
    assert_eq!(discover(&env, None, Some(memo.path())).unwrap(), second);
    assert!(asked.exists());

    // A memo directory that cannot be written changes nothing.
    assert_eq!(discover(&env, None, Some(Path::new("/no/such/directory"))).unwrap(), second);
}

#[test]
fn our_features_are_those_that_the_compiler_finds_natively() {
    let Some(gcc) = found("gcc").filter(|_| std::env::consts::ARCH == "x86_64") else { return };
    let macro_of = |name: &str| {
        let name = if name == "bmi1" { "bmi" } else { name };
        format!("#define __{}__ 1", name.to_uppercase().replace('.', "_"))
    };
    let ours: Vec<String> = CpuFeatures::of_level(CpuLevel::V4).iter().map(macro_of).collect();
    let defined = |flags: &[&str]| -> Vec<String> {
        let arguments = ["-dM", "-E", "-x", "c", "/dev/null"];
        let output = Command::new(&gcc.program).args(flags).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        ours.iter().filter(|ours| text.lines().any(|line| line == *ours)).cloned().collect()
    };
    let recipe = recipe(DOUBLE_IT, &gcc);
    let flags: Vec<&str> = recipe.arguments.iter().map(String::as_str).filter(|flag| flag.starts_with("-m")).collect();
    assert_eq!(defined(&flags), defined(&["-march=native"]));
    assert_eq!(defined(&["-march=x86-64-v4"]), ours);
    assert_eq!(defined(&["-march=x86-64"]), [""; 0]);
}

#[test]
fn every_compiler_makes_a_kernel_and_always_the_same() {
    assert_eq!(ENTRY_SYMBOL, abi::ENTRY);
    for toolchain in toolchains() {
        for opt_level in [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3] {
            let features = toolchain.default_features();
            let language = toolchain.family.language();
            let source = source(language, double_it(language));
            let recipe = Recipe::new(&source, abi::ABI_VERSION, &toolchain, &features, opt_level);
            let scratch = TempDir::new().unwrap();
            let place = Some(scratch.path().to_path_buf());
            let options = CompileOptions { scratch: place, ..CompileOptions::default() };
            let once = compile(&recipe, &toolchain, &options).unwrap();
            let again = compile(&recipe, &toolchain, &options).unwrap();
            assert!(once.library == again.library, "{} {opt_level:?}", toolchain.version);
            assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "files are left behind");
        }
    }
}

const EMPTY_KERNEL: &str = "void saltus_kernel(u8 *const *arrays, saltus_call *call) { (void)arrays; (void)call; }";

#[test]
fn libraries_that_are_no_kernels_are_refused() {
    let libm = "extern double sqrt(double); void saltus_kernel(u8 *const *arrays, saltus_call *call) {
        *(double *)arrays[0] = sqrt(*(double *)arrays[1]); (void)call; }";
    let undefined = Objection::Undefined(vec!["sqrt".into()]);
    let cases = [
        (libm.to_string(), undefined),
        (
            format!("volatile int x; __attribute__((constructor)) void start(void) {{ x = 1; }} {EMPTY_KERNEL}"),
            Objection::RunsAtLoad,
        ),
        (
            format!("volatile int x; __attribute__((destructor)) void stop(void) {{ x = 1; }} {EMPTY_KERNEL}"),
            Objection::RunsAtLoad,
        ),
        (format!("__thread int x; {EMPTY_KERNEL} int *place(void) {{ return &x; }}"), Objection::ThreadLocal),
        ("void another_kernel(void) { }".to_string(), Objection::NoEntry("saltus_kernel".into())),
        ("int saltus_kernel;".to_string(), Objection::NoEntry("saltus_kernel".into())),
    ];
    let in_rust = |body: &str| format!("#[no_mangle] pub extern \"C\" fn saltus_kernel() {{}} {body}");
    let section = |name: &str| {
        in_rust(&format!("#[used] #[link_section = \".{name}\"] static AT: extern \"C\" fn() = saltus_kernel;"))
    };
    let libc = "extern \"C\" { fn getpid() -> i32; }
        #[no_mangle] pub unsafe extern \"C\" fn saltus_kernel(arrays: *const *mut i32) { **arrays = getpid(); }";
    let rust_cases = [
        (libc.to_string(), Objection::Undefined(vec!["getpid".into()])),
        (section("init_array"), Objection::RunsAtLoad),
        (section("fini_array"), Objection::RunsAtLoad),
        ("#[no_mangle] pub extern \"C\" fn another_kernel() {}".into(), Objection::NoEntry("saltus_kernel".into())),
    ];
    for toolchain in toolchains().into_iter().filter(|toolchain| toolchain.family != Family::Tcc) {
        let cases = if toolchain.family == Family::Rustc { &rust_cases[..] } else { &cases[..] };
        for (body, expected) in cases {
            match compile(&recipe(body, &toolchain), &toolchain, &CompileOptions::default()) {
                Err(CompileError::NoKernel { objection, .. }) => assert_eq!(objection, *expected, "{body}"),
                other => panic!("{}: {body}: {other:?}", toolchain.version),
            }
        }
    }
}

#[test]
fn a_refused_source_is_reported_with_its_line() {
    for toolchain in toolchains() {
        let language = toolchain.family.language();
        let (file, text) = match language {
            Language::C | Language::Cpp => ("kernel.c", "int x = ;"),
            Language::Rust => ("kernel.rs", "static X: i32 = ;"),
        };
        let error = compile(&recipe(text, &toolchain), &toolchain, &CompileOptions::default()).unwrap_err();
        let mut line = source(language, text).text.lines().position(|l| l == text).unwrap() + 1;
        if toolchain.family == Family::Tcc {
            // It looks one symbol ahead.
            line += 1;
        }
        let message = error.to_string();
        assert!(matches!(error, CompileError::Rejected { .. }), "{message}");
        assert!(message.contains(&format!("{file}:{line}:")), "{message}");
        assert!(message.contains(toolchain.program.to_str().unwrap()), "{message}");
    }
}

#[test]
fn a_compiler_that_hangs_is_stopped() {
    let (directory, path) = scripted(&[]);
    let compiler = any_compiler();
    let hangs = format!("case \"$*\" in *kernel.c*) sleep 1000;; *) exec {} \"$@\";; esac", compiler.display());
    let program = script(directory.path(), "hangs", &hangs);
    let toolchain = discover(&Env::new([("PATH", path)]), Some(&program), None).unwrap();
    let options = CompileOptions { time_limit: Duration::from_millis(200), ..CompileOptions::default() };
    let started = Instant::now();
    let error = compile(&recipe(DOUBLE_IT, &toolchain), &toolchain, &options).unwrap_err();
    assert!(error.to_string().contains("was stopped after 0.2 s"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(500));
}

#[test]
fn the_compiler_sees_a_clean_environment() {
    let (directory, path) = scripted(&[]);
    let seen = directory.path().join("seen");
    let text = format!("/usr/bin/env > {}\nexec {} \"$@\"", seen.display(), any_compiler().display());
    let program = script(directory.path(), "cc", &text);
    let env = Env::new([("PATH", path.as_str()), ("CPATH", "/somewhere"), ("CFLAGS", "-ffast-math")]);
    let toolchain = discover(&env, Some(&program), None).unwrap();
    compile(&recipe(DOUBLE_IT, &toolchain), &toolchain, &CompileOptions::default()).unwrap();
    let text = fs::read_to_string(&seen).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // The shell of the script adds these.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH", "TMPDIR"]);
}

#[test]
fn only_the_compiler_of_the_recipe_compiles_it() {
    let (directory, path) = scripted(&["cc"]);
    let other = discover(&Env::new([("PATH", path)]), Some(&directory.path().join("cc")), None).unwrap();
    let toolchain = &c_toolchains()[0];
    let error = compile(&recipe(DOUBLE_IT, toolchain), &other, &CompileOptions::default()).unwrap_err();
    assert!(matches!(error, CompileError::AnotherCompiler { .. }));
}

#[test]
fn many_kernels_come_back_in_order() {
    let toolchain = &c_toolchains()[0];
    let recipes: Vec<Recipe> = (0..6)
        .map(|k| match k {
            3 => recipe("this is no C;", toolchain),
            k => recipe(&format!("const char mark[] = \"kernel number {k}\"; {DOUBLE_IT}"), toolchain),
        })
        .collect();
    let results = compile_all(&recipes, toolchain, &CompileOptions::default());
    for (k, result) in results.iter().enumerate() {
        match result {
            Ok(compiled) => {
                let mark = format!("kernel number {k}");
                assert!(compiled.library.windows(mark.len()).any(|bytes| bytes == mark.as_bytes()), "{k}");
            }
            Err(error) => assert!(k == 3 && matches!(error, CompileError::Rejected { .. }), "{k}: {error}"),
        }
    }
    assert!(results[3].is_err());
}
