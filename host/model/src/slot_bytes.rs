//! Bytes by slot, small at rest.
//!
//! What a target's series have in common compresses some seventeen-fold; it is needed only while the target's
//! page passes. The store keeps it in lz4 blocks of 64 KiB and one open block, and unpacks all of them into a
//! buffer that the caller lends ([`SlotBytes::unpack`]): one buffer a worker serves every target.

use crate::page::Slot;

/// Bytes in a sealed block: large enough for lz4 to find the repetition, small enough that a birth in a big
/// target does not pack the whole again.
const BLOCK: usize = 64 * 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct SlotBytes {
    sealed: Vec<Sealed>,
    sealed_len: usize,
    open: Vec<u8>,
    places: Vec<Place>,
    dead: usize,
}

#[derive(Debug)]
struct Sealed {
    packed: Box<[u8]>,
    len: usize,
}

/// Where a slot's bytes are in the unpacked whole; of length 0 where the slot is free.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    len: u32,
}

/// All bytes of a store, unpacked; see [`SlotBytes::unpack`].
#[derive(Clone, Copy, Debug)]
pub struct UnpackedBytes<'a> {
    bytes: &'a [u8],
    places: &'a [Place],
}

impl SlotBytes {
    /// Keeps these bytes for a slot, in place of what it had. No bytes are the same as none.
    pub fn insert(&mut self, slot: Slot, bytes: &[u8]) {
        self.remove(slot);
        let index = slot as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::default());
        }
        if self.open.len() + bytes.len() > BLOCK {
            self.seal();
        }
        self.places[index] = Place { start: (self.sealed_len + self.open.len()) as u32, len: bytes.len() as u32 };
        self.open.extend_from_slice(bytes);
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            self.dead += place.len as usize;
            *place = Place::default();
        }
    }

    /// No slot at or above this one has any.
    pub fn slots(&self) -> Slot {
        self.places.len() as Slot
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Seals the open block and gives back the room of dead slots when they are more than half. Call it when a page that
    /// changed the store has passed.
    pub fn settle(&mut self, scratch: &mut Vec<u8>) {
        let total = self.sealed_len + self.open.len();
        if self.dead * 2 > total {
            self.compact(scratch);
        }
        // A small open block stays open: births trickle in, and packing a handful gains nothing.
        if self.open.len() > BLOCK / 4 {
            self.seal();
        }
        self.open.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    /// Unpacks all blocks into `scratch`, replacing its content.
    pub fn unpack<'a>(&'a self, scratch: &'a mut Vec<u8>) -> UnpackedBytes<'a> {
        self.fill(scratch);
        UnpackedBytes { bytes: scratch, places: &self.places }
    }

    /// How many bytes of memory the store holds.
    pub fn heap_bytes(&self) -> usize {
        self.sealed.iter().map(|b| b.packed.len()).sum::<usize>()
            + self.open.capacity()
            + self.places.capacity() * size_of::<Place>()
    }

    fn fill(&self, out: &mut Vec<u8>) {
        let total = self.sealed_len + self.open.len();
        // resize only ever grows a buffer that serves many targets, so the zeroing is paid once
        if out.len() < total {
            out.resize(total, 0);
        }
        let mut at = 0;
        for block in &self.sealed {
            // The bytes are our own; should memory be damaged, the block reads as zeros, which every reader takes for nothing.
            if lz4_flex::block::decompress_into(&block.packed, &mut out[at..at + block.len]).is_err() {
                out[at..at + block.len].fill(0);
            }
            at += block.len;
        }
        out[at..total].copy_from_slice(&self.open);
    }

    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let packed = lz4_flex::block::compress(&self.open).into_boxed_slice();
        self.sealed.push(Sealed { packed, len: self.open.len() });
        self.sealed_len += self.open.len();
        self.open.clear();
    }

    fn compact(&mut self, scratch: &mut Vec<u8>) {
        self.fill(scratch);
        let places = std::mem::take(&mut self.places);
        *self = Self::default();
        for (slot, place) in places.iter().enumerate().filter(|(_, p)| p.len > 0) {
            self.insert(slot as Slot, &scratch[place.start as usize..(place.start + place.len) as usize]);
        }
    }
}

impl<'a> UnpackedBytes<'a> {
    /// The bytes of a slot; none where the slot is free.
    #[inline]
    pub fn get(self, slot: Slot) -> &'a [u8] {
        let place = self.places.get(slot as usize).copied().unwrap_or_default();
        &self.bytes[place.start as usize..(place.start + place.len) as usize]
    }
}
