//! Entries as bytes (grafana/loki, `pkg/push/push.proto`).

use weir_model::Labels;
use weir_model::labels::{put_varint, varint_len};

use crate::wire::{FIELD_1, FIELD_2, FIELD_3, Fields, field_len, put_field};

/// `Timestamp.seconds`, a varint.
const SECONDS: u8 = 0x08;
/// `Timestamp.nanos`, a varint.
const NANOS: u8 = 0x10;
/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// One line and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    /// The text.
    pub(crate) line: &'a str,
    /// Structured metadata.
    pub(crate) metadata: Labels<'a>,
}

impl Entry<'_> {
    /// How many bytes [`put`](Self::put) appends.
    pub(crate) fn len(&self) -> usize {
        field_len(self.body_len())
    }

    /// Appends it as `Stream.entries`.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let (seconds, nanos) = self.split();
        out.push(FIELD_2);
        put_varint(out, self.body_len());
        out.push(FIELD_1);
        put_varint(out, self.time_len());
        out.push(SECONDS);
        put_varint(out, seconds);
        out.push(NANOS);
        put_varint(out, nanos);
        put_field(out, FIELD_2, self.line.as_bytes());
        // a pair is encoded as a label is, but for the number of the field it stands in
        for (_, body, _) in Fields(self.metadata.as_bytes()) {
            put_field(out, FIELD_3, body);
        }
    }

    fn body_len(&self) -> usize {
        field_len(self.time_len()) + field_len(self.line.len()) + self.metadata.as_bytes().len()
    }

    fn time_len(&self) -> usize {
        let (seconds, nanos) = self.split();
        2 + varint_len(seconds) + varint_len(nanos)
    }

    /// Seconds as protobuf encodes an int64 (a negative one in two's complement), and nanoseconds.
    fn split(&self) -> (usize, usize) {
        (self.time.div_euclid(SECOND) as usize, self.time.rem_euclid(SECOND) as usize)
    }
}
