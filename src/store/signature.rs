//! Who vouches for an entry: ed25519 keys in files of one line, and signatures over the digest of an entry.
//!
//! A secret key is a file that only its owner can read. Public keys are trusted because a file of this user, or one of
//! root's, lists them.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use super::directory::{Directory, Error, Refusal, Rule};
use super::system::System;

/// Bytes of a public key and a signature.
pub(super) const BLOCK: usize = 32 + 64;

/// What is signed starts so: a signature for anything else never fits an entry.
const CONTEXT: &[u8] = b"saltus kernel entry\0";

const SECRET: &str = "saltus-secret-key";
const PUBLIC: &str = "saltus-public-key";

/// No list of keys is longer.
const LONGEST_FILE: u64 = 1 << 20;

/// A file of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read the key file `{}`: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// Others could have written it.
    #[error("the key file `{}` is not used: {reason}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// Others can read a secret.
    #[error("the secret key `{}` can be read by others: say `chmod 600` of it, and think of a new key", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// It holds no key.
    #[error("line {line} of `{}` is no {expected}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// It is the other one of the two that belong together.
    #[error("`{}` holds a {found} key, and a {wanted} one is needed here: {hint}", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What it should hold.
        wanted: &'static str,
        /// What now.
        hint: String,
    },
    /// A key is there already, and one that is lost cannot be had again.
    #[error("there is a key file `{}` already: name another file, or remove this one", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A new one cannot be written.
    #[error("cannot write the key file `{}`: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// 64 bytes of ed25519.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature(pub(super) [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature")
    }
}

/// By which a signature is verified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub(super) [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::build::Key(self.0).to_string())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl PublicKey {
    pub(super) fn verifies(&self, content: &[u8; 32], signature: &Signature) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(&message(content), &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }

    /// The keys in a file, one a line; empty lines and those that start with `#` are none. The file, and whatever is
    /// above it, has to be root's or this user's and nobody else's to write.
    ///
    /// # Errors
    /// If it cannot be read, is not to be trusted, or has a line that is no key.
    pub fn read_trusted(path: &Path) -> Result<Vec<PublicKey>, KeyError> {
        let failed = |error| match error {
            Error::Io(cause) => KeyError::Read { path: path.to_path_buf(), cause },
            Error::Refused(reason) => KeyError::Unsafe { path: path.to_path_buf(), reason },
        };
        // Before anything is said of the directories above it.
        std::fs::symlink_metadata(path).map_err(|cause| failed(Error::Io(cause)))?;
        let absolute = std::path::absolute(path).map_err(|cause| failed(Error::Io(cause)))?;
        let name = absolute.file_name().and_then(|name| name.to_str());
        let (Some(folder), Some(name)) = (absolute.parent(), name) else {
            return Err(failed(Error::Io(io::ErrorKind::InvalidInput.into())));
        };
        let content = Directory::open_base(&System::default(), folder, Rule::Site, false)
            .and_then(|folder| folder.read(name, LONGEST_FILE))
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&content.bytes);
        if text.lines().any(|line| digits_after(SECRET, line).is_some()) {
            let hint = format!(
                "that is in `{}`, unless it was moved; keep the secret one to yourself",
                public_path(path).display()
            );
            return Err(KeyError::WrongKind { path: path.to_path_buf(), found: "secret", wanted: "public", hint });
        }
        PublicKey::parse(&text, path)
    }

    /// The keys in a text.
    fn parse(text: &str, path: &Path) -> Result<Vec<PublicKey>, KeyError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let key = |(number, line): (usize, &str)| {
            let bytes = digits_after(PUBLIC, line).filter(|bytes| VerifyingKey::from_bytes(bytes).is_ok());
            bytes.map(PublicKey).ok_or_else(|| KeyError::NoKey {
                path: path.to_path_buf(),
                line: number + 1,
                expected: "public key (`saltus-public-key` and 64 hexadecimal digits)",
            })
        };
        lines.map(key).collect()
    }
}

/// By which entries are signed.
pub struct SecretKey(SigningKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// A new one, in a new file that only this user can read; its public key goes to the file of the same name with
    /// `.pub`.
    ///
    /// # Errors
    /// If one of the files is there already or cannot be written.
    pub fn generate(path: &Path) -> Result<SecretKey, KeyError> {
        let failed = |path: &Path, cause: io::Error| match cause.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_path_buf() },
            _ => KeyError::Write { path: path.to_path_buf(), cause },
        };
        let mut seed = [0; 32];
        let mut filled = 0;
        while filled < seed.len() {
            match rustix::rand::getrandom(&mut seed[filled..], rustix::rand::GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(failed(path, errno.into())),
            }
        }
        let key = SecretKey(SigningKey::from_bytes(&seed));
        let public_path = public_path(path);
        if let Some(taken) = [path, &public_path].into_iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(KeyError::Exists { path: taken.to_path_buf() });
        }
        let secret = format!("{SECRET} {}\n", crate::build::Key(seed));
        write_new(path, 0o600, &secret).map_err(|cause| failed(path, cause))?;
        let public = format!("{PUBLIC} {}\n", key.public());
        write_new(&public_path, 0o644, &public).map_err(|cause| failed(&public_path, cause))?;
        Ok(key)
    }

    /// The one in a file.
    ///
    /// # Errors
    /// If it cannot be read, can be read by others too, or holds no secret key.
    pub fn read(path: &Path) -> Result<SecretKey, KeyError> {
        let failed = |cause| KeyError::Read { path: path.to_path_buf(), cause };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode();
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, LONGEST_FILE), &mut text).map_err(failed)?;
        if text.lines().any(|line| digits_after(PUBLIC, line).is_some()) {
            let secret = path.with_extension("");
            let hint = match path.extension() {
                Some(ending) if ending == "pub" => format!("that is in `{}`, unless it was moved", secret.display()),
                _ => "that is in the file beside the one that ends in `.pub`".to_string(),
            };
            return Err(KeyError::WrongKind { path: path.to_path_buf(), found: "public", wanted: "secret", hint });
        }
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable { path: path.to_path_buf() });
        }
        let seed = text.lines().next().and_then(|line| digits_after(SECRET, line));
        let seed = seed.ok_or_else(|| KeyError::NoKey { path: path.to_path_buf(), line: 1, expected: "secret key" })?;
        Ok(SecretKey(SigningKey::from_bytes(&seed)))
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, content: &[u8; 32]) -> Signature {
        Signature(self.0.sign(&message(content)).to_bytes())
    }
}

/// Where the public key of a secret one is.
pub fn public_path(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn message(content: &[u8; 32]) -> Vec<u8> {
    [CONTEXT, content].concat()
}

/// The 32 bytes whose digits follow a word; what comes after them is a comment.
fn digits_after(word: &str, line: &str) -> Option<[u8; 32]> {
    let mut words = line.split_whitespace();
    let digits = words.next().filter(|first| *first == word).and_then(|_| words.next())?;
    crate::build::Key::from_hex(digits).map(|key| key.0)
}

/// The public key and the signature of a block; None if there is none.
pub(super) fn parse_block(block: &[u8]) -> Option<(PublicKey, Signature)> {
    let (key, signature) = block.split_first_chunk::<32>()?;
    Some((PublicKey(*key), Signature(*signature.first_chunk::<64>()?)))
}
