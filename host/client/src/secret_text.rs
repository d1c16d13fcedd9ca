//! Reading a secret's file.

use std::io::{Error, Read as _};
use std::path::Path;

use crate::BuildError;

/// A secret's file may be this large. Tokens are a few kilobytes; more is a mistaken path, and must not fill memory.
const SECRET_BYTES: u64 = 64 << 10;

/// What the file holds, without the white space around it. Nothing in it is an error: so looks a file that is just being
/// written.
pub(crate) fn read(key: &'static str, path: &Path) -> Result<String, BuildError> {
    let text = limited(path).and_then(|text| match text.trim() {
        "" => Err(Error::other("the file is empty")),
        text => Ok(text.to_owned()),
    });
    text.map_err(|source| BuildError::File { key, path: path.to_owned(), source })
}

/// What the file holds.
pub(crate) fn limited(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES {
        return Err(Error::other("the file is too large for a secret (over 64 KiB)"));
    }
    Ok(text)
}
