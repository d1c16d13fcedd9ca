//! The files of a lane.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{Mode, SegmentFile, Storage};

const EXTENSION: &str = "seg";
/// No lane ever has so many segments: the next number is always to be had.
const INDEXES: u64 = 1 << 56;

/// One file of records. Segments are numbered in the order in which they were begun.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) index: u64,
    pub(crate) path: PathBuf,
    /// Number of its first record; `None` until it has one.
    pub(crate) first: Option<u64>,
    /// Bytes of whole records.
    pub(crate) end: u64,
    /// Holds writes that no fsync has covered.
    pub(crate) dirty: bool,
    /// Open while it is written, synced or read.
    pub(crate) file: Option<Arc<dyn SegmentFile>>,
}

/// A lane's segments in order.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    list: VecDeque<Segment>,
}

impl Segments {
    pub(crate) fn push(&mut self, segment: Segment) {
        self.list.push_back(segment);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Segment> + ExactSizeIterator {
        self.list.iter_mut()
    }

    pub(crate) fn first(&self) -> Option<&Segment> {
        self.list.front()
    }

    pub(crate) fn last(&self) -> Option<&Segment> {
        self.list.back()
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Segment> {
        self.list.back_mut()
    }

    pub(crate) fn get_mut(&mut self, index: u64) -> Option<&mut Segment> {
        self.list.iter_mut().find(|segment| segment.index == index)
    }

    /// The first segment behind `index`.
    pub(crate) fn after(&self, index: u64) -> Option<&Segment> {
        self.list.iter().find(|segment| segment.index > index)
    }

    /// The number at which a later segment takes over: what was written twice counts where it was written last.
    pub(crate) fn limit(&self, index: u64) -> u64 {
        self.list.iter().filter(|segment| segment.index > index).find_map(|segment| segment.first).unwrap_or(u64::MAX)
    }

    /// Takes those out for which `gone` is true.
    pub(crate) fn take(&mut self, mut gone: impl FnMut(&Segment) -> bool) -> Vec<Segment> {
        let (out, kept) = std::mem::take(&mut self.list).into_iter().partition(|segment| gone(segment));
        self.list = kept;
        Vec::from(out)
    }

    /// Takes the last one out.
    pub(crate) fn take_last(&mut self) -> Option<Segment> {
        self.list.pop_back()
    }

    /// The file of a segment, opened if need be; files of other segments that need no fsync are closed.
    pub(crate) fn open(&mut self, storage: &dyn Storage, index: u64) -> io::Result<Arc<dyn SegmentFile>> {
        let last = self.list.back().map(|segment| segment.index);
        for segment in &mut self.list {
            if segment.index != index && !segment.dirty && Some(segment.index) != last {
                segment.file = None;
            }
        }
        let segment = self.get_mut(index).ok_or(io::ErrorKind::NotFound)?;
        if let Some(file) = &segment.file {
            return Ok(file.clone());
        }
        let file = storage.open(&segment.path, Mode::Write)?;
        segment.file = Some(file.clone());
        Ok(file)
    }
}

/// The name of a segment's file.
pub(crate) fn path(lane: &Path, index: u64) -> PathBuf {
    lane.join(format!("{index:020}.{EXTENSION}"))
}

/// The segment files of a lane, in order. A file whose name is written in another way is not the queue's.
pub(crate) fn list(storage: &dyn Storage, lane: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let index_of = |found: &Path| {
        let index = found.file_stem()?.to_str()?.parse().ok()?;
        ((1..INDEXES).contains(&index) && *found == path(lane, index)).then_some(index)
    };
    let mut found: Vec<_> =
        storage.list(lane)?.into_iter().filter_map(|found| Some((index_of(&found)?, found))).collect();
    found.sort_unstable();
    Ok(found)
}
