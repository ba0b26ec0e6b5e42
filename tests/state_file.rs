//! Saved states in files: what is read is what was written, or an error that says what is wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use saltus::runtime::state_file::{Elements, StateFile, StateFileError, TypedArray};
use serde_json::json;

/// A small state with an array of every type.
fn state() -> StateFile {
    let mut state = StateFile::new(json!({"t": "0.1 s", "groups": [{"name": "G", "N": 3}], "none": null}));
    let mut add = |name: &str, array: TypedArray| state.arrays.insert(name.to_string(), array);
    add("G.v", TypedArray::new(vec![3], vec![-0.07, f64::from_bits(0x7ff8_0000_0000_0001), -0.0]));
    add("G.fired", vec![true, false, true].into());
    add("G.i", vec![i32::MIN, 0, i32::MAX].into());
    add("clock", TypedArray::new(vec![], vec![i64::MIN + 1]));
    add("random/words", vec![0, u32::MAX].into());
    add("S.w", TypedArray::new(vec![2, 1, 3], vec![0.1_f32, 0.2, 0.3, f32::INFINITY, 0.5, 0.6]));
    add("empty", TypedArray::new(vec![4, 0], Vec::<f64>::new()));
    state
}

/// Equal, and NaNs with the same bits.
fn assert_same(found: &StateFile, expected: &StateFile) {
    let bits = |state: &StateFile| -> Vec<(String, Vec<usize>, String)> {
        let text = |elements: &Elements| match elements {
            Elements::F64(values) => format!("{:?}", values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        let arrays = state.arrays.iter();
        arrays.map(|(name, array)| (name.clone(), array.shape().to_vec(), text(array.elements()))).collect()
    };
    assert_eq!(bits(found), bits(expected));
    assert_eq!((&found.saltus, &found.manifest), (&expected.saltus, &expected.manifest));
}

#[test]
fn states_are_read_as_written() {
    let directory = tempfile::tempdir().expect("directory");
    let [path, again] = ["state", "again"].map(|name| directory.path().join(name));
    let state = state();
    assert_eq!(state.saltus, env!("CARGO_PKG_VERSION"));
    state.write(&path).expect("written");
    let found = StateFile::read(&path).expect("read");
    assert_same(&found, &state);
    found.write(&again).expect("written");
    assert!(fs::read(&path).expect("a file") == fs::read(&again).expect("a file"), "equal states, equal bytes");
    // Over a state that is there already.
    StateFile::new(json!(1)).write(&path).expect("written");
    assert_same(&StateFile::read(&path).expect("read"), &StateFile::new(json!(1)));
    assert_eq!(fs::read_dir(directory.path()).expect("directory").count(), 2);
}

#[test]
fn large_arrays_and_any_names() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("state");
    let mut state = StateFile::new(json!({}));
    state.arrays.insert("large".into(), TypedArray::from((0..300_000).collect::<Vec<i64>>()));
    for name in ["manifest", "ü 🦀", "a/b", "../up", "/root", "back\\slash", "two\nlines", "x.npy", " ", ""] {
        state.arrays.insert(name.into(), vec![name.len() as u32].into());
    }
    state.write(&path).expect("written");
    assert_same(&StateFile::read(&path).expect("read"), &state);
}

/// NumPy's members: the arrays under their names, in `.npy` form.
#[test]
fn a_state_is_an_archive_of_arrays() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("state");
    state().write(&path).expect("written");
    let mut archive = zip::ZipArchive::new(fs::File::open(&path).expect("a file")).expect("an archive");
    let file = npyz::NpyFile::new(archive.by_name("S.w.npy").expect("a member")).expect("a header");
    assert_eq!((file.shape(), file.order()), (&[2, 1, 3][..], npyz::Order::C));
    assert_eq!(file.into_vec::<f32>().expect("elements"), [0.1, 0.2, 0.3, f32::INFINITY, 0.5, 0.6]);
    let manifest: serde_json::Value =
        serde_json::from_reader(archive.by_name("manifest.json").expect("a manifest")).expect("JSON");
    assert_eq!(manifest["manifest"]["groups"][0]["name"], "G");
    assert_eq!(manifest["arrays"][0], json!({"name": "G.v", "dtype": "float64", "shape": [3]}));
}

fn read_bytes(path: &Path, bytes: &[u8]) -> Result<StateFile, StateFileError> {
    fs::write(path, bytes).expect("a file");
    StateFile::read(path)
}

/// Gives changed content the digest that it should have.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 64;
    let digest = blake3::hash(&bytes[..end]).to_hex();
    bytes[end..].copy_from_slice(digest.as_bytes());
    bytes
}

#[test]
fn messages() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("net.state");
    state().write(&path).expect("written");
    let whole = fs::read(&path).expect("a file");
    let find = |text: &str| whole.windows(text.len()).position(|w| w == text.as_bytes()).expect("in the file");
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let version = find("\"version\":1") + 10;
    let name = find("\"name\":\"G.fired\"") + 8;
    let cases = [
        ("empty", vec![]),
        ("a text", b"[settings]\ndt = \"0.1*ms\"\n".to_vec()),
        ("another archive", b"PK\x03\x04 and so on, for more bytes than a header of a member has".to_vec()),
        ("a later format", changed(version, b'2')),
        ("half of it", whole[..whole.len() / 2].to_vec()),
        ("more than it", [&whole[..], b"\r\n"].concat()),
        ("another value", changed(whole.len() / 2, b'?')),
        ("another name, sealed", sealed(changed(name, b'H'))),
    ];
    let mut text = String::new();
    for (case, bytes) in cases {
        let error = read_bytes(&path, &bytes).expect_err(case);
        let _ = writeln!(text, "{case}: {error}");
    }
    let absent = directory.path().join("absent.state");
    let _ = writeln!(text, "absent: {}", StateFile::read(&absent).expect_err("absent"));
    let _ = writeln!(text, "a directory: {}", StateFile::read(directory.path()).expect_err("a directory"));
    let nowhere = directory.path().join("nowhere/net.state");
    let _ = writeln!(text, "nowhere: {}", state().write(&nowhere).expect_err("no folder"));
    let _ = writeln!(text, "over a directory: {}", state().write(directory.path()).expect_err("a directory"));
    insta::assert_snapshot!(text.replace(&directory.path().display().to_string(), "DIRECTORY"));
}

#[test]
#[should_panic(expected = "elements of an array of shape [2, 2]")]
fn shapes_are_those_of_their_elements() {
    TypedArray::new(vec![2, 2], vec![1.0, 2.0, 3.0]);
}
