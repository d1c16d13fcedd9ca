//! Follows log files.
//!
//! Each source ([`FileLogsSettings`]) has one thread that finds files by its globs, reads what is new, frames lines and
//! hands them as batches to its [`LogOutlet`]. An outlet that takes its time pauses its source, and no other.
//!
//! # Which file is which
//! A file is known by device and inode, and by [`Fingerprint`]s of what was read of it, its head and what stands before the
//! position; so files that begin with one banner are told apart, and an inode or a path that is used again is noticed:
//!
//! - renamed: it is read on through the open descriptor until it has been quiet for `rotate_grace`, under the name it
//!   had; the new file under that name follows behind it. Found again by a glob, it is not read twice.
//! - truncated, or written anew (copytruncate, a reused inode): it is begun from its start. What was written between
//!   the last read and the truncation is lost, as with every reader; the event is counted.
//! - deleted: it is read to its end through the open descriptor.
//! - renamed while weir was away: it is looked for by its inode beside its old path, and with it younger files whose names
//!   rotation gives (`app.log.1`, `app.log-20261125`): they came and were renamed while weir was away.
//! - renamed before weir ever saw it, while it ran: it came between two files of its path, and is found beside them when the
//!   path is found to lead elsewhere, under a name that rotation gives (also `app-2026-11-25.log`), and made since the path was last
//!   looked at. It is read before the file that is there now. Of several, the oldest is read first. What was there before weir
//!   first looked, what is compressed and copies are not taken. (The clock of the file system must not be behind the machine's.)
//! - rotated while the outlet takes nothing: weir goes on looking, and holds what it finds open (with up to three quarters of
//!   `max_open_files`), so that what is deleted meanwhile can be read later; its disk space is free only then.
//! - gone while weir was away (deleted, or compressed): what it got since is lost; the event is counted.
//! - a copy is another file: where logs are rotated by copytruncate, let no glob match the copies. (To know a copy, all of
//!   it would have to be compared with all that was read, while it is still being made and its original not yet cut; two
//!   files that only begin alike must never be taken for one, for that loses lines and a copy only repeats them.)
//!
//! # What a line is
//! See [`frame`]. A last line without a line end waits for it, and is handed on as it is only when its file was rotated
//! and finished. Files that begin with a UTF-16 byte order mark are decoded. A batch's lines are stamped with the time
//! they were read, strictly increasing within the source ([`stamps`]).
//!
//! # What is never lost
//! The checkpoint advances over the contiguous prefix of batches that were acknowledged. After a crash lines may come
//! twice: those handed on and not acknowledged, or acknowledged since the last write. A batch that is settled as unsafe
//! stops its file's checkpoint (not its reading) until the next start.

mod checkpoint;
mod descriptors;
mod discover;
mod followed;
pub mod frame;
mod generation_names;
mod generations;
pub mod identity;
mod listing;
mod metrics;
mod moment;
mod outlet;
mod patterns;
mod progress;
mod reader;
mod recover;
pub mod settings;
pub mod stamps;
mod tail;
mod tails;
mod upkeep;
mod utf16;
mod wake;
mod watch;

pub use identity::Fingerprint;
pub use metrics::TailMetrics;
pub use outlet::{BoxFuture, LogOutlet};
pub use settings::{FileLogsSettings, ReadFrom, SettingsError};
pub use tail::{StartError, Tail};
pub use tails::{MakeOutlet, Tails};

#[cfg(test)]
mod tests;
