//! At a source's start: what became of its files while weir was away.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::checkpoint::Entry;
use crate::discover::holds;
use crate::followed::Known;
use crate::generations::Gap;
use crate::identity::FileKey;
use crate::listing::{Listing, Sibling, sort_by_age};
use crate::metrics::Rotation;
use crate::moment::{born, born_apart, modified};
use crate::patterns::Found;
use crate::progress::Position;
use crate::reader::Reader;

impl Reader {
    /// At the start: files of the checkpoint that were renamed since, under names that no glob covers; and those that came
    /// and were renamed while weir was away, between one of these and the file that is there now.
    pub(crate) fn recover_rotated(&mut self, found: &Found) {
        let mut by_directory: HashMap<PathBuf, Listing> = HashMap::new();
        let (mut renamed, mut vanished) = (Vec::new(), Vec::new());
        let is_at_its_path =
            |e: &Entry| fs::metadata(&e.path).is_ok_and(|m| FileKey::of(&m) == e.key && !born_apart(e.born, born(&m)));
        let (current, others): (Vec<_>, Vec<_>) = self.remembered.values().partition(|e| is_at_its_path(e));
        let current: HashSet<&Path> = current.into_iter().map(|e| e.path.as_path()).collect();
        for entry in others {
            let Some(directory) = entry.path.parent() else { continue };
            let still_wanted = found.directories.binary_search_by(|d| d.as_path().cmp(directory)).is_ok();
            if !still_wanted {
                continue;
            }
            if !current.contains(entry.path.as_path()) {
                // and what comes and is renamed while all this is found out
                self.gaps.insert(entry.path.clone(), Gap::new(self.began));
            }
            let listing = by_directory.entry(directory.to_owned()).or_insert_with(|| Listing::read(directory));
            let location = listing.find(Known { key: entry.key, born: entry.born });
            match location.filter(|location| is_same(location, entry)) {
                Some(location) => renamed.push((entry.key, location)),
                None if !entry.finished => vanished.push(entry.key),
                None => {}
            }
        }
        for key in vanished {
            let Some(entry) = self.remembered.get_mut(&key) else { continue };
            entry.finished = true;
            self.metrics.rotated(Rotation::Vanish);
            tracing::warn!(path = %entry.path.display(), offset = entry.position.offset,
                "log file is gone since weir last ran; lines that it got in between are lost");
        }
        let mut locations: Vec<_> = renamed
            .into_iter()
            .filter_map(|(key, location)| {
                let metadata = fs::metadata(&location).ok()?;
                Some((Known { key, born: born(&metadata) }, modified(&metadata), location))
            })
            .collect();
        // of a stream, the oldest first
        locations.sort_unstable_by_key(|(known, modified, _)| {
            (if known.born == 0 { *modified } else { known.born }, known.key)
        });
        let mut streams = Vec::new();
        for (known, modified, location) in locations {
            let Some(entry) = self.remembered.remove(&known.key) else { continue };
            streams.push((entry.path.clone(), modified));
            self.follow_rotated(entry.path, &location, known, entry.position);
        }
        for (stream, modified) in streams {
            let listing = stream.parent().and_then(|directory| by_directory.get(directory));
            for sibling in unseen(&stream, modified, listing) {
                let key = sibling.key;
                let read = |e: &Entry| e.path == stream && holds(&sibling.path, &e.position);
                let known = self.by_key.contains_key(&key) || self.remembered.get(&key).is_some_and(read);
                // what a glob finds is taken up under its own name, as ever
                if !known && !found.paths.contains(&sibling.path) {
                    // another file had the inode, and is gone
                    self.remembered.remove(&key);
                    self.follow_rotated(stream.clone(), &sibling.path, sibling.known(), Position::default());
                }
            }
        }
    }

    /// Reads on in a file that its stream's path does not lead to any more.
    pub(crate) fn follow_rotated(&mut self, stream: PathBuf, location: &Path, known: Known, position: Position) -> u64 {
        let id = self.follow(stream, location, known, position);
        self.rotate_away(id);
        self.look_at(id);
        id
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

/// Files beside `stream` that rotation made of files of its name, written to since `since`, the oldest first.
fn unseen(stream: &Path, since: i64, listing: Option<&Listing>) -> Vec<Sibling> {
    let Some((listing, name)) = listing.zip(stream.file_name()) else { return Vec::new() };
    let mut unseen = listing.generations(name.as_encoded_bytes()).0;
    unseen.retain(|sibling| sibling.modified >= since && !sibling.name.doubtful);
    sort_by_age(&mut unseen);
    unseen
}
