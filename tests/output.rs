//! What a run writes: JSON, NumPy archives, pictures and the summary, and what happens where it cannot.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use indexmap::IndexMap;
use npyz::{Deserialize, NpyFile, Order};
use saltus::cli::output::plot::PlotFormat;
use saltus::cli::output::result::{
    Elements, KernelReport, MonitorData, Origin, Profile, ProfileRow, RateData, Recorded, RunResult, SpikeData,
    StateData, SwapReport, Timing, Values,
};
use saltus::cli::output::{OutputError, json, npz, plot, summary::summary};

fn recorded(unit: &str, values: Values) -> Recorded {
    Recorded { unit: unit.to_owned(), values }
}

fn table<T, const N: usize>(entries: [(&str, T); N]) -> IndexMap<String, T> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Three cells for 100 ms: every kind of monitor, every type of value, and numbers that are not finite.
fn small() -> RunResult {
    let spikes = SpikeData {
        source: "cells".to_owned(),
        source_size: 3,
        count: 4,
        records: 4,
        i: vec![2, 0, 1, 2],
        t: vec![0.01, 0.0301, 0.0301, 0.09],
        variables: table([
            ("n", recorded("", Values::I32(vec![1, -2, 3, 4]))),
            ("big", recorded("", Values::I64(vec![1 << 53, 0, 0, 1]))),
            ("on", recorded("", Values::Bool(vec![true, false, true, true]))),
            ("w", recorded("A", Values::F64(vec![-0.0, f64::NAN, 1e-9, f64::NEG_INFINITY]))),
            ("single", recorded("", Values::F32(vec![0.1, 0.0, 1.0, 2.0]))),
        ]),
        ..SpikeData::default()
    };
    let trace = StateData {
        source: "cells".to_owned(),
        record: vec![0, 2],
        records: 4,
        t: vec![0.0, 0.025, 0.05, 0.075],
        values: table([
            ("v", recorded("V", Values::F64(vec![-0.07, -0.06, f64::NAN, -0.05, -0.065, 0.02, -0.061, -0.07]))),
            ("free", recorded("", Values::Bool(vec![true, true, true, false, false, false, true, true]))),
        ]),
        ..StateData::default()
    };
    let rate = RateData {
        source: "others".to_owned(),
        source_size: 10,
        records: 2,
        mean: Some(12.5),
        t: vec![0.0, 0.05],
        rate: vec![12.5, f64::NAN],
    };
    let silent = SpikeData { event: Some("peak".to_owned()), source_size: 1, ..SpikeData::default() };
    let weights = BTreeMap::from([("i".to_owned(), vec![0.0, 2.0]), ("w".to_owned(), vec![1.0, f64::INFINITY])]);
    let swap = || SwapReport { key: Some("00ff".to_owned()), preliminary: false, at: 0.015, t: 0.0125 };
    let kernel = |name: &str, origin, compile_seconds: Option<f64>| KernelReport {
        name: name.to_owned(),
        kind: "stateupdate".to_owned(),
        shape: "each".to_owned(),
        language: "c".to_owned(),
        key: compile_seconds.map(|_| "00ff".to_owned()),
        origin,
        compile_seconds,
        swaps: compile_seconds.map(|_| swap()).into_iter().collect(),
    };
    RunResult {
        model: Some("a <small> model".to_owned()),
        simulated_seconds: 0.1,
        monitors: table([
            ("spikes", MonitorData::Spikes(spikes)),
            ("trace", MonitorData::State(trace)),
            ("rate", MonitorData::Rate(rate)),
            ("silent", MonitorData::Spikes(silent)),
        ]),
        synapses: table([("S", 1234), ("A", 1)]),
        final_state: table([("S", weights)]),
        timing: Timing {
            parse: 0.001,
            prepare: 0.002,
            connect: 0.25,
            run: 1.5,
            first_step: 0.0041,
            full_speed: Some(0.212),
            total: 1.75,
        },
        kernels: vec![
            kernel("cells_stateupdater", Origin::Built, Some(0.0625)),
            kernel("others_stateupdater", Origin::Interpreter, None),
        ],
        profile: None,
    }
}

fn json_text(result: &RunResult) -> String {
    let mut bytes = Vec::new();
    json::to_writer(result, &mut bytes).expect("memory");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn json_is_what_the_format_says() {
    // One line as written; broken here after each monitor and table.
    let text = json_text(&small());
    assert_eq!(text.matches('\n').count(), 1);
    insta::assert_snapshot!("json", text.replace("},\"", "},\n\"").replace(json::SIMULATOR, "saltus VERSION"));
}

#[test]
fn a_profile_follows_the_kernels() {
    let row = |name: &str, runs_on| ProfileRow {
        name: name.to_owned(),
        calls: 10,
        seconds: 2e-6,
        ns_per_call: 200.0,
        ns_per_step: 100.0,
        runs_on,
        reason: runs_on.map(|_| "no C compiler".to_owned()),
    };
    let profile = Profile {
        steps: 20,
        seconds: 4e-6,
        kernel_seconds: 1.5e-6,
        objects: vec![row("cells_stateupdater", None)],
        kernels: vec![row("cells_stateupdater", Some("interpreter"))],
    };
    let text = json_text(&RunResult { profile: Some(profile), ..small() });
    let shown = r#""calls":10,"seconds":2e-6,"ns_per_call":200.0,"ns_per_step":100.0"#;
    let expected = format!(
        r#"],"profile":{{"steps":20,"seconds":4e-6,"kernel_seconds":1.5e-6,"objects":[{{"name":"cells_stateupdater",{shown}}}],"kernels":[{{"name":"cells_stateupdater",{shown},"runs_on":"interpreter","reason":"no C compiler"}}]}}}}"#
    );
    assert!(text.trim_end().ends_with(&expected), "{text}");
}

#[test]
fn floats_read_back_to_the_same_bits() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut values: Vec<f64> = vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 0.1 + 0.2, 1e21, 1e-7];
    while values.len() < 5000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = f64::from_bits(state);
        if value.is_finite() {
            values.push(value);
        }
    }
    let rate = RateData { t: values.clone(), ..RateData::default() };
    let text = json_text(&RunResult { monitors: table([("r", MonitorData::Rate(rate))]), ..RunResult::default() });
    let start = text.find("\"t\":[").expect("times") + "\"t\":[".len();
    let end = start + text[start..].find(']').expect("end of times");
    let read: Vec<u64> =
        text[start..end].split(',').map(|number| number.parse::<f64>().expect("number").to_bits()).collect();
    assert_eq!(read, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
}

/// Shape, order and values of one array of an archive, as bits where they are floats.
fn array<T: Deserialize>(path: &Path, name: &str) -> (Vec<u64>, Order, Vec<T>) {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("a file")).expect("an archive");
    let file = archive.by_name(&format!("{name}.npy")).unwrap_or_else(|error| panic!("no array `{name}`: {error}"));
    let array = NpyFile::new(io::BufReader::new(file)).expect("an array");
    let (shape, order) = (array.shape().to_vec(), array.header().order());
    (shape, order, array.into_vec().expect("values of the type"))
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn archives_read_back() {
    let directory = tempfile::tempdir().expect("directory");
    let (result, out) = (small(), directory.path().join("not/yet"));
    npz::write(&result, &out).expect("written");
    let spikes = out.join("spikes.npz");
    assert_eq!(array::<i32>(&spikes, "i").2, [2, 0, 1, 2]);
    assert_eq!(bits(&array::<f64>(&spikes, "t").2), bits(&[0.01, 0.0301, 0.0301, 0.09]));
    assert_eq!(array::<i32>(&spikes, "n").2, [1, -2, 3, 4]);
    assert_eq!(array::<i64>(&spikes, "big").2, [1 << 53, 0, 0, 1]);
    assert_eq!(array::<bool>(&spikes, "on").2, [true, false, true, true]);
    assert_eq!(array::<f32>(&spikes, "single").2, [0.1, 0.0, 1.0, 2.0]);
    assert_eq!(bits(&array::<f64>(&spikes, "w").2), bits(&[-0.0, f64::NAN, 1e-9, f64::NEG_INFINITY]));
    let trace = out.join("trace.npz");
    // Two elements at four times, the elements of one time side by side: what NumPy calls Fortran order.
    let (shape, order, v) = array::<f64>(&trace, "v");
    assert_eq!((shape, order), (vec![2, 4], Order::Fortran));
    assert_eq!(bits(&v), bits(&[-0.07, -0.06, f64::NAN, -0.05, -0.065, 0.02, -0.061, -0.07]));
    assert_eq!(array::<bool>(&trace, "free").0, [2, 4]);
    assert_eq!(array::<f64>(&trace, "t").0, [4]);
    assert_eq!(bits(&array::<f64>(&out.join("rate.npz"), "rate").2), bits(&[12.5, f64::NAN]));
    assert_eq!(array::<i32>(&out.join("silent.npz"), "i").2, [0; 0]);
    let run = fs::read_to_string(out.join("run.json")).expect("run.json");
    insta::assert_snapshot!("run_json", run.replace("},\"", "},\n\"").replace(json::SIMULATOR, "saltus VERSION"));
}

#[test]
fn equal_results_give_equal_bytes() {
    let directory = tempfile::tempdir().expect("directory");
    let [a, b] = ["a", "b"].map(|name| directory.path().join(name));
    npz::write(&small(), &a).expect("first");
    npz::write(&small(), &b).expect("second");
    for name in ["spikes.npz", "trace.npz", "run.json"] {
        assert!(fs::read(a.join(name)).expect("first") == fs::read(b.join(name)).expect("second"), "{name} differs");
    }
}

#[test]
fn the_figure_of_a_small_run() {
    insta::assert_snapshot!("figure", plot::figure(&small()));
}

#[test]
fn a_gap_is_where_a_value_is_not_finite() {
    let state = |values: Vec<f64>| {
        let t = (0..values.len()).map(|k| k as f64 * 0.01).collect();
        let values = table([("v", recorded("V", Values::F64(values)))]);
        MonitorData::State(StateData { record: vec![0], t, values, ..StateData::default() })
    };
    let figure = |values: Vec<f64>| {
        let monitors = table([("m", state(values))]);
        plot::figure(&RunResult { simulated_seconds: 0.04, monitors, ..RunResult::default() })
    };
    let pieces = |svg: &str| {
        let line = svg.lines().find(|line| line.contains("#332288")).expect("the line of the first cell");
        line.split_once(" d=\"").expect("a path").1.matches('m').count()
    };
    assert_eq!(pieces(&figure(vec![0.0, 1.0, 2.0, 3.0])), 1);
    assert_eq!(pieces(&figure(vec![0.0, f64::NAN, 2.0, 3.0])), 2);
    assert_eq!(pieces(&figure(vec![0.0, f64::INFINITY, 2.0, f64::NAN])), 2);
    assert!(figure(vec![f64::NAN; 4]).contains("no finite values"));
    assert!(plot::figure(&RunResult::default()).contains("nothing was recorded"));
}

#[test]
fn a_million_spikes_make_a_small_figure() {
    let count = 1_000_000;
    let i = (0..count).map(|k| (k as i64 * 7919 % 5000) as i32).collect();
    let t = (0..count).map(|k| f64::from(k) / f64::from(count)).collect();
    let spikes = SpikeData { source_size: 5000, count: count as usize, i, t, ..SpikeData::default() };
    let monitors = table([("a", MonitorData::Spikes(spikes.clone())), ("b", MonitorData::Spikes(spikes))]);
    let size = plot::figure(&RunResult { simulated_seconds: 1.0, monitors, ..RunResult::default() }).len();
    assert!(size < 2_500_000, "{size} bytes");
}

#[test]
fn a_png_has_its_labels_without_any_font_of_the_machine() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("figure.PNG");
    let format = path.to_str().expect("UTF-8").parse().expect("a known ending");
    plot::write(&small(), format, &path).expect("drawn");
    let picture = resvg::tiny_skia::Pixmap::decode_png(&fs::read(&path).expect("file")).expect("a PNG");
    assert_eq!(picture.width(), 1440);
    // The title, then the empty corner to its left.
    let dark = |columns: std::ops::Range<u32>| {
        let pixels = columns.flat_map(|x| (20..56).map(move |y| (x, y)));
        pixels.filter(|(x, y)| picture.pixel(*x, *y).is_some_and(|pixel| pixel.red() < 100)).count()
    };
    assert!(dark(80..400) > 500, "{} dark pixels in the title", dark(80..400));
    assert_eq!(dark(0..40), 0);
}

#[test]
fn the_summary_is_short() {
    let expected = "\
a <small> model: 100 ms simulated in 1.50 s
  S       1,234 synapses
  A       1 synapse
  spikes  4 spikes from 3 cells, 13.3 Hz
  trace   v, free of 2 cells, 4 records
  rate    rate of 10 cells, 2 records, 12.5 Hz
  silent  0 events from 1 cell, 0.0 Hz
first step 4.1 ms, full speed 212 ms (t = 12.5 ms), connecting 250 ms; kernels: 1 built, 0 reused, 1 interpreted
";
    assert_eq!(summary(&small()), expected);
    let timing = Timing { run: 0.310_4, first_step: 2e-4, ..Timing::default() };
    let quick = RunResult { simulated_seconds: 2.0, timing, ..RunResult::default() };
    assert_eq!(summary(&quick), "model: 2 s simulated in 310 ms\nfirst step 200 µs\n");
}

#[test]
fn a_plot_is_told_by_its_ending() {
    for (name, format) in [
        ("a.svg", Some(PlotFormat::Svg)),
        ("dir.x/a.PNG", Some(PlotFormat::Png)),
        ("a.pdf", None),
        ("svg", None),
        (".png", None),
        ("", None),
    ] {
        assert_eq!(name.parse::<PlotFormat>().ok(), format, "{name}");
    }
    let message = "a.pdf".parse::<PlotFormat>().expect_err("no pictures of this kind").to_string();
    assert_eq!(message, "the file of a plot must end in `.svg` or `.png`, and `a.pdf` does not");
}

type Writer = fn(&RunResult, &Path) -> Result<(), OutputError>;

const WRITERS: [(&str, Writer); 3] = [
    ("json", json::write),
    ("svg", |result, path| plot::write(result, PlotFormat::Svg, path)),
    ("png", |result, path| plot::write(result, PlotFormat::Png, path)),
];

#[test]
fn errors_name_the_path_and_the_cause() {
    let directory = tempfile::tempdir().expect("directory");
    let missing = directory.path().join("missing/result");
    for (what, write) in WRITERS {
        for path in [missing.as_path(), directory.path()] {
            let error = write(&small(), path).expect_err("nowhere to write");
            assert!(matches!(&error, OutputError::Write { path: named, .. } if named == path), "{what}: {error}");
        }
    }
    let file = directory.path().join("file");
    fs::write(&file, "").expect("file");
    let error = npz::write(&small(), &file.join("out")).expect_err("a file is in the way");
    let OutputError::Directory { path, source } = &error else { panic!("{error}") };
    assert_eq!((path, source.kind()), (&file.join("out"), io::ErrorKind::NotADirectory));
    // An archive that cannot be put in place leaves nothing beside it.
    let out = directory.path().join("out");
    fs::create_dir_all(out.join("trace.npz")).expect("a directory in the way");
    let error = npz::write(&small(), &out).expect_err("a directory is in the way");
    assert!(error.to_string().contains("trace.npz"), "{error}");
    let left: Vec<_> = fs::read_dir(&out).expect("directory").map(|entry| entry.expect("entry").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_devices_stay_devices() {
    use std::os::unix::fs::FileTypeExt;
    let full = Path::new("/dev/full");
    for (what, write) in WRITERS {
        let error = write(&small(), full).expect_err("full");
        let OutputError::Write { path, source } = &error else { panic!("{what}: {error}") };
        assert_eq!((path.as_path(), source.kind()), (full, io::ErrorKind::StorageFull), "{what}");
    }
    assert!(fs::metadata(full).expect("device").file_type().is_char_device());
    json::write(&small(), Path::new("/dev/null")).expect("room for everything");
}

#[test]
fn series_are_by_element() {
    let MonitorData::State(state) = &small().monitors["trace"] else { panic!("a state monitor") };
    let free = &state.values["free"];
    assert_eq!(state.series(free, 0).collect::<Vec<_>>(), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(state.series(free, 1).collect::<Vec<_>>(), [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(Elements::Synapses.words(), ("synapse", "synapses"));
}
