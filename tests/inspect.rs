//! Kernels as text and as a page: what is said of two models, pages of all of them, and what profiles and machine code tell.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use saltus::build::toolchain::discover;
use saltus::build::{CompileOptions, Env, OptLevel, Toolchain, ToolchainError, compile};
use saltus::cli::args::Changes;
use saltus::cli::inspect::page::{Shown, html};
use saltus::cli::inspect::text::{functions, joined, parameters, statements};
use saltus::cli::load::load;
use saltus::cli::report::warnings_of;
use saltus::engine::{CacheChoice, Options, Reason, RunsOn};
use saltus::inspect::assembly::machine_code;
use saltus::inspect::highlight::escaped;
use saltus::inspect::{KernelView, kernels};
use saltus::network::{Model, Network, NetworkOperation, NeuronGroup};
use saltus::render::Language;
use saltus::store::{Store, StoreOptions};

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let entries = std::fs::read_dir(folder).expect("the folder of models");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut models: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    models.sort();
    assert!(models.len() > 40, "only {} models", models.len());
    models
}

fn network_of(path: &Path) -> Network {
    let checked = load(path, &Changes::default()).unwrap_or_else(|_| panic!("{} is wrong", path.display())).checked;
    Network::from_checked(checked, Options::interpreted()).expect("a network")
}

fn toolchain() -> Result<Toolchain, ToolchainError> {
    discover(&Env::of_process(), None, None)
}

#[test]
fn what_is_said_of_two_models() {
    for name in ["stdp", "random_poisson"] {
        let network = network_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/models/{name}.toml")));
        let all = kernels(&network, Language::C);
        let shown: Vec<&KernelView> = all.iter().collect();
        let forms = [statements, parameters, functions].map(|form| joined(&shown, "#", form));
        insta::with_settings!({ snapshot_path => "inspect", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, forms.join("\n"));
        });
    }
}

/// What is wrong with the tags of a page: what is not closed, or closed and not open.
fn faults_of_tags(page: &str) -> Vec<String> {
    /// Elements without an end.
    const VOID: [&str; 3] = ["!DOCTYPE", "meta", "link"];
    let mut open: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    let (mut rest, mut is_style) = (page, false);
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        let tag = &rest[start + 1..start + length];
        rest = &rest[start + length + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                faults.push(format!("</{name}> closes nothing"));
            }
            is_style &= name != "style";
        } else if is_style {
            faults.push(format!("<{tag}> in a style"));
        } else if !VOID.contains(&name) {
            open.push(name);
            is_style = name == "style";
        }
    }
    faults.extend(open.iter().map(|name| format!("<{name}> stays open")));
    faults
}

#[test]
fn faults_of_tags_are_seen() {
    assert_eq!(faults_of_tags("<p>a &lt; b<meta x=\"1\"></p>"), [""; 0]);
    assert_eq!(faults_of_tags("<p><b></p>"), ["</p> closes nothing", "<p> stays open"]);
    assert_eq!(faults_of_tags("<style>a<b></style>"), ["<b> in a style"]);
}

/// What a page must not have, or has not.
fn faults_of_page(page: &str, shown: &Shown<'_>) -> Vec<String> {
    let mut faults = faults_of_tags(page);
    for forbidden in ["<script", "http", "@import", "url(", "<img", "javascript"] {
        if page.contains(forbidden) {
            faults.push(format!("it has `{forbidden}`"));
        }
    }
    let mut ids = BTreeSet::new();
    for kernel in shown.kernels {
        let name = escaped(&kernel.name);
        if !page.contains(&format!("<section id=\"{name}\">")) || !page.contains(&format!("href=\"#{name}\"")) {
            faults.push(format!("`{name}` is missing, or no link leads there"));
        }
        if !ids.insert(name.clone()) {
            faults.push(format!("`{name}` is there twice"));
        }
        let key = kernel.recipe(shown.toolchain.as_ref().expect("a compiler"), shown.level).key().to_string();
        for text in [kernel.id().short(), key, escaped(kernel.kind)] {
            if !page.contains(&text) {
                faults.push(format!("`{text}` of `{name}` is missing"));
            }
        }
    }
    let fields = ["language", "kernel ABI", "numeric policy", "compiler", "level", "target", "features", "arguments"];
    for field in fields.iter().chain(&["source", "compiled"]) {
        let count = page.matches(&format!("<dt>{field}</dt>")).count();
        // Each is in each key; that it was not compiled is said under the same word.
        if count < shown.kernels.len() {
            faults.push(format!("the field `{field}` is there {count} times"));
        }
    }
    faults
}

#[test]
fn every_model_has_a_page_that_needs_nothing_else() {
    let (toolchain, store) = (toolchain(), Store::none());
    for path in models() {
        let network = network_of(&path);
        let all = kernels(&network, Language::C);
        let views: Vec<&KernelView> = all.iter().collect();
        let (model, level) = (path.to_str().expect("UTF-8"), OptLevel::O3);
        let shown = Shown { model, network: &network, kernels: &views, toolchain: &toolchain, level, store: &store };
        assert_eq!(faults_of_page(&html(&shown), &shown), [""; 0], "{model}");
        for kernel in &all {
            assert_eq!(faults_of_origin(kernel), [""; 0], "{model}: {}", kernel.name);
        }
    }
}

/// In what the statements that a kernel is said to be made from, which are told from the model, disagree with those that
/// its IR remembers: some of them, since those that compute what others have computed are gone.
fn faults_of_origin(kernel: &KernelView) -> Vec<String> {
    let mut faults = Vec::new();
    if kernel.made.of.is_empty() {
        faults.push("nobody has it".to_string());
    }
    let ir = kernel.ir();
    let remembered: BTreeSet<&str> = ir.lines().filter_map(|line| line.trim().strip_prefix("# ")).collect();
    let told: BTreeSet<&str> = kernel.made.statements.iter().map(String::as_str).collect();
    faults.extend(remembered.difference(&told).map(|statement| format!("`{statement}` is only in the IR")));
    // What matrices are computed from are expressions.
    if told.is_empty() && kernel.made.method.is_none() || kernel.shape() == "select" && told.len() != 1 {
        faults.push(format!("made from {told:?}"));
    }
    faults
}

#[test]
fn what_a_user_calls_things_is_no_markup() {
    let hostile = "<b onload=\"x()\">&'</b></style><script>";
    let cells = NeuronGroup::new("cells", 2, "dv/dt = -v/ms : 1").threshold("v<1 and v > 0").reset("v = 0");
    let network = Network::new(&Model::new().group(cells), Options::interpreted()).expect("a network");
    let all = kernels(&network, Language::C);
    let views: Vec<&KernelView> = all.iter().collect();
    let (toolchain, store, level) = (toolchain(), Store::none(), OptLevel::O3);
    let shown =
        Shown { model: hostile, network: &network, kernels: &views, toolchain: &toolchain, level, store: &store };
    let page = html(&shown);
    assert_eq!(faults_of_page(&page, &shown), [""; 0]);
    assert!(page.contains("<title>&lt;b onload=") && !page.contains("<b onload"), "{page}");
    assert!(page.contains("v&lt;<span class=\"l\">1</span>"), "the text of the model: {page}");
}

#[test]
fn a_profile_says_why_kernels_never_left_the_interpreter() {
    let cells = NeuronGroup::new("cells", 2, "dv/dt = -v/ms : 1").threshold("v > 1").reset("v = 0");
    let nothing = Env::new([("PATH", "")]);
    let options = Options { env: nothing, cache: CacheChoice::None, ..Options::default() };
    let mut network = Network::new(&Model::new().group(cells), options).expect("a network");
    network.set_profiling(true);
    network.run_for("5*ms").expect("a run");
    network.finish().expect("an end");
    let warnings = warnings_of(&network.profiling_summary().expect("profiling is on"));
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let names = "`cells_spike_thresholder`";
    assert!(warning.starts_with("the kernels `") && warning.contains(names), "{warning}");
    assert!(warning.contains(" never left the interpreter: no C compiler: looked for"), "{warning}");
    let kernel = kernels(&network, Language::C).remove(0);
    assert_eq!((kernel.runs_on(), kernel.calls.expect("calls").count), (RunsOn::Interpreter, 50));
}

#[test]
fn kernels_are_looked_at_while_the_network_runs() {
    let cells = NeuronGroup::new("cells", 2, "dv/dt = -v/ms : 1").method("euler");
    let mut network = Network::new(&Model::new().group(cells), Options::interpreted()).expect("a network");
    network.set_profiling(true);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let own = seen.clone();
    let look = move |network: &mut Network, _: f64| {
        let kernel = kernels(network, Language::Rust).remove(0);
        let report = kernel.report.expect("it is put together");
        let calls = kernel.calls.map(|calls| calls.count);
        own.lock().expect("no panic").push((kernel.made.method, report.reason, calls));
        Ok(())
    };
    network.add_operation(NetworkOperation::new("look").dt("0.2*ms").when("end"), look).expect("a slot");
    network.run_for("0.5*ms").expect("a run");
    let expected = [1, 3, 5].map(|calls| (Some("euler"), Some(Reason::NotAsked), Some(calls)));
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

#[test]
fn machine_code_is_that_of_the_stored_library_or_of_the_compiler() {
    let cells = NeuronGroup::new("cells", 2, "dv/dt = -v/ms : 1").method("euler");
    let network = Network::new(&Model::new().group(cells), Options::interpreted()).expect("a network");
    let kernel = kernels(&network, Language::C).remove(0);
    let toolchain = toolchain().expect("a compiler");
    let show = |stored, toolchain, env: &Env| machine_code(&kernel, stored, toolchain, OptLevel::O1, env);

    let by_compiler = show(None, Some(&toolchain), &Env::of_process()).expect("assembly");
    assert_eq!(by_compiler.from, format!("by {}", toolchain.version));
    assert!(by_compiler.text.contains("saltus_kernel:"), "{}", by_compiler.text);
    let nothing = show(None, None, &Env::of_process()).expect_err("nothing to show");
    assert_eq!(nothing.to_string(), "the kernel is not in the store, and there is no compiler to make it");

    let directory = tempfile::tempdir().expect("a directory");
    let recipe = kernel.recipe(&toolchain, OptLevel::O1);
    let compiled = compile(&recipe, &toolchain, &CompileOptions::default()).expect("a library");
    let store = Store::open(&directory.path().join("store"), StoreOptions::default());
    let artifact = store.insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
    let without = Env::new([("PATH", directory.path())]);
    let error = show(Some(&artifact), None, &without).expect_err("no program");
    assert_eq!(error.to_string(), "no `objdump` in the `PATH`");
    assert_eq!(show(Some(&artifact), Some(&toolchain), &without).expect("assembly"), by_compiler);

    let program = directory.path().join("objdump");
    // It shows what it was asked for, more than messages would.
    let script = "#!/bin/sh\necho \"file: $*\"\necho '0a <saltus_kernel>:'\necho \" b: $#\"\n\
                  i=0; while [ $i -lt 2000 ]; do echo '     c: a line of more than forty characters .'; i=$((i+1)); done\n";
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("executable");
    let shown = show(Some(&artifact), None, &without).expect("disassembled");
    assert_eq!(shown.from, format!("from the library {}", artifact.key.short()));
    assert!(shown.text.starts_with("0a <saltus_kernel>:\n b: 5\n"), "{}", &shown.text[..60]);
    assert_eq!(shown.text.lines().count(), 2002);
    std::fs::write(&program, "#!/bin/sh\necho oh no\nexit 4\n").expect("written");
    let error = show(Some(&artifact), None, &without).expect_err("it failed").to_string();
    assert!(error.contains("objdump --disassemble") && error.ends_with("(exit status: 4):\noh no"), "{error}");
}
