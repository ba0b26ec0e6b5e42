//! Files of recorded values: what they hold at any moment, and archives of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use npyz::{NpyFile, Order};
use saltus::runtime::array::ElementType;
use saltus::runtime::column_file::{ColumnError, ColumnFile, assemble};
use saltus::runtime::record::Values;
use zip::ZipArchive;

fn read<T: npyz::Deserialize>(path: &Path) -> (Vec<u64>, Order, Vec<T>) {
    let file = NpyFile::new(File::open(path).expect("a file")).expect("a header");
    let (shape, order) = (file.shape().to_vec(), file.order());
    (shape, order, file.into_vec().expect("elements"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("directory");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn every_type_is_read_as_written() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("v.npy");
    macro_rules! check {
        ($ty:ident, $values:expr) => {
            let values = $values;
            let mut column = ColumnFile::create(&path, ElementType::$ty, None).expect("a file");
            column.append_slice(Values::$ty(values.clone()).as_slice()).expect("values");
            column.append(&values[1..]).expect("values");
            column.finish().expect("the end");
            let (shape, _, found) = read(&path);
            let expected = [&values[..], &values[1..]].concat();
            assert_eq!((shape, found), (vec![expected.len() as u64], expected));
        };
    }
    check!(Bool, vec![true, false, true]);
    check!(I32, vec![i32::MIN, 0, i32::MAX]);
    check!(I64, vec![i64::MIN, 1 << 40]);
    check!(F32, vec![0.1_f32, f32::MAX]);
    check!(F64, vec![0.1_f64, -0.0, f64::INFINITY]);
}

/// After every flush the file is an array of what was appended until then, whatever was appended since.
#[test]
fn a_file_is_readable_up_to_the_last_flush() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("v.npy");
    let mut column = ColumnFile::create(&path, ElementType::I64, None).expect("a file");
    assert_eq!(read::<i64>(&path), (vec![0], Order::C, vec![]));
    let mut appended: Vec<i64> = Vec::new();
    for length in [1, 10, 8_191, 8_192, 0, 8_193, 100_000, 3] {
        let values: Vec<i64> = (0..length).map(|k| k * k + length).collect();
        let flushed = appended.len() as u64;
        column.append(&values).expect("values");
        assert_eq!(read::<i64>(&path), (vec![flushed], Order::C, appended.clone()));
        appended.extend(values);
        column.flush().expect("a flush");
        assert_eq!(read::<i64>(&path), (vec![appended.len() as u64], Order::C, appended.clone()));
    }
    assert_eq!(column.records(), appended.len() as u64);
    column.append(&[7_i64; 50_000]).expect("values");
    drop(column);
    assert_eq!(read::<i64>(&path), (vec![appended.len() as u64], Order::C, appended));
}

/// A table has the shape (elements, times), as a state monitor has it, and each record goes to its end.
#[test]
fn records_are_the_columns_of_a_table() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("v.npy");
    let mut column = ColumnFile::create(&path, ElementType::F32, Some(3)).expect("a file");
    for time in 0..30_000 {
        column.append(&[0.0, 1.0, 2.0].map(|row: f32| row + 10.0 * time as f32)).expect("a record");
    }
    column.append(&[-1.0_f32, -2.0, -3.0, -4.0, -5.0, -6.0]).expect("two records");
    column.finish().expect("the end");
    let (shape, order, found) = read::<f32>(&path);
    assert_eq!((shape, order), (vec![3, 30_002], Order::Fortran));
    let at = |row: usize, time: usize| found[3 * time + row];
    assert_eq!([at(0, 0), at(2, 0), at(1, 29_999), at(2, 30_000), at(0, 30_001)], [0.0, 2.0, 299_991.0, -3.0, -4.0]);
}

#[test]
fn a_table_without_rows_has_its_times() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("v.npy");
    let mut column = ColumnFile::create(&path, ElementType::F64, Some(0)).expect("a file");
    column.append::<f64>(&[]).expect("nothing");
    column.append_empty(5);
    column.finish().expect("the end");
    assert_eq!(read::<f64>(&path), (vec![0, 5], Order::Fortran, vec![]));
}

#[test]
#[should_panic(expected = "values of whole records")]
fn parts_of_records_are_refused() {
    let directory = tempfile::tempdir().expect("directory");
    let column = ColumnFile::create(&directory.path().join("v.npy"), ElementType::I32, Some(3));
    let _ = column.expect("a file").append(&[1, 2, 3, 4]);
}

#[test]
fn failures_name_the_file() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("nowhere/v.npy");
    let error = ColumnFile::create(&path, ElementType::Bool, None).expect_err("no folder");
    assert!(matches!(error, ColumnError::Create { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("cannot create `{}`: ", path.display())), "{error}");
    let full = Path::new("/dev/full");
    if full.exists() {
        let error = ColumnFile::create(full, ElementType::Bool, None).expect_err("a full disk");
        assert!(error.to_string().starts_with("cannot write `/dev/full`: No space left"), "{error}");
    }
}

fn columns(directory: &Path) -> [std::path::PathBuf; 2] {
    let paths = ["t.part", "v.part"].map(|name| directory.join(name));
    let mut t = ColumnFile::create(&paths[0], ElementType::F64, None).expect("a file");
    let mut v = ColumnFile::create(&paths[1], ElementType::F64, Some(2)).expect("a file");
    for k in 0..20_000 {
        t.append(&[f64::from(k)]).expect("a value");
        v.append(&[f64::from(k), f64::from(-k)]).expect("a record");
    }
    t.finish().expect("the end");
    v.finish().expect("the end");
    paths
}

#[test]
fn columns_become_an_archive() {
    let directory = tempfile::tempdir().expect("directory");
    let [t, v] = columns(directory.path());
    let bytes = fs::read(&v).expect("a column");
    let path = directory.path().join("monitor.npz");
    fs::write(&path, "old").expect("an old result");
    assemble(&path, &[("t", &t), ("v", &v)]).expect("an archive");
    assert_eq!(names(directory.path()), BTreeSet::from(["monitor.npz".to_string()]));
    let mut archive = ZipArchive::new(File::open(&path).expect("a file")).expect("an archive");
    let names: Vec<String> = archive.file_names().map(|name| name.expect("UTF-8").into_owned()).collect();
    assert_eq!(names, ["t.npy", "v.npy"]);
    let t: Vec<f64> = NpyFile::new(archive.by_name("t.npy").expect("t")).expect("t").into_vec().expect("t");
    assert_eq!((t.len(), t[19_999]), (20_000, 19_999.0));
    let mut found = Vec::new();
    std::io::copy(&mut archive.by_name("v.npy").expect("v"), &mut found).expect("v");
    assert_eq!(found, bytes);
}

#[test]
fn an_archive_that_fails_loses_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let [t, v] = columns(directory.path());
    let before = names(directory.path());
    let path = directory.path().join("monitor.npz");
    let missing = directory.path().join("w.part");
    let error = assemble(&path, &[("t", &t), ("w", &missing), ("v", &v)]).expect_err("a column is missing");
    assert!(error.to_string().starts_with(&format!("cannot read `{}`: ", missing.display())), "{error}");
    let error = assemble(&path, &[("t", &t), ("t", &v)]).expect_err("two of one name");
    assert!(error.to_string().starts_with(&format!("cannot write `{}`: ", path.display())), "{error}");
    assert_eq!(names(directory.path()), before);
}
