//! At a source's start: what became of its files while weir was away.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::checkpoint::Entry;
use crate::discover::holds;
use crate::identity::FileKey;
use crate::metrics::Rotation;
use crate::patterns::Found;
use crate::progress::Position;
use crate::reader::Reader;

impl Reader {
    /// At the start: files of the checkpoint that were renamed since, under names that no glob covers; and those that came
    /// and were renamed while weir was away, between one of these and the file that is there now.
    pub(crate) fn recover_rotated(&mut self, found: &Found) {
        let mut by_directory: HashMap<PathBuf, HashMap<u64, PathBuf>> = HashMap::new();
        let (mut renamed, mut vanished) = (Vec::new(), Vec::new());
        for entry in self.remembered.values() {
            let Some(directory) = entry.path.parent() else { continue };
            let still_wanted = found.directories.binary_search_by(|d| d.as_path().cmp(directory)).is_ok();
            if !still_wanted || fs::metadata(&entry.path).is_ok_and(|m| FileKey::of(&m) == entry.key) {
                continue;
            }
            let listing = by_directory.entry(directory.to_owned()).or_insert_with(|| inodes_of(directory));
            match listing.get(&entry.key.inode) {
                Some(location)
                    if fs::metadata(location).is_ok_and(|m| FileKey::of(&m) == entry.key)
                        && is_same(location, entry) =>
                {
                    renamed.push((entry.key, location.clone()));
                }
                _ if !entry.finished => vanished.push(entry.key),
                _ => {}
            }
        }
        for key in vanished {
            let Some(entry) = self.remembered.get_mut(&key) else { continue };
            entry.finished = true;
            self.metrics.rotated(Rotation::Vanish);
            tracing::warn!(path = %entry.path.display(), offset = entry.position.offset,
                "log file is gone since weir last ran; lines that it got in between are lost");
        }
        let mut streams = Vec::new();
        for (key, location) in renamed {
            let Some(entry) = self.remembered.remove(&key) else { continue };
            if let Ok(changed) = fs::metadata(&location).and_then(|m| m.modified()) {
                streams.push((entry.path.clone(), changed));
            }
            self.follow_rotated(entry.path, &location, key, entry.position);
        }
        for (stream, changed) in streams {
            let listing = stream.parent().and_then(|directory| by_directory.get(directory));
            for (key, location) in unseen(&stream, changed, listing) {
                let read = |e: &Entry| e.path == stream && holds(&location, &e.position);
                let known = self.by_key.contains_key(&key) || self.remembered.get(&key).is_some_and(read);
                // what a glob finds is taken up under its own name, as ever
                if !known && !found.paths.contains(&location) {
                    // another file had the inode, and is gone
                    self.remembered.remove(&key);
                    self.follow_rotated(stream.clone(), &location, key, Position::default());
                }
            }
        }
    }

    /// Reads on in a file that its stream's path does not lead to any more.
    fn follow_rotated(&mut self, stream: PathBuf, location: &Path, key: FileKey, position: Position) {
        let id = self.follow(stream, location, key, position);
        self.rotate_away(id);
        self.look_at(id);
    }
}

/// Whether the file of the entry's inode, found at another place, is the entry's. Where nothing of it was safe yet there is no
/// head to compare: then the name must be one that a rotation gives (`app.log` as `app.log.1`), lest another file that
/// got the inode is taken for a log.
fn is_same(location: &Path, entry: &Entry) -> bool {
    if entry.position.fingerprint.len > 0 {
        return holds(location, &entry.position);
    }
    let name = |path: &Path| path.file_name().map(|n| n.as_encoded_bytes().to_vec()).unwrap_or_default();
    name(location).starts_with(&name(&entry.path))
}

/// Files beside `stream` that rotation made of files of its name after `since`, the oldest first: `app.log` became
/// `app.log.1` or `app.log-20261125`.
fn unseen(stream: &Path, since: SystemTime, listing: Option<&HashMap<u64, PathBuf>>) -> Vec<(FileKey, PathBuf)> {
    let is_rotated = |path: &Path| {
        let name = |path: &Path| path.file_name().map(|n| n.as_encoded_bytes().to_vec()).unwrap_or_default();
        let (old, new) = (name(stream), name(path));
        let suffix = new.strip_prefix(old.as_slice()).unwrap_or_default();
        matches!(suffix.first(), Some(b'.' | b'-' | b'_'))
            && suffix.iter().any(u8::is_ascii_digit)
            && suffix.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b'T' | b':'))
    };
    let mut unseen: Vec<_> = listing
        .into_iter()
        .flat_map(HashMap::values)
        .filter(|path| is_rotated(path))
        .filter_map(|path| Some((fs::symlink_metadata(path).ok()?, path)))
        .filter(|(metadata, _)| metadata.is_file())
        .filter_map(|(metadata, path)| Some((metadata.modified().ok()?, FileKey::of(&metadata), path.clone())))
        .filter(|(modified, ..)| *modified >= since)
        .collect();
    unseen.sort_unstable();
    unseen.into_iter().map(|(_, key, path)| (key, path)).collect()
}

fn inodes_of(directory: &Path) -> HashMap<u64, PathBuf> {
    use std::os::unix::fs::DirEntryExt;
    fs::read_dir(directory).map(|d| d.flatten().map(|e| (e.ino(), e.path())).collect()).unwrap_or_default()
}
