//! Model files: what they say in typed form, and every message about those that are wrong.
//!
//! `model_file/NAME.toml` holds cases with errors, divided by lines `#--- title`; `NAME.snap` holds the messages.
//! `model_file/reference/` and `every_key.toml` are right.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use saltus::diag::{Diagnostic, File, Span, Text};
use saltus::model::file::keys::{self, Shape, Table};
use saltus::model::file::{
    self, ChangeError, Changes, FileError, GroupKind, ModelFile, MonitorKind, Scalar, Selection, schema,
};

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/model_file").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn in_memory(text: impl Into<String>) -> Arc<File> {
    Arc::new(File { name: "model.toml".into(), text: text.into() })
}

/// The model of a text in which nothing is wrong.
fn right(text: &str) -> ModelFile {
    let (model, diagnostics) = file::parse(in_memory(text));
    assert!(diagnostics.0.is_empty(), "{diagnostics}\n\nin:\n{text}");
    model
}

#[test]
fn messages() {
    for name in ["unknown", "missing", "types", "numbers", "names", "connect", "syntax"] {
        let mut messages = String::new();
        for case in fixture(&format!("{name}.toml")).split("#--- ").skip(1) {
            let (title, text) = case.split_once('\n').expect("a title");
            let (_, diagnostics) = file::parse(in_memory(text));
            assert!(!diagnostics.0.is_empty(), "nothing is said about `{title}`");
            let _ = write!(messages, "======== {title}\n\n{diagnostics}\n\n");
        }
        insta::with_settings!({ snapshot_path => "model_file", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, messages);
        });
    }
}

#[test]
fn reference_models_are_right() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/model_file/reference");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let file = file::read(&path).expect("a readable file");
        let (model, diagnostics) = file::parse(file);
        assert!(diagnostics.0.is_empty(), "{diagnostics}");
        assert_eq!(model.name.as_ref().map(Text::as_str), path.file_stem().and_then(|stem| stem.to_str()));
        count += 1;
    }
    assert_eq!(count, 14);
}

/// The model without its file, so that models of files that differ elsewhere can be compared.
fn typed(model: &ModelFile) -> String {
    format!("{model:?}").replace(&format!("{:?}", model.file), "")
}

#[test]
fn every_key_is_read() {
    let text = fixture("every_key.toml");
    let whole = typed(&right(&text));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let is_kind_that_is_the_default = line.trim_end() == "kind = \"neurons\"";
        if !line.contains(" = ") || line.starts_with("dv/dt") || is_kind_that_is_the_default {
            continue;
        }
        let mut without = text.clone();
        let is_multi_line = line.trim_end().ends_with("'''");
        let range = if is_multi_line {
            range.start..range.end + text[range.end..].find("'''").expect("an end") + 3
        } else {
            range
        };
        without.replace_range(range.clone(), &" ".repeat(range.len()));
        let (model, diagnostics) = file::parse(in_memory(without));
        assert!(diagnostics.has_errors() || typed(&model) != whole, "this line changes nothing: {line}");
    }
}

/// `TABLE.KEY` of all keys that occur in a value of this shape.
fn keys_of(shape: &Shape, keys: &mut BTreeSet<(&'static str, &'static str)>) {
    match shape {
        Shape::Table(table) => keys_of_table(table, keys),
        Shape::Map { of, .. } | Shape::List { of, .. } => keys_of(of, keys),
        Shape::Any(shapes) => shapes.iter().for_each(|shape| keys_of(shape, keys)),
        _ => {}
    }
}

fn keys_of_table(table: &Table, keys: &mut BTreeSet<(&'static str, &'static str)>) {
    for key in table.keys {
        keys.insert((table.word, key.name));
        keys_of(&key.shape, keys);
    }
}

/// The same for the keys of a document.
fn keys_used(shape: &Shape, value: &toml::Value, used: &mut BTreeSet<(&'static str, &'static str)>) {
    match (shape, value) {
        (Shape::Table(table), toml::Value::Table(entries)) => {
            for (name, value) in entries {
                let key = table.key(name).unwrap_or_else(|| panic!("`{name}` in {}", table.word));
                used.insert((table.word, key.name));
                keys_used(&key.shape, value, used);
            }
        }
        (Shape::Map { of, .. }, toml::Value::Table(entries)) => {
            entries.iter().for_each(|(_, value)| keys_used(of, value, used));
        }
        (Shape::List { of, .. }, toml::Value::Array(elements)) => {
            elements.iter().for_each(|value| keys_used(of, value, used));
        }
        (Shape::Any(shapes), value) => shapes.iter().for_each(|shape| keys_used(shape, value, used)),
        _ => {}
    }
}

#[test]
fn the_fixture_with_every_key_has_every_key() {
    let document: toml::Table = fixture("every_key.toml").parse().expect("TOML");
    let (mut all, mut used) = (BTreeSet::new(), BTreeSet::new());
    keys_of_table(&keys::MODEL, &mut all);
    keys_used(&Shape::Table(&keys::MODEL), &toml::Value::Table(document), &mut used);
    // It would be in vain beside the runs.
    used.insert(("the settings", "duration"));
    assert_eq!(all, used);
}

/// `UPDATE_SCHEMA=1 cargo test --test model_file` writes the file anew.
#[test]
fn the_schema_is_that_of_the_reader() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/model.schema.json");
    let expected = schema::json();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&expected).expect("JSON") + "\n";
        std::fs::write(&path, text).expect("the schema is written");
    }
    let found: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the schema")).expect("JSON");
    assert_eq!(found, expected, "schema/model.schema.json is stale");
}

#[test]
fn order_is_that_of_first_mention() {
    let model = right(
        "format = 1\n[groups.b.init]\nv = 1\na = 2\n[groups.a]\nN = 1\nequations = ''\n[settings]\nduration = '1*second'\n\
         [groups.b]\nequations = ''\nN = 2\n[constants]\nz = 1\ny = 'z'\nx = 'y'\n",
    );
    assert_eq!(model.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(model.groups[0].init().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["v", "a"]);
    assert_eq!(model.constants.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "y", "x"]);
}

/// What the file has where a part of a text was written.
fn underlined(text: &Text, part: &str) -> (usize, usize, String) {
    let start = text.as_str().find(part).expect("the part");
    let diagnostic = Diagnostic::error(text, Span::new(start, start + part.len()), "");
    let (line, column) = diagnostic.line_column().expect("a place");
    let json = diagnostic.to_json();
    let end =
        (json["end_line"].as_u64().expect("a line") as usize, json["end_column"].as_u64().expect("a column") as usize);
    let lines: Vec<Vec<char>> = text.file().text.split('\n').map(|line| line.chars().collect()).collect();
    let shown = if line == end.0 {
        lines[line - 1][column - 1..end.1 - 1].iter().collect()
    } else {
        lines[line - 1][column - 1..].iter().collect()
    };
    (line, column, shown)
}

#[test]
fn text_knows_where_it_is_written() {
    let model = right(
        "format = 1\r\nsettings.duration = \"1*second\"\r\n[groups.cells]\r\nN = 1_0\r\nequations = '''\r\ndv/dt = -v/tau : 1\r\n\r\nw : 1'''\r\n\
         threshold = \"v \\u003e \\\"1\\\" \\t# \u{e9} x\"\r\nreset = \"\"\"\\\r\n   v = 0\r\n   w = \\\\ \\\r\n  1\"\"\"\r\nmethod = 'ex\u{e4}ct'\r\n",
    );
    let GroupKind::Neurons(neurons) = &model.groups[0].kind else { panic!("neurons") };
    assert_eq!(neurons.equations.as_str(), "dv/dt = -v/tau : 1\n\nw : 1");
    assert_eq!(neurons.equations.place(), "groups.cells.equations");
    assert_eq!(underlined(&neurons.equations, "tau"), (6, 12, "tau".into()));
    assert_eq!(underlined(&neurons.equations, "w : 1"), (8, 1, "w : 1".into()));
    let threshold = neurons.threshold.as_ref().expect("a threshold");
    assert_eq!(threshold.as_str(), "v > \"1\" \t# \u{e9} x");
    assert_eq!(underlined(threshold, "v"), (9, 14, "v".into()));
    assert_eq!(underlined(threshold, "1"), (9, 25, "1".into()));
    assert_eq!(underlined(threshold, "\u{e9} x"), (9, 33, "\u{e9} x".into()));
    let reset = neurons.reset.as_ref().expect("a reset");
    assert_eq!(reset.as_str(), "v = 0\n   w = \\ 1");
    assert_eq!(underlined(reset, "v"), (11, 4, "v".into()));
    assert_eq!(underlined(reset, "w"), (12, 4, "w".into()));
    assert_eq!(underlined(reset, "1"), (13, 3, "1".into()));
    assert_eq!(underlined(&neurons.n.text, "1_0"), (4, 5, "1_0".into()));
    assert_eq!(neurons.n.value, 10);
    assert_eq!(underlined(&model.groups[0].name, "cells"), (3, 9, "cells".into()));
}

fn escaped(content: &str) -> String {
    let mut written = String::from('"');
    for (k, c) in content.chars().enumerate() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' if k % 2 == 0 => written.push_str("\\t"),
            c if c.is_control() && c != '\t' || k % 5 == 4 => {
                let _ = write!(written, "\\U{:08X}", c as u32);
            }
            c => written.push(c),
        }
    }
    written + "\""
}

proptest! {
    #[test]
    fn each_character_is_where_it_was_written(content in "[a-z \"\\\\\n\r\té→𝄞\u{7}]{0,40}") {
        let text = format!("format = 1\nname = {}\nsettings.duration = '1'\n", escaped(&content));
        let model = right(&text);
        let name = model.name.as_ref().expect("a name");
        prop_assert_eq!(name.as_str(), &content);
        for (at, c) in content.char_indices() {
            let diagnostic = Diagnostic::error(name, Span::new(at, at + c.len_utf8()), "");
            let (line, column) = diagnostic.line_column().expect("a place");
            prop_assert_eq!(line, 2);
            let there = text.lines().nth(1).and_then(|line| line.chars().nth(column - 1));
            prop_assert!(there == Some(c) || there == Some('\\'), "{:?} for {:?}", there, c);
        }
    }

    #[test]
    fn broken_files_are_reported_not_feared(cut in 0usize..3000, junk in "[\\[\\]{}=\"'#,.\n\\\\a1 é]{0,12}") {
        let mut text = fixture("every_key.toml");
        let cut = (0..=cut.min(text.len())).rev().find(|k| text.is_char_boundary(*k)).unwrap_or(0);
        text.insert_str(cut, &junk);
        let (_, diagnostics) = file::parse(in_memory(text.clone()));
        let _ = diagnostics.to_string();
        text.truncate(cut + junk.len());
        let (_, diagnostics) = file::parse(in_memory(text));
        let _ = diagnostics.to_string();
    }
}

#[test]
fn values_keep_their_form() {
    let model = right(
        "format = 1\nsettings.duration = 1\n[constants]\na = 0x1F\nb = 1_000.5\nc = -inf\nd = true\ne = '2*mV'\nf = +3\n",
    );
    let values: Vec<(Scalar, &str)> =
        model.constants.iter().map(|(_, value)| (value.value, value.text.as_str())).collect();
    let expected = [
        (Scalar::Integer(31), "0x1F"),
        (Scalar::Float(1000.5), "1_000.5"),
        (Scalar::Float(f64::NEG_INFINITY), "-inf"),
        (Scalar::Boolean(true), "true"),
        (Scalar::Expression, "2*mV"),
        (Scalar::Integer(3), "+3"),
    ];
    assert_eq!(values, expected);
}

#[test]
fn lone_values_are_lists_of_one() {
    let model = right(
        "format = 1\n[groups.a]\nN = 9\nequations = 'v : 1'\n[groups.b]\nkind = 'subgroup'\nof = 'a'\nstart = -4\nstop = -1\n\
         [synapses.S]\nsource = 'a'\non_pre = 'v_post += 1'\ndelay = '1*ms'\nconnect = [{ i = 1, j = [1, 2] }]\n\
         [synapses.T]\nsource = 'b'\ntarget = 'a'\n\
         [monitors.m]\nkind = 'state'\nsource = 'b'\nvariables = 'v'\nrecord = 2\n\
         [monitors.n]\nkind = 'state'\nsource = 'b'\nvariables = ['v']\n\
         [[runs]]\nduration = '1*second'\nset = [{ target = 'b', name = 'v', where = -3, value = false }]\n",
    );
    let GroupKind::Subgroup(part) = &model.groups[1].kind else { panic!("a subgroup") };
    assert_eq!((part.start.value, part.stop.value, model.groups[1].size()), (5, 8, 3));
    let synapses = &model.synapses[0];
    assert_eq!((synapses.target.as_str(), synapses.on_pre[0].0.as_str()), ("a", "pre"));
    assert_eq!((synapses.delay[0].0.as_str(), synapses.delay[0].1.text.as_str()), ("pre", "1*ms"));
    assert_eq!(model.synapses[1].connect.len(), 1);
    let record = |k: usize| match &model.monitors[k].kind {
        MonitorKind::State { record, .. } => record.as_ref().map(|record| record.value.clone()),
        _ => panic!("a state monitor"),
    };
    assert_eq!((record(0), record(1)), (Some(vec![2]), None));
    let Selection::Indices(indices) = &model.runs[0].set[0].selection else { panic!("indices") };
    assert_eq!(indices.value, [-3]);
}

const SMALL: &str = "format = 1\n[constants]\ntau = '10*ms'\n[groups.cells]\nN = 1\nequations = 'v : 1'\n[groups.cells.init]\nv = 1\n\
                     [synapses.S]\nsource = 'cells'\non_pre = ''\n[synapses.S.init]\n'pre.delay' = '1*ms'\n";

#[test]
fn changes_replace_what_the_file_says() {
    let set = |name: &str, value: &str| (name.to_string(), value.to_string());
    let changes = Changes {
        duration: Some("2*second".into()),
        seed: Some(3),
        set: vec![set("tau", "5*ms"), set("cells.v", "0.5"), set("S.pre.delay", "2*ms")],
    };
    let (model, diagnostics) = file::parse_with(in_memory(SMALL), &changes).expect("changes that fit");
    assert!(diagnostics.0.is_empty(), "{diagnostics}");
    assert_eq!(model.runs[0].duration.text.as_str(), "2*second");
    assert_eq!(model.settings.seed.as_ref().map(|seed| seed.value), Some(3));
    assert_eq!(model.constants[0].1.text.as_str(), "5*ms");
    assert_eq!(model.groups[0].init()[0].1.text.as_str(), "0.5");
    assert_eq!(model.synapses[0].init[0].1.text.as_str(), "2*ms");
    assert_eq!(model.synapses[0].init[0].1.text.place(), "--set S.pre.delay");
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let mut model = right(&format!("{SMALL}[[runs]]\nduration = 1\n[[runs]]\nduration = 1\n"));
    let before = model.clone();
    let cases = [
        (model.set_constant("tua", "1"), "the model has no constant `tua`; did you mean `tau`?"),
        (model.set_constant("zeta", "1"), "the model has no constant `zeta`"),
        (model.set_init("cell", "v", "1"), "the model has no group and no synapses `cell`; did you mean `cells`?"),
        (model.set_init("cells", "w", "1"), "`cells` has no initial value `w` to replace; did you mean `v`?"),
        (model.set_init("S", "delay", "1"), "`S` has no initial value `delay` to replace"),
        (model.set_duration("1"), "the model has 2 runs, each with a duration of its own"),
    ];
    for (result, message) in cases {
        assert_eq!(result.map_err(|error: ChangeError| error.to_string()), Err(message.to_string()));
    }
    assert_eq!(model, before);
}

#[test]
fn what_is_wrong_with_the_file_comes_before_changes() {
    let changes = Changes { set: vec![("x".into(), "1".into())], ..Changes::default() };
    let (_, diagnostics) = file::parse_with(in_memory("format = 1\ntau =\n"), &changes).expect("diagnostics");
    assert!(diagnostics.has_errors());
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.toml");
    let error = file::read(&path).expect_err("there is none");
    assert_eq!(error.to_string(), format!("cannot read the model `{}`", path.display()));
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(file::read(folder.path()), Err(FileError::Unreadable { .. })), "a folder is no file");
    std::fs::write(&path, b"name = '\xff'").expect("written");
    assert!(matches!(file::read(&path), Err(FileError::NotText { offset: 8, .. })));
    let sparse = std::fs::File::create(&path).expect("created");
    sparse.set_len((256 << 20) + 1).expect("made large");
    assert!(matches!(file::read(&path), Err(FileError::TooLarge { .. })));
    std::fs::write(&path, "\u{feff}format = 1").expect("written");
    assert_eq!(file::read(&path).expect("read").text, "format = 1");
}
