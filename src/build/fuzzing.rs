//! A door for the fuzz targets to memos of compilers; nobody else needs it.

use super::identity::FileStamp;
use super::toolchain::{Memo, Toolchain};

/// What a memo says, if it can be read and the files that it names are as it says.
pub fn read_memo(bytes: &[u8]) -> Option<Toolchain> {
    let memo: Memo = serde_json::from_slice(bytes).ok()?;
    memo.files.iter().all(FileStamp::is_current).then_some(memo.toolchain)
}
