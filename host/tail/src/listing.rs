//! What lies in a directory, looked up by inode and by the beginning of a name.
//!
//! Read only when a file has left its path. Where many have at once (ten thousand logs of one directory, rotated in one
//! night) they share a listing as long as the directory stays as it is.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use crate::followed::Known;
use crate::generation_names::GenerationName;
use crate::identity::FileKey;
use crate::moment::{Moment, born, modified};

/// The names in a directory.
#[derive(Debug)]
pub(crate) struct Listing {
    directory: PathBuf,
    /// The directory's modification time before it was read; 0 when it could not be.
    stamp: i64,
    /// Whether any change since would have given it another modification time.
    settled: bool,
    /// Whether it changed while it was read: names may be missing, or be there under two names.
    pub(crate) disturbed: bool,
    /// By name.
    entries: Vec<(OsString, u64)>,
    by_inode: HashMap<u64, usize>,
}

/// A file beside a log, under a name that rotation gives.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    pub(crate) born: i64,
    pub(crate) modified: i64,
    pub(crate) name: GenerationName,
}

impl Listing {
    /// Reads a directory; one that cannot be read has no entries.
    pub(crate) fn read(directory: &Path) -> Self {
        let now = Moment::now();
        let stamp = stamp(directory);
        let mut entries: Vec<_> = fs::read_dir(directory)
            .map(|entries| entries.flatten().map(|e| (e.file_name(), e.ino())).collect())
            .unwrap_or_default();
        entries.sort_unstable();
        let by_inode = entries.iter().enumerate().map(|(at, (_, inode))| (*inode, at)).collect();
        let disturbed = self::stamp(directory) != stamp;
        let settled = stamp != 0 && now.is_a_tick_after(stamp);
        Self { directory: directory.to_owned(), stamp, settled, disturbed, entries, by_inode }
    }

    fn holds_still(&self, directory: &Path) -> bool {
        self.settled && self.directory == directory && stamp(directory) == self.stamp
    }

    /// Where a file is: a rotated log is usually still beside the new one, under a name that no glob covers.
    pub(crate) fn find(&self, file: Known) -> Option<PathBuf> {
        let (name, _) = self.entries.get(*self.by_inode.get(&file.key.inode)?)?;
        let path = self.directory.join(name);
        file.is(&fs::metadata(&path).ok()?).then_some(path)
    }

    /// The files under names that rotation gives to a log called `stream`, and whether there may be others: names changed
    /// meanwhile.
    pub(crate) fn generations(&self, stream: &[u8]) -> (Vec<Sibling>, bool) {
        let stem = GenerationName::stem(stream);
        let first = self.entries.partition_point(|(name, _)| name.as_encoded_bytes() < stem);
        let mut disturbed = self.disturbed;
        let mut siblings = Vec::new();
        for (file_name, inode) in self.entries.get(first..).unwrap_or_default() {
            if !file_name.as_encoded_bytes().starts_with(stem) {
                break;
            }
            let Some(name) = GenerationName::of(stream, file_name.as_encoded_bytes()) else { continue };
            let path = self.directory.join(file_name);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                disturbed = true;
                continue;
            };
            let key = FileKey::of(&metadata);
            disturbed |= key.inode != *inode;
            if metadata.is_file() {
                siblings.push(Sibling { path, key, born: born(&metadata), modified: modified(&metadata), name });
            }
        }
        (siblings, disturbed)
    }
}

impl Sibling {
    /// When it was made, or, where that is not known, last written to.
    pub(crate) fn made(&self) -> i64 {
        if self.born == 0 { self.modified } else { self.born }
    }

    /// What is known of it.
    pub(crate) fn known(&self) -> Known {
        Known { key: self.key, born: self.born }
    }
}

/// Sorts generations of one log, the oldest first. Files that were made in the same tick of the clock are told by their
/// names: the numbers of some rotations grow with time (dates), those of others with age; the other files tell which.
pub(crate) fn sort_by_age(siblings: &mut [Sibling]) {
    siblings.sort_unstable_by(|a, b| a.made().cmp(&b.made()).then_with(|| a.name.compare(&b.name)));
    let mut grow = 0i32;
    for (a, b) in siblings.iter().zip(siblings.iter().skip(1)).filter(|(a, b)| a.made() != b.made()) {
        grow += a.name.compare(&b.name).reverse() as i32;
    }
    let dated = siblings.first().is_some_and(|s| s.name.is_dated());
    if grow < 0 || (grow == 0 && !dated) {
        siblings.sort_by(|a, b| a.made().cmp(&b.made()).then_with(|| b.name.compare(&a.name)));
    }
}

/// The last directory that was read.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    last: Option<Listing>,
}

impl Listings {
    /// The directory as it is now.
    pub(crate) fn of(&mut self, directory: &Path) -> &Listing {
        let last = self.last.take().filter(|l| l.holds_still(directory));
        self.last.insert(last.unwrap_or_else(|| Listing::read(directory)))
    }

    /// Gives its memory back.
    pub(crate) fn clear(&mut self) {
        self.last = None;
    }
}

/// Where generations of a log lie, and what it is called there: beside its path, and where that is a symbolic link,
/// beside what it leads to.
pub(crate) fn homes(stream: &Path) -> Vec<(PathBuf, OsString)> {
    let place = |path: &Path| Some((path.parent()?.to_owned(), path.file_name()?.to_owned()));
    let mut homes: Vec<_> = place(stream).into_iter().collect();
    if fs::symlink_metadata(stream).is_ok_and(|m: Metadata| m.is_symlink())
        && let Some(target) = fs::canonicalize(stream).ok().and_then(|target| place(&target))
        && !homes.contains(&target)
    {
        homes.push(target);
    }
    homes
}

fn stamp(directory: &Path) -> i64 {
    fs::metadata(directory).map_or(0, |m| modified(&m))
}
