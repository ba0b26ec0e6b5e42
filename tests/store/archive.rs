//! Archives: what goes into one comes out of it, and nothing in one is believed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use saltus::build::{CpuFeatures, CpuLevel};
use saltus::store::archive::{ArchiveError, ImportReport, ImportRules, export, import};
use saltus::store::{Artifact, PublicKey, SecretKey, Store, StoreOptions};
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::stub::{assert_quiet, files, get, keep, machine, open, recipe, with};

fn kernels(count: usize) -> Vec<Artifact> {
    (0..count).map(|k| keep(&Store::none(), &recipe(&format!("kernel {k}")), &[k as u8; 5000])).collect()
}

fn imported(store: &Store, path: &Path, trusted: Option<&[PublicKey]>) -> ImportReport {
    try_import(store, path, trusted).unwrap()
}

fn try_import(store: &Store, path: &Path, trusted: Option<&[PublicKey]>) -> Result<ImportReport, ArchiveError> {
    // The libraries of these tests are none, but for one that says so.
    let objection = |kernel: &Artifact| (kernel.library() == b"evil").then(|| "it runs code".to_string());
    import(store, path, &ImportRules { trusted, machine: &machine(), objection: &objection })
}

/// An archive with these files.
fn crafted(directory: &TempDir, entries: &[(&str, &[u8])]) -> PathBuf {
    let path = directory.path().join("crafted.zip");
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    path
}

#[test]
fn what_was_exported_is_imported() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (path, mut kernels) = (here.path().join("kernels.zip"), kernels(5));
    kernels.push(keep(&Store::none(), &with(|r| r.features = CpuFeatures::of_level(CpuLevel::V4)), b"for others"));
    export(&path, &kernels, None).unwrap();
    let first = fs::read(&path).unwrap();
    export(&path, &kernels, None).unwrap();
    assert!(fs::read(&path).unwrap() == first, "the same kernels are the same file");
    assert_eq!(files(here.path()).len(), 1);

    let store = open(&there);
    keep(&store, &kernels[0].record.recipe, b"of one's own");
    let report = imported(&store, &path, None);
    assert!(report.refused.is_empty(), "{report:?}");
    assert_eq!(
        report.imported.iter().map(|found| found.key).collect::<Vec<_>>(),
        kernels.iter().map(|k| k.key).collect::<Vec<_>>()
    );
    assert_eq!(report.imported.iter().filter(|found| found.is_new).count(), 5, "one was there");
    assert_eq!(report.imported.iter().filter(|found| !found.runs_here).count(), 1, "one is for other machines");
    assert_eq!(get(&store, &kernels[0].record.recipe).unwrap().library(), b"of one's own");
    for kernel in &kernels[1..5] {
        assert_eq!(get(&store, &kernel.record.recipe).as_ref(), Some(kernel));
    }
    assert_eq!(store.list().len(), 6, "what cannot run here is kept");
    assert!(imported(&store, &path, None).imported.iter().all(|found| !found.is_new));
    assert_quiet(&store);
}

#[test]
fn imports_can_ask_for_signatures() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let key = |name: &str| SecretKey::generate(&here.path().join(name)).unwrap();
    let (key, other) = (key("key"), key("other"));
    let (path, kernels) = (here.path().join("kernels.zip"), kernels(2));
    for (signer, trusted, expected) in [
        (None, None, 2),
        (Some(&key), None, 2),
        (Some(&key), Some(vec![other.public(), key.public()]), 2),
        (Some(&other), Some(vec![key.public()]), 0),
        (None, Some(vec![key.public()]), 0),
    ] {
        export(&path, &kernels, signer).unwrap();
        let store = Store::open(&there.path().join(format!("{expected}")), StoreOptions::default());
        let report = imported(&store, &path, trusted.as_deref());
        assert_eq!((report.imported.len(), report.refused.len()), (expected, 2 - expected), "{signer:?}");
        assert!(report.refused.iter().all(|(_, why)| why == "it is not signed by a key that is trusted"));
        store.clear().unwrap();
    }
    // The signature stays with the kernel.
    export(&path, &kernels, Some(&key)).unwrap();
    let store = open(&there);
    imported(&store, &path, None);
    assert!(store.list().iter().all(|kernel| kernel.verify_signature() == Ok(Some(key.public()))));
}

#[test]
fn nothing_in_an_archive_is_believed() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let kernels = kernels(2);
    let name = |kernel: &Artifact| format!("{}.kernel", kernel.key);
    let (good, other) = (name(&kernels[0]), name(&kernels[1]));
    let mut damaged = kernels[1].bytes().to_vec();
    damaged[100] ^= 1;
    let huge = vec![0; (64 << 20) + 1];
    let long = format!("../../{good}");
    let cases: [(&str, &[u8], &str); 8] = [
        (&long, kernels[0].bytes(), "it is not named like a kernel"),
        ("/etc/passwd", b"root", "it is not named like a kernel"),
        ("..", b"", "it is not named like a kernel"),
        ("folder/", b"", "it is not named like a kernel"),
        (&other, kernels[0].bytes(), "it belongs to another key"),
        (&other, &damaged, "its digest is wrong"),
        (&other, b"", "it has 0 bytes and should have 64"),
        (&other, &huge, "it is too large"),
    ];
    for (name, bytes, why) in cases {
        // The rest of the archive is imported all the same.
        let path = crafted(&here, &[(name, bytes), (&good, kernels[0].bytes())]);
        let store = open(&there);
        let report = imported(&store, &path, None);
        assert_eq!(report.refused, [(name.to_string(), why.to_string())]);
        assert_eq!(report.imported.len(), 1, "{name}: {why}");
        assert_eq!(files(there.path()).len(), 1, "{name}: {why}");
        assert_quiet(&store);
    }
}

#[test]
fn libraries_are_looked_at_before_they_are_kept() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let key = SecretKey::generate(&here.path().join("key")).unwrap();
    let path = here.path().join("kernels.zip");
    let evil = keep(&Store::none(), &recipe("evil"), b"evil");
    let kernels = [&kernels(1)[..], std::slice::from_ref(&evil)].concat();
    export(&path, &kernels, Some(&key)).unwrap();
    let store = open(&there);
    // A signature says who vouches for it, not what it is.
    for trusted in [None, Some([key.public()])] {
        let report = imported(&store, &path, trusted.as_ref().map(|keys| &keys[..]));
        assert_eq!(report.refused, [(format!("{}.kernel", evil.key), "it runs code".to_string())]);
        assert_eq!(report.imported[0].signer, Some(key.public()));
    }
    assert_eq!(store.list().len(), 1);
}

#[test]
fn names_that_are_there_twice_count_once() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let kernels = kernels(2);
    let name = |kernel: &Artifact| format!("{}.kernel", kernel.key);
    let path = crafted(&here, &[(&name(&kernels[0]), kernels[0].bytes()), (&name(&kernels[1]), kernels[0].bytes())]);
    let mut bytes = fs::read(&path).unwrap();
    let (from, to) = (name(&kernels[1]), name(&kernels[0]));
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert_eq!(places.len(), 2, "once with the file and once in the list");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let store = open(&there);
    let report = imported(&store, &path, None);
    assert_eq!(report.imported.len(), 1, "{report:?}");
    assert_eq!(store.list(), [kernels[0].clone()]);
}

#[test]
fn a_part_of_an_archive_is_none() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (path, kernels) = (here.path().join("kernels.zip"), kernels(3));
    export(&path, &kernels, None).unwrap();
    let whole = fs::read(&path).unwrap();
    let store = open(&there);
    for length in (0..whole.len()).step_by(whole.len() / 97) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = try_import(&store, &path, None).unwrap_err();
        assert!(matches!(error, ArchiveError::NotAnArchive { .. }), "{length}: {error}");
    }
    // Any other change is refused, or changes nothing that counts.
    for at in (0..whole.len()).step_by(whole.len() / 97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let Ok(report) = try_import(&store, &path, None) else { continue };
        assert!(report.imported.iter().all(|found| kernels.iter().any(|kernel| kernel.key == found.key)));
    }
    assert!(store.list().iter().all(|found| kernels.contains(found)));
    assert_quiet(&store);
    let missing = try_import(&store, &here.path().join("missing.zip"), None).unwrap_err();
    assert!(matches!(missing, ArchiveError::Read { .. }));
    let nowhere = export(&here.path().join("no/where.zip"), &kernels, None).unwrap_err();
    assert!(matches!(nowhere, ArchiveError::Write { .. }));
}
