//! One series with one sample, as bytes (remote write specification 1.0, "Protocol"; a sample is the same in 2.0).

use weir_model::labels::{put_varint, varint_len};

use crate::wire::{FIELD_1, FIELD_2};

/// `Sample.value`, a double.
const VALUE: u8 = 0x09;
/// `Sample.timestamp`, a varint.
const TIMESTAMP: u8 = 0x10;

/// A sample's message with its time filled in and room for the value: all samples of a page usually share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleField {
    /// The time it is made for, in milliseconds since the epoch.
    pub(crate) time: i64,
    // tag, length, value tag, 8 bytes of value, time tag, up to 10 bytes of time
    bytes: [u8; 22],
    len: usize,
}

impl SampleField {
    /// A sample at `time`.
    pub(crate) fn at(time: i64) -> Self {
        let mut bytes = [0; 22];
        (bytes[0], bytes[2], bytes[11]) = (FIELD_2, VALUE, TIMESTAMP);
        let mut len = 12;
        // a negative int64 takes ten bytes, as protobuf has it
        let mut rest = time as u64;
        for byte in &mut bytes[12..] {
            len += 1;
            if rest < 0x80 {
                *byte = rest as u8;
                break;
            }
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        bytes[1] = (len - 2) as u8;
        Self { time, bytes, len }
    }

    /// How many bytes the field of a sample at `time` has.
    pub(crate) fn len_at(time: i64) -> usize {
        12 + varint_len(time as u64 as usize)
    }

    /// The field with this value, for a series message of either version. The value's bits are sent as they are, also those of
    /// a zero, which proto3 would let us leave out: minus zero and the NaNs must survive.
    #[inline]
    pub(crate) fn with(&mut self, value: f64) -> &[u8] {
        self.bytes[3..11].copy_from_slice(&value.to_bits().to_le_bytes());
        &self.bytes[..self.len]
    }

    /// Appends a 1.0 series with this sample at its value.
    #[inline]
    pub(crate) fn put_series(&mut self, out: &mut Vec<u8>, labels: &[u8], value: f64) {
        let body = labels.len() + self.len;
        out.reserve(1 + varint_len(body) + body);
        out.push(FIELD_1);
        put_varint(out, body);
        out.extend_from_slice(labels);
        out.extend_from_slice(self.with(value));
    }
}
