//! What the next version of the plugin takes up: every series, kept in weir.
//!
//! A family is kept in pieces, for a single value of the store is bounded: `NAME/0` begins with the family's shape, and only a
//! family of that shape takes it up.

use weir_sdk::state;

use crate::series::{Family, Series};

/// Below the store's 256 KiB for a value, with room for one more series.
const PIECE: usize = 192 << 10;

/// Takes up what a family of the same name and shape has left.
pub(crate) fn take_up(family: &mut Family, room: &mut usize) {
    for piece in 0.. {
        let Some(bytes) = state::get(&key(&family.name, piece)) else { return };
        // written by this plugin, perhaps by another version: what does not read is not taken up
        let Ok((shape, all)) = postcard::from_bytes::<(String, Vec<Series>)>(&bytes) else { return };
        if shape != family.shape() {
            return;
        }
        for series in all {
            family.take_up(series, room);
        }
    }
}

/// Keeps a family.
///
/// # Errors
/// Why it is not kept; what was kept of it before is gone then.
pub(crate) fn keep(family: &Family) -> Result<(), String> {
    let outcome = write(family);
    let pieces = *outcome.as_ref().unwrap_or(&0);
    // what is not of this family as it is now
    for old in state::keys(&format!("{}/", family.name)) {
        let number = old.rsplit_once('/').and_then(|(_, n)| n.parse::<usize>().ok());
        if number.is_none_or(|n| n >= pieces) {
            state::remove(&old);
        }
    }
    outcome.map(|_| ())
}

/// Writes all pieces, and says how many there are.
fn write(family: &Family) -> Result<usize, String> {
    let shape = family.shape();
    let (mut pieces, mut open, mut size) = (0, vec![], 0);
    let mut close = |open: &mut Vec<&Series>| {
        let bytes = postcard::to_allocvec(&(&shape, &*open)).map_err(|e| e.to_string())?;
        state::set(&key(&family.name, pieces), &bytes).map_err(|e| e.to_string())?;
        pieces += 1;
        open.clear();
        Ok::<(), String>(())
    };
    for series in family.iter() {
        open.push(series);
        size += postcard::experimental::serialized_size(series).map_err(|e| e.to_string())?;
        if size >= PIECE {
            close(&mut open)?;
            size = 0;
        }
    }
    if !open.is_empty() {
        close(&mut open)?;
    }
    Ok(pieces)
}

fn key(name: &str, piece: usize) -> String {
    format!("{name}/{piece}")
}
