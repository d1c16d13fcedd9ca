//! A large queue that takes little of the disk: real segments with real headers and holes for bodies, written by what the
//! crate's documentation says of the format and by nothing else.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;
use weir_queue::DEFAULT_LANES;

/// The size at which a queue of this budget begins a new segment.
pub(crate) const SEGMENT_BYTES: u64 = 8 << 20;

/// A usual request, with its header.
pub(crate) const RECORD_BYTES: u64 = 70_000;

const HEADER_BYTES: u64 = 64;

/// A queue's directory.
#[derive(Debug)]
pub(crate) struct Large {
    dir: TempDir,
    /// All its segments.
    #[allow(dead_code, reason = "the bench does not ask")]
    pub(crate) segments: u64,
    /// Records in them.
    #[allow(dead_code, reason = "the bench does not ask")]
    pub(crate) records: u64,
    /// Bytes of all segments.
    #[allow(dead_code, reason = "the bench does not ask")]
    pub(crate) bytes: u64,
}

impl Large {
    /// One of about so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let generation = dir.path().join("gen-00000001");
        let lanes = u64::from(DEFAULT_LANES);
        let mut large = Self { dir, segments: 0, records: 0, bytes: 0 };
        for lane in 0..lanes {
            let lane = generation.join(format!("lane-{lane:02}"));
            fs::create_dir_all(&lane).unwrap();
            let segments = bytes / SEGMENT_BYTES / lanes;
            let mut seq = 1;
            for index in 1..=segments {
                // all but the last hold one record: of those only the first header is looked at
                let sizes = if index < segments { vec![SEGMENT_BYTES] } else { vec![RECORD_BYTES; 119] };
                large.bytes += segment(&lane.join(format!("{index:020}.seg")), seq, &sizes);
                seq += sizes.len() as u64;
                large.segments += 1;
            }
            large.records += seq - 1;
        }
        let meta = format!("weir-queue 1\ngeneration 1\nlanes {lanes}\nsink sink\n");
        fs::write(generation.join("queue.meta"), meta).unwrap();
        large
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Writes a segment of records of these sizes; returns its length.
fn segment(path: &Path, mut seq: u64, sizes: &[u64]) -> u64 {
    let file = File::create(path).unwrap();
    let mut at = 0;
    for size in sizes {
        let mut header = [0; HEADER_BYTES as usize];
        header[0..4].copy_from_slice(&[0xf7, 0x57, 0x51, 0x01]);
        header[4..8].copy_from_slice(&u32::try_from(size - HEADER_BYTES).unwrap().to_le_bytes());
        header[8..16].copy_from_slice(&seq.to_le_bytes());
        // a thousand entries each
        header[16..24].copy_from_slice(&(1000 * (seq - 1)).to_le_bytes());
        header[24..28].copy_from_slice(&1000_u32.to_le_bytes());
        // the CRC of the body, which nobody asks for at opening, is left zero
        let crc = crc32c::crc32c(&header[..60]);
        header[60..64].copy_from_slice(&crc.to_le_bytes());
        file.write_all_at(&header, at).unwrap();
        at += size;
        seq += 1;
    }
    file.set_len(at).unwrap();
    at
}
