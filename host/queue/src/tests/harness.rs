//! A queue whose thread sleeps, so that a test decides when it syncs.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use crate::inspect::{Depth, inspect_on};
use crate::simulated::Simulated;
use crate::storage::{Disk, Mode, SegmentFile, Space, Storage};
use crate::{AppendError, LaneReader, OnDurable, Queue, Record, RecordMeta, Settings, Stats, Volume, WhenFull};

/// Longer than any test: the rounds are the test's own.
const NEVER: Duration = Duration::from_secs(100_000);

pub(super) fn settings(dir: &Path, lanes: u16) -> Settings {
    let mut settings = Settings::new(dir, "sink");
    settings.lanes = lanes;
    settings.when_full = WhenFull::Block;
    settings.sync_interval = NEVER;
    settings.sync_bytes = u64::MAX;
    settings.min_free_disk = Some(0);
    settings
}

pub(super) fn open(settings: &Settings) -> Queue {
    let faults = Arc::<Faults>::default();
    Queue::open_on(settings.clone(), Box::new(FaultyDisk(faults)), crate::queue::now_ms).unwrap()
}

pub(super) fn round(queue: &Queue) -> io::Result<()> {
    queue.shared.round(false)
}

pub(super) fn meta(entries: u32) -> RecordMeta {
    RecordMeta { protocol: 1, flags: 2, entries, time_min_ms: 3, time_max_ms: 4 }
}

/// Appends a record of `seq`-dependent content that says how many entries it has.
pub(super) fn append(queue: &Queue, lane: usize, body: &[u8], entries: u32) -> Result<u64, AppendError> {
    queue.append(lane, meta(entries), &Bytes::copy_from_slice(body), &mut None).map(|appended| appended.seq)
}

/// The next record, if it is there at once.
pub(super) fn try_next(reader: &mut LaneReader) -> Option<Record> {
    match pin!(reader.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(record) => record,
        Poll::Pending => None,
    }
}

/// Reads and commits everything in a lane.
pub(super) fn drain(queue: &Queue, lane: usize) -> Vec<Record> {
    let mut reader = queue.lane_reader(lane);
    let mut records = Vec::new();
    while let Some(record) = try_next(&mut reader) {
        reader.commit(record.seq);
        records.push(record);
    }
    records
}

pub(super) fn bodies(records: &[Record]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.body.to_vec()).collect()
}

/// The conservation of records and entries.
#[track_caller]
pub(super) fn assert_balance(stats: &Stats) {
    let came = stats.recovered + stats.offered;
    let went = stats.committed + stats.queued + stats.in_flight + stats.dropped_total();
    assert_eq!((came.records, came.entries), (went.records, went.entries), "{stats:?}");
}

/// What looking at a queue's directory says: what waits in it, and what damage costs.
pub(super) fn looked(disk: &Simulated, dir: &Path) -> (Volume, Volume) {
    if disk.list(dir).is_err() {
        return (Volume::default(), Volume::default());
    }
    let look = |depth| inspect_on(disk, dir, depth, false, &mut |_| (), &mut |_| ()).unwrap();
    let found = look(Depth::Bodies);
    let damage = found.lanes.iter().flat_map(|lane| &lane.damage);
    (look(Depth::Totals).queued(), damage.fold(Volume::default(), |sum, damage| sum + damage.lost))
}

/// What a killed process leaves: the directory as it is now, at another place.
pub(super) fn crashed(dir: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_dir(dir, copy.path());
    copy
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The segment files of a lane of a generation.
pub(super) fn segments(dir: &Path, generation: u64, lane: u16) -> Vec<PathBuf> {
    let lane = lane_dir(dir, generation, lane);
    crate::segment::list(&Disk, &lane).unwrap().into_iter().map(|(_, path)| path).collect()
}

pub(super) fn lane_dir(dir: &Path, generation: u64, lane: u16) -> PathBuf {
    dir.join(format!("gen-{generation:08}")).join(format!("lane-{lane:02}"))
}

/// A callback that counts its calls.
#[allow(clippy::unnecessary_wraps, reason = "as an append takes it")]
pub(super) fn counted(calls: &Arc<AtomicU64>) -> Option<OnDurable> {
    let calls = calls.clone();
    Some(Box::new(move || {
        calls.fetch_add(1, Ordering::SeqCst);
    }))
}

/// What a disk should do wrong. An error number of 0: nothing.
#[derive(Debug)]
pub(super) struct Faults {
    /// Error number of all writes.
    pub(super) write_errno: AtomicI64,
    /// A failing write leaves this many bytes in the file.
    pub(super) written: AtomicU64,
    /// Error number of all fsyncs of segments …
    pub(super) sync_errno: AtomicI64,
    /// … of cursors …
    pub(super) cursor_sync_errno: AtomicI64,
    /// … and of directories.
    pub(super) dir_errno: AtomicI64,
    /// A failing fsync overwrites the file with zeros from here on, as a kernel that dropped the pages.
    pub(super) lost_from: AtomicU64,
    /// Error number of all reads.
    pub(super) read_errno: AtomicI64,
    /// Error number of making a file …
    pub(super) create_errno: AtomicI64,
    /// … of opening one that is there …
    pub(super) open_errno: AtomicI64,
    /// … and of removing one.
    pub(super) remove_errno: AtomicI64,
    /// Error number of cutting a file.
    pub(super) cut_errno: AtomicI64,
    /// A file no byte of which can be read.
    pub(super) bad_file: Mutex<Option<PathBuf>>,
    /// What is free on the file system of [`TOTAL`] bytes.
    pub(super) free: AtomicU64,
}

/// The size of a test's file system.
pub(super) const TOTAL: u64 = 1 << 40;

impl Default for Faults {
    fn default() -> Self {
        Self {
            write_errno: AtomicI64::new(0),
            written: AtomicU64::new(0),
            sync_errno: AtomicI64::new(0),
            cursor_sync_errno: AtomicI64::new(0),
            dir_errno: AtomicI64::new(0),
            lost_from: AtomicU64::new(u64::MAX),
            read_errno: AtomicI64::new(0),
            create_errno: AtomicI64::new(0),
            open_errno: AtomicI64::new(0),
            remove_errno: AtomicI64::new(0),
            cut_errno: AtomicI64::new(0),
            bad_file: Mutex::default(),
            free: AtomicU64::new(TOTAL),
        }
    }
}

pub(super) fn fail(errno: &AtomicI64, with: i32) {
    errno.store(i64::from(with), Ordering::SeqCst);
}

fn check(errno: &AtomicI64) -> io::Result<()> {
    match errno.load(Ordering::SeqCst) as i32 {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

#[derive(Debug)]
pub(super) struct FaultyDisk(pub(super) Arc<Faults>);

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn SegmentFile>,
    faults: Arc<Faults>,
    is_segment: bool,
    is_bad: bool,
}

impl Storage for FaultyDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn SegmentFile>> {
        check(if mode == Mode::Create { &self.0.create_errno } else { &self.0.open_errno })?;
        let file = Disk.open(path, mode)?;
        let is_segment = path.extension().is_some_and(|extension| extension == "seg");
        let is_bad = self.0.bad_file.lock().unwrap().as_deref() == Some(path);
        Ok(Arc::new(FaultyFile { file, faults: self.0.clone(), is_segment, is_bad }))
    }

    /// Tests kill processes, not machines: the page cache is durable enough, and fast.
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        check(&self.0.dir_errno)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        check(&self.0.remove_errno)?;
        Disk.remove(path)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        check(&self.0.remove_errno)?;
        Disk.remove_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Disk.list(dir)
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space { free: self.0.free.load(Ordering::SeqCst), total: TOTAL })
    }
}

impl SegmentFile for FaultyFile {
    fn write(&self, offset: u64, head: &[u8], body: &[u8]) -> io::Result<()> {
        if let Err(error) = check(&self.faults.write_errno) {
            let all = [head, body].concat();
            let part = all.len().min(self.faults.written.load(Ordering::SeqCst) as usize);
            self.file.write(offset, &all[..part], &[])?;
            return Err(error);
        }
        self.file.write(offset, head, body)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        check(&self.faults.read_errno)?;
        if self.is_bad {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.file.read(offset, buffer)
    }

    fn sync(&self) -> io::Result<()> {
        let errno = if self.is_segment { &self.faults.sync_errno } else { &self.faults.cursor_sync_errno };
        if let Err(error) = check(errno) {
            let from = self.faults.lost_from.load(Ordering::SeqCst);
            let len = self.file.len()?;
            if self.is_segment && from < len {
                self.file.write(from, &vec![0; (len - from) as usize], &[])?;
            }
            return Err(error);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check(&self.faults.cut_errno)?;
        check(&self.faults.write_errno)?;
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// A queue on a disk with faults.
pub(super) fn open_faulty(settings: &Settings) -> (Queue, Arc<Faults>) {
    let faults = Arc::<Faults>::default();
    let queue = Queue::open_on(settings.clone(), Box::new(FaultyDisk(faults.clone())), || 1_000).unwrap();
    (queue, faults)
}
