//! Kernels on their way to other machines: one file with the entries of a store, each under the name of its key.
//!
//! It is a zip archive, so that others can look into it. Nothing in an archive is believed: names are compared with
//! keys and are no paths, sizes are limited before memory is taken, and each entry verifies itself; where keys are
//! given, each has to be signed by one of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zip::read::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::entry::{self, Artifact, Damage};
use super::signature::{PublicKey, SecretKey};
use super::{Store, shelf};
use crate::build::{Key, Machine};

/// More entries are no store of kernels.
const MOST_ENTRIES: usize = 1_000_000;

/// An archive that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be written.
    #[error("cannot write `{}`: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read `{}`: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// It is none, or not all of one.
    #[error("`{}` is no archive of kernels, or only a part of one: {cause}", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// What was in it cannot be kept.
    #[error("cannot keep kernels in `{}`: {cause}", path.display())]
    Store {
        /// The store.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// A kernel that came in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The kernel.
    pub key: Key,
    /// Whether it was not in the store before.
    pub is_new: bool,
    /// Whether this machine can run it.
    pub runs_here: bool,
    /// Who has signed it, if anybody has.
    pub signer: Option<PublicKey>,
}

/// What is taken from an archive. What the machine cannot run is kept all the same.
pub struct ImportRules<'a> {
    /// Only what is signed by one of these keys.
    pub trusted: Option<&'a [PublicKey]>,
    /// The machine that the store is for.
    pub machine: &'a Machine,
    /// Why the library of an entry that is in order is refused, if it is.
    pub objection: &'a dyn Fn(&Artifact) -> Option<String>,
}

/// What became of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// What is in the store now.
    pub imported: Vec<Imported>,
    /// Names in the archive, and why what has them was refused.
    pub refused: Vec<(String, String)>,
}

/// Writes kernels into a new file at `path`, in the place of one that is there; signed if there is a key for it.
///
/// # Errors
/// If it cannot be written; then nothing is there that was not before.
pub fn export(path: &Path, kernels: &[Artifact], key: Option<&SecretKey>) -> Result<(), ArchiveError> {
    let failed = |cause: io::Error| ArchiveError::Write { path: path.to_path_buf(), cause };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Opened here and not by `tempfile`, for the rights of any new file and for errors without its name.
    let open = |path: &Path| File::options().write(true).create_new(true).open(path);
    let file = tempfile::Builder::new().make_in(folder, open).map_err(failed)?;
    let mut archive = ZipWriter::new(BufWriter::new(file));
    for kernel in kernels {
        let signed = key.map(|key| kernel.signed_by(key));
        let bytes = signed.as_ref().unwrap_or(kernel).bytes();
        archive
            .start_file(shelf::file_name(&kernel.key), SimpleFileOptions::default())
            .map_err(|e| failed(e.into()))?;
        archive.write_all(bytes).map_err(failed)?;
    }
    let file = archive.finish().map_err(|error| failed(error.into()))?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Puts the kernels of an archive into a store, which keeps what it has.
///
/// # Errors
/// If the archive cannot be read as one, or the store cannot be written. A single entry that is refused is none.
pub fn import(store: &Store, path: &Path, rules: &ImportRules<'_>) -> Result<ImportReport, ArchiveError> {
    let file = File::open(path).map_err(|cause| ArchiveError::Read { path: path.to_path_buf(), cause })?;
    let no_archive = |cause: String| ArchiveError::NotAnArchive { path: path.to_path_buf(), cause };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| no_archive(error.to_string()))?;
    if archive.len() > MOST_ENTRIES {
        return Err(no_archive(format!("it names {} files", archive.len())));
    }
    let mut report = ImportReport::default();
    let mut seen = BTreeSet::new();
    for number in 0..archive.len() {
        let (name, found) = read_entry(&mut archive, number, rules);
        let artifact = match found {
            Ok(artifact) if seen.insert(artifact.key) => artifact,
            Ok(_) => {
                report.refused.push((name, "it is there twice".to_string()));
                continue;
            }
            Err(reason) => {
                report.refused.push((name, reason));
                continue;
            }
        };
        let recipe = &artifact.record.recipe;
        let runs_here = rules.machine.runs(&recipe.target, &recipe.features);
        let is_new = store.keep(&artifact).map_err(|cause| ArchiveError::Store { path: store.path.clone(), cause })?;
        report.imported.push(Imported { key: artifact.key, is_new, runs_here, signer: artifact.signer() });
    }
    Ok(report)
}

/// The name of an entry, and what it holds or why it is refused.
fn read_entry(
    archive: &mut ZipArchive<BufReader<File>>,
    number: usize,
    rules: &ImportRules<'_>,
) -> (String, Result<Artifact, String>) {
    let mut file = match archive.by_index(number) {
        Ok(file) => file,
        Err(error) => return (format!("number {}", number + 1), Err(error.to_string())),
    };
    let name = match file.name() {
        Ok(name) => name.into_owned(),
        Err(error) => return (format!("number {}", number + 1), Err(error.to_string())),
    };
    let Some(key) = shelf::key_of(&name) else {
        return (name, Err("it is not named like a kernel".to_string()));
    };
    let mut bytes = Vec::new();
    // What the archive says of sizes may be wrong.
    match (&mut file).take(entry::MAX_SIZE + 1).read_to_end(&mut bytes) {
        Ok(length) if length as u64 > entry::MAX_SIZE => return (name, Err("it is too large".to_string())),
        Ok(_) => {}
        Err(error) => return (name, Err(error.to_string())),
    }
    let verified = verified(bytes, &key, rules.trusted).map_err(|damage| damage.to_string());
    (name, verified.and_then(|artifact| (rules.objection)(&artifact).map_or(Ok(artifact), Err)))
}

fn verified(bytes: Vec<u8>, key: &Key, trusted: Option<&[PublicKey]>) -> Result<Artifact, Damage> {
    let artifact = Artifact::decode(bytes)?;
    if artifact.key != *key {
        return Err(Damage::OtherKey);
    }
    let signer = artifact.verify_signature()?;
    match trusted {
        Some(keys) if !signer.is_some_and(|signer| keys.contains(&signer)) => Err(Damage::NotSigned),
        _ => Ok(artifact),
    }
}
