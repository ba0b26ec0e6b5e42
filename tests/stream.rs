//! Monitors that stream to disk: archives are those of recording into memory, memory stays the same, and whatever ends a
//! run leaves readable what was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use assert_cmd::cargo::cargo_bin;
use saltus::cli::output::{RunResult, npz, summary::summary};
use saltus::cli::report::{self, Stopwatch};
use saltus::engine::Options;
use saltus::model::file;
use saltus::network::stream::CHUNK_BYTES;
use saltus::network::{Error, Model, MonitorKind, Network, RandomState, from_file};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipArchive;

fn model_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stream").join(format!("{name}.toml"))
}

/// The model with every kind of monitor; one of them only counts. With `one_clock`, all of them follow that of the cells.
fn every_kind(one_clock: bool) -> Model {
    let (parsed, mut diagnostics) = file::parse(file::read(&model_path("every_kind")).expect("a model"));
    let (mut model, _) = from_file(&parsed, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics}");
    for monitor in &mut model.monitors {
        match &mut monitor.kind {
            MonitorKind::Events { record, .. } => *record = monitor.name != "plain",
            MonitorKind::State { dt, .. } if one_clock => *dt = None,
            _ => {}
        }
    }
    model
}

fn network(model: &Model) -> Network {
    Network::new(model, Options::interpreted()).expect("a right model")
}

/// Carries out all runs of a network.
fn run_all(network: &mut Network) {
    (0..3).for_each(|k| network.run_for(["20*ms", "13.3*ms", "7*ms"][k]).map(drop).expect("a run"));
}

fn result(network: &mut Network) -> RunResult {
    let now = Instant::now();
    report::result(None, network, Stopwatch { start: now, parsed: now, prepared: now, finished: now }, true)
}

/// An array: shape, type and the bytes of its elements.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    shape: Vec<u64>,
    descr: String,
    bytes: Vec<u8>,
}

impl Array {
    fn of(file: &[u8]) -> Array {
        let header = npyz::NpyHeader::from_reader(file).expect("a header");
        let (shape, descr) = (header.shape().to_vec(), header.dtype().descr());
        assert!(shape.len() == 1 || header.order() == npyz::Order::Fortran, "records one after the other");
        let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
        let size = shape.iter().product::<u64>() as usize * header.dtype().num_bytes().expect("a fixed size");
        Array { shape, descr, bytes: file[start..start + size].to_vec() }
    }

    fn records(&self) -> u64 {
        self.shape[self.shape.len() - 1]
    }

    /// Whether the records of this array are the first ones of another.
    fn is_start_of(&self, whole: &Array) -> bool {
        let rows = |array: &Array| array.shape[..array.shape.len() - 1].to_vec();
        (rows(self), &self.descr) == (rows(whole), &whole.descr) && whole.bytes.starts_with(&self.bytes)
    }
}

type Arrays = BTreeMap<String, Array>;

/// The arrays of an archive.
fn archive(path: &Path) -> Arrays {
    let mut archive = ZipArchive::new(File::open(path).expect("a file")).expect("an archive");
    let mut arrays = Arrays::new();
    for k in 0..archive.len() {
        let mut member = archive.by_index(k).expect("a member");
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("bytes");
        let name = member.name().expect("a name").into_owned();
        arrays.insert(name.strip_suffix(".npy").expect("an array").to_owned(), Array::of(&bytes));
    }
    arrays
}

/// The arrays of a monitor that is not finished.
fn parts(path: &Path) -> Arrays {
    let stem = |name: &str| name.strip_suffix(".npy").expect("an array").to_owned();
    let files = names(path).into_iter();
    files.map(|name| (stem(&name), Array::of(&fs::read(path.join(name)).expect("a file")))).collect()
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// `run.json` without what differs from run to run.
fn run_json(directory: &Path) -> Value {
    let text = fs::read_to_string(directory.join("run.json")).expect("run.json");
    let mut run: Value = serde_json::from_str(&text).expect("JSON");
    let members = run.as_object_mut().expect("an object");
    assert!(members.remove("timing").is_some() && members.remove("kernels").is_some());
    run
}

fn assert_same(directory: &Path, expected: &Path) {
    assert_eq!(names(directory), names(expected));
    for name in names(expected).iter().filter(|name| name.ends_with(".npz")) {
        let (found, expected) = (archive(&directory.join(name)), archive(&expected.join(name)));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
        expected.iter().for_each(|(array, expected)| assert!(found[array] == *expected, "`{array}` of {name}"));
    }
    assert_eq!(run_json(directory), run_json(expected));
}

#[test]
fn streamed_archives_are_those_of_memory() {
    for one_clock in [false, true] {
        let model = every_kind(one_clock);
        let expected = tempfile::tempdir().expect("a directory");
        let mut in_memory = network(&model);
        run_all(&mut in_memory);
        let in_memory = result(&mut in_memory);
        npz::write(&in_memory, expected.path()).expect("written");
        let all = archive(&expected.path().join("all.npz"));
        assert_eq!((all["v"].shape.as_slice(), all["up"].descr.as_str()), (&[40, 403][..], "'|b1'"));
        assert_eq!(archive(&expected.path().join("none.npz"))["n"].shape[0], 0);
        assert!(archive(&expected.path().join("spikes.npz"))["n"].records() > 100);
        for chunk_bytes in [1, 700, 20_000, CHUNK_BYTES] {
            let directory = tempfile::tempdir().expect("a directory");
            let mut streamed = network(&model);
            streamed.stream_in_chunks(directory.path(), chunk_bytes).expect("files");
            run_all(&mut streamed);
            streamed.finish_stream().expect("archives");
            let streamed = result(&mut streamed);
            npz::write_run_file(&streamed, directory.path()).expect("written");
            assert_same(directory.path(), expected.path());
            let lines = |result: &RunResult| summary(result).lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
            let count = in_memory.monitors.len();
            assert_eq!(lines(&streamed)[..count], lines(&in_memory)[..count]);
        }
    }
}

#[test]
fn what_was_recorded_before_is_streamed_too() {
    let model = every_kind(false);
    let [expected, directory] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let mut in_memory = network(&model);
    run_all(&mut in_memory);
    npz::write(&result(&mut in_memory), expected.path()).expect("written");
    let mut late = network(&model);
    late.run_for("20*ms").expect("a run");
    late.stream_in_chunks(directory.path(), 1000).expect("files");
    late.run_for("13.3*ms").expect("a run");
    late.run_for("7*ms").expect("a run");
    late.finish_stream().expect("archives");
    npz::write_run_file(&result(&mut late), directory.path()).expect("written");
    assert_same(directory.path(), expected.path());
}

/// Room in memory for records, in bytes of their times.
fn rooms(network: &Network) -> Vec<usize> {
    let events = ["spikes", "low", "plain"].map(|name| network.spikes(name).expect("a monitor").t.capacity());
    let states = ["some", "all", "none"].map(|name| network.states(name).expect("a monitor").t.capacity());
    let rates = [network.rates("rate").expect("a monitor").t.capacity()];
    events.into_iter().chain(states).chain(rates).collect()
}

#[test]
fn memory_stays_the_same_and_files_are_whole_while_a_network_runs() {
    const CHUNK: usize = 4096;
    let directory = tempfile::tempdir().expect("a directory");
    let mut network = network(&every_kind(false));
    network.stream_in_chunks(directory.path(), CHUNK).expect("files");
    network.run_for("0.1*ms").expect("a run");
    let before = rooms(&network);
    assert!(before.iter().all(|room| room * size_of::<f64>() <= CHUNK), "{before:?}");
    for _ in 0..5 {
        network.run_for("20*ms").expect("a run");
        assert_eq!(rooms(&network), before);
        let all = network.states("all").expect("a monitor");
        let found = parts(&directory.path().join("all.parts"));
        assert!(all.written > 0 && found.values().all(|array| array.records() == all.written));
        assert_eq!(all.records(), (network.t_seconds() / 1e-4).round() as u64);
        let spikes = network.spikes("spikes").expect("a monitor");
        assert_eq!(parts(&directory.path().join("spikes.parts"))["up"].records(), spikes.written);
        assert_eq!(spikes.records(), spikes.total);
    }
    assert_eq!(network.spikes("plain").map(|plain| (plain.total > 100, plain.records())), Some((true, 0)));
    network.finish_stream().expect("archives");
    network.run_for("1*ms").expect("a run");
    assert_eq!(network.take_states("some").map(|some| (some.t.len(), some.records())), Some((2, 203)));
}

#[test]
fn parts_of_an_earlier_run_are_removed_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("rate.parts")).expect("a directory");
    for name in ["rate.parts/old.npy", "rate.parts/notes.txt", "rate.npz", "other.npz"] {
        fs::write(path(name), name).expect("a file");
    }
    let model = every_kind(false);
    let mut first = network(&model);
    first.stream_to(directory.path()).expect("files");
    let parts = BTreeSet::from(["notes.txt", "rate.npy", "t.npy"].map(str::to_owned));
    assert_eq!(names(&path("rate.parts")), parts);
    assert_eq!(fs::read(path("rate.npz")).expect("the old archive"), b"rate.npz");
    drop(first);
    let mut second = network(&model);
    second.stream_to(directory.path()).expect("files");
    second.run_for("1*ms").expect("a run");
    second.finish_stream().expect("archives");
    assert_eq!(archive(&path("rate.npz"))["rate"].records(), 10);
    let left: Vec<_> = names(directory.path()).into_iter().filter(|name| !name.ends_with(".npz")).collect();
    assert_eq!(left, ["rate.parts"]);
    assert_eq!(names(&path("rate.parts")), BTreeSet::from(["notes.txt".to_owned()]));
    assert_eq!(fs::read(path("other.npz")).expect("another file"), b"other.npz");
}

#[test]
fn an_archive_that_fails_keeps_no_other_from_being_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut network = network(&every_kind(false));
    network.stream_to(directory.path()).expect("files");
    network.run_for("20*ms").expect("a run");
    fs::remove_file(path("spikes.parts/n.npy")).expect("a file");
    let error = network.finish_stream().expect_err("a file is missing").to_string();
    assert!(error.starts_with(&format!("cannot read `{}`: ", path("spikes.parts/n.npy").display())), "{error}");
    assert_eq!(parts(&path("spikes.parts")).into_keys().collect::<Vec<_>>(), ["i", "t", "up", "v"]);
    let archives = names(directory.path()).into_iter().filter(|name| name.ends_with(".npz"));
    assert_eq!(archives.count(), 6);
}

#[test]
fn states_have_what_is_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut network = network(&every_kind(false));
    network.run_for("20*ms").expect("a run");
    let state = network.store().expect("a state");
    let rate = |network: &Network| network.rates("rate").map(|rate| (rate.records(), rate.mean_hertz()));
    let before = rate(&network);
    assert!(before.is_some_and(|(records, mean)| records == 200 && mean > 0.0));
    network.stream_in_chunks(directory.path(), 100).expect("files");
    network.run_for("13.3*ms").expect("a run");
    assert!(matches!(network.store(), Err(Error::Streaming)));
    assert!(matches!(network.restore(&state, RandomState::Restore), Err(Error::Streaming)));
    network.finish_stream().expect("archives");
    assert_ne!(rate(&network), before);
    network.restore(&state, RandomState::Restore).expect("the same network");
    assert_eq!(rate(&network), before);
    assert_eq!(network.states("all").map(|all| all.records()), Some(200));
    assert_eq!(network.spikes("spikes").map(|spikes| spikes.records() == spikes.total), Some(true));
}

#[test]
fn places_that_are_taken_are_told_before_a_run() {
    type Obstacle = fn(&Path);
    let obstacles: [(&str, Obstacle, &str); 3] = [
        ("out", |path| fs::write(path, "").expect("a file"), "cannot make the directory `[OUT]`: File exists"),
        (
            "out/all.npz",
            |path| fs::create_dir_all(path).expect("a directory"),
            "cannot write `[OUT]/all.npz`: is a directory",
        ),
        (
            "out/rate.parts",
            |path| fs::create_dir(path.parent().expect("out")).and_then(|()| fs::write(path, "")).expect("a file"),
            "cannot make the directory `[OUT]/rate.parts`: File exists",
        ),
    ];
    let mut model = every_kind(false);
    for (name, obstacle, message) in obstacles {
        let directory = tempfile::tempdir().expect("a directory");
        obstacle(&directory.path().join(name));
        let out = directory.path().join("out");
        let error = network(&model).stream_to(&out).expect_err("no place").to_string();
        let error = error.replace(out.to_str().expect("UTF-8"), "[OUT]");
        assert!(error.starts_with(message), "{error}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    model.monitors[0].name = "plain ".to_owned();
    model.monitors[2].name = "plain_".to_owned();
    let error = network(&model).stream_to(directory.path()).expect_err("one file for two").to_string();
    assert!(error.starts_with("two monitors would both write `") && error.contains("plain_.npz`; "), "{error}");
    let mut endless = network(&every_kind(false));
    endless.stream_to(directory.path()).expect("files");
    let error = endless.run_for("1e9*second").expect_err("no room").to_string();
    assert!(error.starts_with("this run records up to ") && error.contains(" GB are free there; "), "{error}");
}

/// A directory for a run of the program.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn saltus(&self, model: &str, more: &[&str]) -> Command {
        self.program(Command::new(cargo_bin("saltus")), model, more)
    }

    fn program(&self, mut command: Command, model: &str, more: &[&str]) -> Command {
        command.arg("run").arg(model_path(model)).args(["--tier", "interpreter", "--no-cache"]).args(more);
        command.current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a run and waits until there are records of a monitor, of which the times are written last.
    fn start_until_written(&self, model: &str, monitor: &str) -> Child {
        let mut child = self.saltus(model, &["--out", "out"]).spawn().expect("a process");
        let times = self.path(&format!("out/{monitor}.parts/t.npy"));
        let header = || npyz::NpyHeader::from_reader(File::open(&times)?);
        while header().map_or(0, |header| header.shape()[0]) == 0 {
            assert!(child.try_wait().expect("a state").is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        child
    }

    /// Runs a model as long as an unfinished run of it was recorded, which left these arrays of a monitor, into the same
    /// directory; they must be the start of what that gives.
    fn assert_start_of_whole(&self, model: &str, monitor: &str, found: &Arrays, seconds: f64) {
        let duration = format!("{seconds:?}*second");
        let output = self.saltus(model, &["--out", "out", "--duration", &duration]).output().expect("an end");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let whole = archive(&self.path(&format!("out/{monitor}.npz")));
        assert_eq!(found.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
        for (name, array) in found {
            assert!(array.records() > 0 && array.is_start_of(&whole[name]), "`{name}` of {monitor}");
            assert!(array.records() >= found["t"].records(), "a time without `{name}`");
        }
        assert!(names(&self.path("out")).iter().all(|name| !name.ends_with(".parts")));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The last time of an array of times.
fn last_time(array: &Array) -> f64 {
    let last: &[u8; 8] = array.bytes.last_chunk().expect("a time");
    f64::from_le_bytes(*last)
}

#[test]
fn a_killed_run_leaves_what_it_has_written() {
    let place = Place::new();
    let mut child = place.start_until_written("wide", "trace");
    child.kill().expect("a process");
    child.wait().expect("an end");
    assert!(!place.path("out/trace.npz").exists() && !place.path("out/run.json").exists());
    let found = parts(&place.path("out/trace.parts"));
    let records = found["v"].records();
    place.assert_start_of_whole("wide", "trace", &found, records as f64 * 1e-3);
}

#[test]
fn what_fills_no_chunk_is_written_every_second() {
    let place = Place::new();
    let mut child = place.start_until_written("slow", "spikes");
    child.kill().expect("a process");
    child.wait().expect("an end");
    let found = parts(&place.path("out/spikes.parts"));
    let bytes: usize = found.values().map(|array| array.bytes.len()).sum();
    assert!(bytes < CHUNK_BYTES / 2, "{bytes} bytes fill a chunk");
    place.assert_start_of_whole("slow", "spikes", &found, last_time(&found["t"]) + 1e-3);
}

#[test]
fn an_interrupted_run_has_its_archives() {
    let place = Place::new();
    let child = place.start_until_written("wide", "trace");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("a signal");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("interrupted: results are those up to the last whole step\n"));
    let expected = BTreeSet::from(["rate.npz", "run.json", "trace.npz"].map(str::to_owned));
    assert_eq!(names(&place.path("out")), expected);
    let run = run_json(&place.path("out"));
    let steps = (run["simulated"].as_f64().expect("seconds") / 1e-3).round() as u64;
    for (monitor, array) in [("trace", "t"), ("trace", "v"), ("rate", "rate")] {
        let found = &archive(&place.path(&format!("out/{monitor}.npz")))[array];
        assert_eq!(found.records(), steps);
        assert_eq!(run["monitors"][monitor]["arrays"][array]["shape"], serde_json::json!(found.shape));
    }
    let records =
        format!("trace  v of 1,000 cells, {} records\n", saltus::cli::output::format::grouped(steps as usize));
    assert!(String::from_utf8(output.stdout).expect("UTF-8").contains(&records), "{records}");
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_what_was_written() {
    let place = Place::new();
    // Files of at most 3 or 6 MB, by what this shell counts in; one more byte is an error and no signal.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 6000; exec \"$0\" \"$@\""]).arg(cargo_bin("saltus"));
    let output = place.program(shell, "wide", &["--out", "out"]).output().expect("an end");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output), "error: cannot write `out/trace.parts/v.npy`: File too large\n");
    let found = parts(&place.path("out/trace.parts"));
    let records = found["v"].records();
    assert!((200..1000).contains(&records), "{records}");
    place.assert_start_of_whole("wide", "trace", &found, records as f64 * 1e-3);
}

#[test]
fn the_program_streams_unless_values_are_needed_in_memory() {
    let place = Place::new();
    let run = |more: &[&str]| {
        let output = place.saltus("every_kind", more).output().expect("an end");
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        printed.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect::<Vec<_>>()
    };
    // Left by an earlier run: it goes even where nothing is streamed.
    for name in ["memory", "drawn"] {
        fs::create_dir_all(place.path(name).join("rate.parts")).expect("a directory");
        fs::write(place.path(name).join("rate.parts/t.npy"), "").expect("a file");
    }
    let streamed = run(&["--out", "streamed"]);
    assert_eq!(run(&["--out", "memory", "--json", "all.json"]), streamed);
    assert_eq!(run(&["--out", "drawn", "--plot", "all.svg"]), streamed);
    assert_eq!(streamed.len(), 7);
    assert_same(&place.path("streamed"), &place.path("memory"));
    assert_same(&place.path("streamed"), &place.path("drawn"));
    // Archives that were streamed are not compressed, as their parts were not.
    let file = File::open(place.path("streamed/all.npz")).expect("a file");
    let mut archive = ZipArchive::new(file).expect("an archive");
    assert_eq!(archive.by_name("v.npy").expect("an array").compression(), zip::CompressionMethod::Stored);
}
