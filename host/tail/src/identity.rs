//! Which file is which, across renames, truncation and reused inodes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Most bytes of a file's head that its fingerprint covers: enough to tell logs with a common banner apart, and one
/// page read from the cache.
pub const FINGERPRINT_BYTES: usize = 1024;

/// Most bytes before a position that are remembered: a file that begins with the same banner as another differs here, in
/// a line or two of its own.
pub const BEFORE_BYTES: usize = 256;

/// Where a file lives on its file system. A key is only as good as the file is open: a free inode is soon used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// The device.
    pub dev: u64,
    /// The inode.
    pub inode: u64,
}

impl FileKey {
    /// The key of the file that `metadata` is of.
    pub fn of(metadata: &Metadata) -> Self {
        Self { dev: metadata.dev(), inode: metadata.ino() }
    }
}

/// The CRC32C of bytes of a file that were read: of its first, at most [`FINGERPRINT_BYTES`], or of those before a
/// position, at most [`BEFORE_BYTES`].
///
/// What was already read of a log never changes; when it does, this is another file, or the same one written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many bytes are covered.
    pub len: u32,
    /// Their CRC32C.
    pub crc: u32,
}

impl Fingerprint {
    /// Of the first `read` bytes of a file.
    pub fn of(file: &File, read: u64) -> io::Result<Self> {
        let mut head = [0; FINGERPRINT_BYTES];
        let want = usize::try_from(read).unwrap_or(usize::MAX).min(FINGERPRINT_BYTES);
        let got = read_full_at(file, head.get_mut(..want).unwrap_or_default(), 0)?;
        Ok(Self { len: got as u32, crc: crc32c::crc32c(head.get(..got).unwrap_or_default()) })
    }

    /// Whether the file still begins with the bytes that this was made of.
    pub fn matches(self, file: &File) -> io::Result<bool> {
        Ok(self.len == 0 || Self::of(file, u64::from(self.len))? == self)
    }

    /// Of the last bytes before a position.
    pub fn before(file: &File, position: u64) -> io::Result<Self> {
        let mut bytes = [0; BEFORE_BYTES];
        let from = position.saturating_sub(BEFORE_BYTES as u64);
        let want = usize::try_from(position - from).unwrap_or(BEFORE_BYTES);
        let got = read_full_at(file, bytes.get_mut(..want).unwrap_or_default(), from)?;
        Ok(Self { len: got as u32, crc: crc32c::crc32c(bytes.get(..got).unwrap_or_default()) })
    }

    /// Whether the bytes that this was made of still stand before the position.
    pub fn matches_before(self, file: &File, position: u64) -> io::Result<bool> {
        Ok(self.len == 0 || Self::before(file, position)? == self)
    }
}

/// Reads until the buffer is full or the file ends; returns how many bytes there are.
pub fn read_full_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_fingerprint_holds_while_the_file_grows_and_not_when_it_is_written_anew() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"first line\n").unwrap();
        let print = Fingerprint::of(&file, 6).unwrap();
        assert_eq!(print.len, 6);
        file.write_all(&[b'x'; 4000]).unwrap();
        assert!(print.matches(&file).unwrap());
        assert_eq!(Fingerprint::of(&file, 4000).unwrap().len, 1024);
        file.write_at(b"F", 0).unwrap();
        assert!(!print.matches(&file).unwrap());
        file.set_len(3).unwrap();
        assert!(!print.matches(&file).unwrap(), "a shorter file is another one");
        assert!(Fingerprint::default().matches(&file).unwrap());
    }

    #[test]
    fn files_with_the_same_head_differ_before_a_position() {
        let file = tempfile::tempfile().unwrap();
        file.write_at(&[b'='; 3000], 0).unwrap();
        file.write_at(b"one\n", 3000).unwrap();
        let (head, before) = (Fingerprint::of(&file, 3004).unwrap(), Fingerprint::before(&file, 3004).unwrap());
        assert_eq!((before.len as usize, Fingerprint::before(&file, 7).unwrap().len), (BEFORE_BYTES, 7));
        assert!(before.matches_before(&file, 3004).unwrap());
        file.write_at(b"two\nthree\n", 3000).unwrap();
        assert!(head.matches(&file).unwrap() && !before.matches_before(&file, 3004).unwrap());
        file.set_len(3002).unwrap();
        assert!(!before.matches_before(&file, 3004).unwrap());
    }
}
