//! Stores below the personal one, such as a site's: they are read, and nothing else.
//!
//! A layer that the user named is trusted if it and everything above it is root's or the user's and nobody else's to
//! write; else only those of its entries are used that are signed by a key that the user trusts.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::{Directory, Error, Refusal, Rule};
use super::entry::{Artifact, Damage};
use super::shelf::{self, Trouble};
use super::signature::PublicKey;
use super::system::System;
use super::{LAYOUT, StoreWarning};
use crate::build::{KernelId, Key};

/// Why the entries of a layer are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Root or the user owns it, and nobody else can write to it.
    Owner,
    /// Only signed ones are, since of its directories this is wrong.
    Signatures(Refusal),
}

/// A store that is only read.
#[derive(Debug)]
pub struct Layer {
    path: PathBuf,
    trust: Trust,
    root: Directory,
}

impl Layer {
    /// The layer in `path`. Where its directories are not to be trusted, `has_keys` says whether signatures can be.
    pub(super) fn open(system: &System, path: &Path, has_keys: bool) -> Result<Layer, StoreWarning> {
        let open = |rule| Directory::open_base(system, path, rule, false).and_then(|base| base.child(LAYOUT, false));
        let unusable = |cause: io::Error| StoreWarning::Unusable { path: path.to_path_buf(), cause };
        let (trust, root) = match open(Rule::Site) {
            Ok(root) => (Trust::Owner, root),
            Err(Error::Io(cause)) => return Err(unusable(cause)),
            Err(Error::Refused(reason)) if has_keys => match open(Rule::Anyone) {
                Ok(root) => (Trust::Signatures(reason), root),
                Err(error) => return Err(unusable(error.into_io())),
            },
            Err(Error::Refused(reason)) => {
                return Err(StoreWarning::Unsafe { path: path.to_path_buf(), reason });
            }
        };
        Ok(Layer { path: path.to_path_buf(), trust, root })
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why its entries are used.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    pub(super) fn root(&self) -> &Directory {
        &self.root
    }

    /// An entry, if it is there, in order, and to be trusted.
    pub(super) fn read(
        &self,
        shelf: &Directory,
        kernel: &KernelId,
        key: &Key,
        trusted: &[PublicKey],
    ) -> Result<Artifact, Trouble> {
        let (mut artifact, _) = shelf::read(shelf, kernel, key)?;
        if self.trust != Trust::Owner {
            match artifact.verify_signature().map_err(Trouble::Damaged)? {
                Some(signer) if trusted.contains(&signer) => {}
                _ => return Err(Trouble::Damaged(Damage::NotSigned)),
            }
        }
        artifact.layer = Some(self.path.clone());
        Ok(artifact)
    }
}
