//! Generations of a log that came and were renamed between two looks at its path, while weir ran.
//!
//! When a log's path leads to another file than before, or to none, there may have been more than one rotation since it
//! was last looked at. The files in between have names that no glob need find. They are looked for beside the path, under
//! names that rotation gives ([`GenerationName`](crate::generation_names::GenerationName)), and told from the others there:
//!
//! - They were made after the last look at the path, for then it led to the file before them. What was there before weir
//!   first looked, and copies that were made before that look, are older ([`Moment`]). Where the file system does not
//!   tell when files were made, when they were last written to stands for it.
//! - They are not known: an inode that is used again belongs to a file of another birth.
//! - They are no copy: where the file before them was cut since the last look (copytruncate, then a rename), a file that
//!   holds what had been read of it, up to the position, is its copy.
//!
//! A directory can change while it is listed, so that a name is missed. It is listed once more at the next poll, and again
//! while it was seen to change.

use std::path::{Path, PathBuf};

use crate::checkpoint::Entry;
use crate::discover::holds;
use crate::followed::Followed;
use crate::generation_names::GenerationName;
use crate::identity::FileKey;
use crate::listing::{Sibling, homes, sort_by_age};
use crate::metrics::Rotation;
use crate::moment::Moment;
use crate::progress::Position;
use crate::reader::Reader;
use crate::stamps::wall_clock;

/// How often a directory is listed at the polls after a file was missed from its path, when nothing changes in it.
const LOOKS: u8 = 1;

/// How often at most when it does: with the shortest poll intervals this still outlasts a tick of the clock that stamps files.
const MOST_LOOKS: u8 = 20;

/// Between the last look at a log's file under its path, and the next file that is followed there.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    /// Files that came in it were made after this.
    pub(crate) since: Moment,
    /// How far the file before it had been read when it was cut within the gap.
    cut: Vec<Position>,
    /// The file before it got a name such as `app.1.log`, so that others may have too.
    doubtful: bool,
    /// Looks to come, and those that there may be at most.
    looks: u8,
    most_looks: u8,
}

impl Gap {
    pub(crate) fn new(since: Moment) -> Self {
        Self { since, cut: Vec::new(), doubtful: false, looks: LOOKS, most_looks: MOST_LOOKS }
    }
}

/// What a file beside a log is to weir.
enum Standing {
    New,
    /// Read, or being read.
    Known,
    /// Let go of before it was read to its end.
    Unfinished,
}

impl Reader {
    /// The path of a file leads elsewhere from now on; where the file itself is now is known.
    pub(crate) fn open_gap(&mut self, id: u64) {
        let Some(file) = self.files.get(&id) else { return };
        let gap = self.gaps.entry(file.path.clone()).or_insert_with(|| Gap::new(file.seen));
        gap.since = gap.since.min(file.seen);
        gap.cut
            .extend(file.former.filter(|(_, noticed)| file.seen.may_precede(*noticed)).map(|(position, _)| position));
        if !still_holds(file) {
            gap.cut.push(file.position);
        }
        gap.doubtful |= is_doubtful(file);
    }

    /// A path of which the file was missed leads to a file again, made at `born`, or leads nowhere: takes up what was there
    /// in between.
    pub(crate) fn close_gap(&mut self, stream: &Path, successor: Option<(FileKey, i64)>) {
        let Some(gap) = self.gaps.get_mut(stream) else { return };
        (gap.looks, gap.most_looks) = (LOOKS, MOST_LOOKS);
        self.due.push(stream.to_owned());
        // what was made after the successor was there after it, and is for the next gap
        let until = successor.map_or(i64::MAX, |(_, born)| if born == 0 { i64::MAX } else { born.saturating_add(1) });
        self.take_generations(stream, successor.map(|(key, _)| key), until);
    }

    /// Looks once more for what was missed while names changed.
    pub(crate) fn look_into_gaps(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        due.sort_unstable();
        due.dedup();
        for stream in due {
            if let Some(&id) = self.by_path.get(&stream) {
                self.look_at(id);
            }
            let Some(gap) = self.gaps.get_mut(&stream) else { continue };
            gap.most_looks = gap.most_looks.saturating_sub(1);
            let last = gap.most_looks == 0;
            let attached = self.by_path.get(&stream).and_then(|id| self.files.get(id));
            let until = attached.filter(|_| !last).map_or(i64::MAX, |f| f.seen.least_stamp());
            let is_attached = attached.is_some();
            let unsure = self.take_generations(&stream, None, until);
            let Some(gap) = self.gaps.get_mut(&stream) else { continue };
            if !unsure {
                gap.looks = gap.looks.saturating_sub(1);
            }
            if gap.looks > 0 && !last {
                self.due.push(stream);
            } else if is_attached {
                self.gaps.remove(&stream);
            }
        }
        self.listings.clear();
    }

    /// Takes up the generations of a log that were made since its gap began and before `until`; true when there may be
    /// others.
    fn take_generations(&mut self, stream: &Path, successor: Option<FileKey>, until: i64) -> bool {
        let Some(gap) = self.gaps.get(stream).cloned() else { return false };
        let (mut siblings, mut unsure) = (Vec::new(), false);
        for (directory, name) in homes(stream) {
            let (found, disturbed) = self.listings.of(&directory).generations(name.as_encoded_bytes());
            siblings.extend(found);
            unsure |= disturbed;
        }
        sort_by_age(&mut siblings);
        let since = gap.since.least_stamp();
        let mut last = None;
        for sibling in siblings {
            let wanted = !sibling.name.doubtful || gap.doubtful;
            if Some(sibling.key) == successor || sibling.made() < since || !wanted {
                continue;
            }
            let standing = self.standing_of(&sibling);
            if matches!(standing, Standing::Known) {
                continue;
            }
            if sibling.made() >= until {
                unsure = true;
                continue;
            }
            let copied = |position: &&Position| position.offset > 0 && holds(&sibling.path, position);
            if let Some(position) = gap.cut.iter().find(copied) {
                tracing::debug!(path = %sibling.path.display(), "a copy of a log that was read; not read again");
                self.remember_copy(stream, &sibling, *position);
                continue;
            }
            last = Some(self.take_generation(stream, &sibling, matches!(standing, Standing::Unfinished)));
        }
        let attached = self.by_path.get(stream).and_then(|id| self.files.get_mut(id));
        // found late: the file that follows waits, if it was not begun
        if let (Some(file), Some(last)) = (attached.filter(|f| f.position.offset == 0), last) {
            file.after = Some(last);
        }
        unsure
    }

    fn take_generation(&mut self, stream: &Path, file: &Sibling, unfinished: bool) -> u64 {
        if let Some(&id) = self.by_key.get(&file.key) {
            // that file is gone, and its inode used again
            self.retire(id);
        }
        let entry = self.remembered.remove(&file.key).filter(|_| unfinished);
        let position = entry.map_or_else(Position::default, |e| e.position);
        tracing::info!(stream = %stream.display(), path = %file.path.display(), "log file was rotated before it was seen");
        self.metrics.rotated(Rotation::Rename);
        let id = self.follow_rotated(stream.to_owned(), &file.path, file.known(), position);
        self.hold_open(id);
        self.store_soon = true;
        id
    }

    /// Remembers a copy as a file that was read.
    fn remember_copy(&mut self, stream: &Path, copy: &Sibling, position: Position) {
        let seen = (wall_clock() / 1_000_000_000) as u64;
        let (path, key, born) = (stream.to_owned(), copy.key, copy.born);
        self.remembered.insert(key, Entry { path, key, born, position, finished: true, seen });
    }

    fn standing_of(&self, sibling: &Sibling) -> Standing {
        let same = |born: i64, position: &Position| {
            if born != 0 && sibling.born != 0 {
                born == sibling.born
            } else {
                position.offset > 0 && holds(&sibling.path, position)
            }
        };
        if let Some(file) = self.by_key.get(&sibling.key).and_then(|id| self.files.get(id)) {
            let known = file.file.is_some() || same(file.born, &file.position);
            return if known { Standing::Known } else { Standing::New };
        }
        match self.remembered.get(&sibling.key) {
            Some(entry) if same(entry.born, &entry.position) => {
                if entry.finished {
                    Standing::Known
                } else {
                    Standing::Unfinished
                }
            }
            _ => Standing::New,
        }
    }

    /// Lets go of gaps in which nothing came for long.
    pub(crate) fn forget_gaps(&mut self, most: usize) {
        let (by_path, oldest) = (&self.by_path, self.settings.forget_after);
        self.gaps.retain(|stream, gap| by_path.contains_key(stream) || gap.since.age() < oldest);
        while self.gaps.len() > most {
            let Some(oldest) = self.gaps.iter().max_by_key(|(_, gap)| gap.since.age()).map(|(s, _)| s.clone()) else {
                break;
            };
            self.gaps.remove(&oldest);
        }
    }

    /// Where a file that left its path is now, if it is in the directory still.
    pub(crate) fn find_beside(&mut self, id: u64) -> Option<PathBuf> {
        let file = self.files.get(&id)?;
        let known = file.known();
        let mut directories: Vec<PathBuf> = file.location.parent().map(Path::to_owned).into_iter().collect();
        directories.extend(homes(&file.path).into_iter().map(|(directory, _)| directory));
        directories.dedup();
        directories.into_iter().find_map(|directory| self.listings.of(&directory).find(known))
    }
}

/// Whether a file that left its path holds what was read of it. One that cannot be looked into any more may.
fn still_holds(file: &Followed) -> bool {
    match &file.file {
        Some(open) => file.position.fits(open).unwrap_or(true),
        None => !file.location.exists() || holds(&file.location, &file.position),
    }
}

fn is_doubtful(file: &Followed) -> bool {
    let (Some(stream), Some(name)) = (file.path.file_name(), file.location.file_name()) else { return false };
    GenerationName::of(stream.as_encoded_bytes(), name.as_encoded_bytes()).is_some_and(|n| n.doubtful)
}
