//! Whether the file is another one than the one that was read.

use std::fs::{self, File};
use std::time::SystemTime;

use crate::table::{Shape, Table, TableError};

/// A state of the file, by its length and the time of its last change: what a look costs little for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    changed: Option<SystemTime>,
}

/// The file, and what is known of it.
#[derive(Debug)]
pub(crate) struct Watch {
    path: String,
    /// The state that was read last, well or not.
    read: Option<Stamp>,
    /// Another state, seen once.
    seen: Option<Stamp>,
    gone: bool,
}

/// What a look found.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing new, or something that may still be under way.
    Nothing,
    /// Another table.
    Table(Table),
    /// Something that cannot be used, said once.
    Failed(String),
}

impl Watch {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &str, shape: &Shape) -> Result<(Self, Table), String> {
        let mut watch = Self { path: path.into(), read: None, seen: None, gone: false };
        watch.read = watch.stamp().ok();
        let table = watch.table(shape)?;
        Ok((watch, table))
    }

    /// Looks at the file. One that has changed is read when it is the same at two looks: who writes it is done then.
    pub(crate) fn look(&mut self, shape: &Shape) -> Look {
        let stamp = match self.stamp() {
            Ok(stamp) => stamp,
            Err(e) => {
                // what comes back is read, whatever it looks like
                (self.read, self.seen) = (None, None);
                return if std::mem::replace(&mut self.gone, true) {
                    Look::Nothing
                } else {
                    Look::Failed(format!("{}: {e}", self.path))
                };
            }
        };
        self.gone = false;
        if self.read == Some(stamp) {
            self.seen = None;
            return Look::Nothing;
        }
        if self.seen != Some(stamp) {
            self.seen = Some(stamp);
            return Look::Nothing;
        }
        (self.read, self.seen) = (Some(stamp), None);
        match self.table(shape) {
            Ok(table) => Look::Table(table),
            Err(why) => Look::Failed(why),
        }
    }

    fn stamp(&self) -> Result<Stamp, TableError> {
        let metadata = fs::metadata(&self.path)?;
        Ok(Stamp { length: metadata.len(), changed: metadata.modified().ok() })
    }

    fn table(&self, shape: &Shape) -> Result<Table, String> {
        let named = |e: TableError| format!("{}: {e}", self.path);
        let file = File::open(&self.path).map_err(|e| named(e.into()))?;
        Table::read(file, shape).map_err(named)
    }
}
