//! Who a compiler is, by content: the digest of the programs that a compilation runs and of the shared libraries that
//! these load, so that an upgrade of any of them makes new keys, whatever happens to names, versions and dates.
//!
//! Programs are hashed whole. Shared libraries, in which clang keeps 170 MB, count by the build id that their linker
//! gave them, which is a digest of their content; those without one are hashed whole. Paths do not count. What was
//! looked at is returned as [`FileStamp`]s, by which a memo of the answer can later be trusted without reading again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use object::Object;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH};
use object::read::elf::ElfFile64;
use object::read::{ReadCache, ReadRef};
use serde::{Deserialize, Serialize};

use super::Key;

/// Bytes of a file that one thread hashes at a time.
const CHUNK: u64 = 4 << 20;

/// A file as it was when it was read; as long as the stamp is the same, so is the content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last modification.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of content or of its entry; nobody can set it back.
    changed: (i64, i64),
}

impl FileStamp {
    /// The stamp of the file that `path` leads to now.
    pub fn of(path: &Path) -> io::Result<FileStamp> {
        let meta = fs::metadata(path)?;
        Ok(FileStamp {
            path: path.to_path_buf(),
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// Whether the path still leads to the same file with the same content.
    pub fn is_current(&self) -> bool {
        FileStamp::of(&self.path).is_ok_and(|now| now == *self)
    }
}

/// A file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`, which the compiler runs: {cause}", path.display())]
pub struct IdentityError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub cause: io::Error,
}

/// The digest of `programs`, in order, and of what they load; and the stamps of all these files.
pub fn identify(programs: &[PathBuf]) -> Result<(Key, Vec<FileStamp>), IdentityError> {
    let mut stamps = Vec::new();
    let mut hasher = blake3::Hasher::new_derive_key("saltus compiler identity v1");
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let mut seen = BTreeSet::new();
    let mut pending = Vec::new();
    for program in programs {
        let fail = |cause| IdentityError { path: program.clone(), cause };
        stamps.push(FileStamp::of(program).map_err(fail)?);
        field(program.file_name().unwrap_or_default().as_encoded_bytes());
        field(&content(program).map_err(fail)?);
        pending.push(program.clone());
    }
    while let Some(loader) = pending.pop() {
        let loads = Loads::of(&loader);
        for name in &loads.needed {
            // A library that only the dynamic linker's configuration leads to counts by its name.
            let Some(library) = loads.find(name).and_then(|path| path.canonicalize().ok()) else {
                field(name.as_bytes());
                continue;
            };
            if !seen.insert(library.clone()) {
                continue;
            }
            let fail = |cause| IdentityError { path: library.clone(), cause };
            stamps.push(FileStamp::of(&library).map_err(fail)?);
            field(name.as_bytes());
            match build_id(&library) {
                Some(id) => field(&id),
                None => field(&content(&library).map_err(fail)?),
            }
            pending.push(library);
        }
    }
    Ok((Key(*hasher.finalize().as_bytes()), stamps))
}

/// The digest of a file's content: of the digests of its chunks, which several threads compute.
fn content(path: &Path) -> io::Result<[u8; 32]> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let chunks = size.div_ceil(CHUNK).max(1) as usize;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4).min(chunks);
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<Vec<(usize, [u8; 32])>> {
        let mut done = Vec::new();
        let mut buffer = vec![0; CHUNK.min(size) as usize];
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunks {
                return Ok(done);
            }
            let start = chunk as u64 * CHUNK;
            let part = &mut buffer[..CHUNK.min(size - start) as usize];
            file.read_exact_at(part, start)?;
            done.push((chunk, *blake3::hash(part).as_bytes()));
        }
    };
    let mut digests = vec![[0; 32]; chunks];
    let parts = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts.extend(others.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        parts
    });
    for part in parts {
        for (chunk, digest) in part? {
            digests[chunk] = digest;
        }
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size.to_le_bytes());
    for digest in digests {
        hasher.update(&digest);
    }
    Ok(*hasher.finalize().as_bytes())
}

fn build_id(path: &Path) -> Option<Vec<u8>> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let elf = ElfFile64::<object::Endianness, _>::parse(&cache).ok()?;
    elf.build_id().ok()?.map(<[u8]>::to_vec)
}

/// The shared libraries that a program or library asks for, and where it looks for them first.
#[derive(Default)]
struct Loads {
    needed: Vec<String>,
    directories: Vec<PathBuf>,
}

impl Loads {
    /// None for a file that is not a 64-bit ELF file, such as a script.
    fn of(path: &Path) -> Loads {
        let Ok(file) = File::open(path) else { return Loads::default() };
        let cache = ReadCache::new(file);
        Loads::read(&cache, path).unwrap_or_default()
    }

    fn read<'data, R: ReadRef<'data>>(data: R, path: &Path) -> Option<Loads> {
        let elf = ElfFile64::<object::Endianness, R>::parse(data).ok()?;
        let table = elf.elf_dynamic_table().ok()?;
        // Programs are reached through symbolic links; `$ORIGIN` is where the file itself is.
        let real = path.canonicalize().ok()?;
        let origin = real.parent()?.to_str()?;
        let mut loads = Loads::default();
        for entry in table.iter() {
            let text = || Some(std::str::from_utf8(table.string(entry).ok()?).ok()?.to_string());
            if entry.tag == DT_NEEDED {
                loads.needed.extend(text());
            } else if entry.tag == DT_RUNPATH || entry.tag == DT_RPATH {
                let list = text()?.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
                loads.directories.extend(list.split(':').map(PathBuf::from));
            }
        }
        Some(loads)
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
        let system = ["/lib", "/usr/lib"].map(|lib| Path::new(lib).join(&multiarch));
        let plain = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"].map(PathBuf::from);
        let mut places = self.directories.iter().chain(&system).chain(&plain);
        places.find_map(|place| Some(place.join(name)).filter(|path| path.is_file()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_depends_on_every_chunk_and_not_on_the_threads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut bytes: Vec<u8> = (0..2 * CHUNK + 17).map(|k| (k % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let first = content(&path).unwrap();
        assert_eq!(first, content(&path).unwrap());
        for place in [0, CHUNK as usize + 3, bytes.len() - 1] {
            bytes[place] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_ne!(first, content(&path).unwrap(), "byte {place}");
            bytes[place] ^= 1;
        }
        fs::write(&path, []).unwrap();
        assert_ne!(first, content(&path).unwrap());
    }

    #[test]
    fn a_stamp_ends_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "one").unwrap();
        let stamp = FileStamp::of(&path).unwrap();
        assert!(stamp.is_current());
        let other = directory.path().join("other");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(!stamp.is_current());
        fs::remove_file(&path).unwrap();
        assert!(!stamp.is_current());
    }

    #[test]
    fn identity_is_of_content_and_not_of_place() {
        let directory = tempfile::tempdir().unwrap();
        let copies = ["a", "b"].map(|name| directory.path().join(name).join("cc1"));
        for copy in &copies {
            fs::create_dir(copy.parent().unwrap()).unwrap();
            fs::write(copy, "#!/bin/sh\n").unwrap();
        }
        let of = |path: &PathBuf| identify(std::slice::from_ref(path)).unwrap().0;
        assert_eq!(of(&copies[0]), of(&copies[1]));
        fs::write(&copies[1], "#!/bin/sh\n\n").unwrap();
        assert_ne!(of(&copies[0]), of(&copies[1]));
    }
}
