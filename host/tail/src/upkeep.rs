//! A source's checkpoint: read at its start, written while it runs and when it stops.

use std::time::Instant;

use tokio::sync::mpsc;

use crate::checkpoint::{self, Checkpoint, Entry};
use crate::reader::Reader;
use crate::stamps::{StampClock, wall_clock};
use crate::wake::Stop;
use crate::watch::Watch;

impl Reader {
    /// Waits for acknowledgements as long as the stop allows, then writes the checkpoint.
    pub(crate) fn finish(mut self) {
        // its channel would fill up unread
        self.watch = Watch::none(&self.wake);
        let closed = mpsc::channel(1).0;
        drop(std::mem::replace(&mut self.out, closed));
        while let Some(Stop::Drain(until)) = self.wake.stopped() {
            if self.unacked.batches() == 0 || Instant::now() >= until {
                self.store_checkpoint();
                return;
            }
            self.wake.wait_settled(until);
        }
    }

    pub(crate) fn load_checkpoint(&mut self) {
        match checkpoint::load(&self.checkpoint_path) {
            Ok(None) => {}
            Ok(Some(checkpoint)) => {
                self.clock = StampClock::after(checkpoint.last_time);
                self.remembered = checkpoint.files.into_iter().map(|e| (e.key, e)).collect();
                // files that came while weir was away are no backlog
                self.scans = 1;
            }
            Err(error) => {
                let path = self.checkpoint_path.display();
                self.metrics.checkpoint_errors.inc();
                tracing::warn!(source = self.settings.name, %path, %error,
                    "checkpoint is lost: reading files from their beginning, lines may be sent twice");
                self.scans = 1;
            }
        }
    }

    pub(crate) fn store_checkpoint(&mut self) {
        self.store_soon = false;
        let checkpoint = self.checkpoint();
        if self.stored.as_ref() == Some(&checkpoint) {
            return;
        }
        match checkpoint::store(&self.checkpoint_path, &checkpoint) {
            Ok(()) => {
                self.stored = Some(checkpoint);
                if std::mem::take(&mut self.store_failed) {
                    tracing::info!(source = self.settings.name, "the checkpoint is written again");
                }
            }
            Err(error) => {
                self.metrics.checkpoint_errors.inc();
                // once: it is tried again every second, and a full disk stays full for a while
                if !std::mem::replace(&mut self.store_failed, true) {
                    let path = self.checkpoint_path.display();
                    tracing::warn!(source = self.settings.name, %path, %error,
                        "cannot write checkpoint; after a crash lines would be sent twice; trying again");
                }
            }
        }
    }

    fn checkpoint(&mut self) -> Checkpoint {
        let now = (wall_clock() / 1_000_000_000) as u64;
        let forget = now.saturating_sub(self.settings.forget_after.as_secs());
        self.remembered.retain(|_, e| e.seen >= forget);
        // by the hour, so that a source at rest writes nothing
        let seen = now - now % 3600;
        let followed = self.files.values().map(|f| {
            let position = f.progress.safe();
            Entry { path: f.path.clone(), key: f.key, born: f.born, position, finished: f.is_finished(), seen }
        });
        let mut files: Vec<Entry> = followed.chain(self.remembered.values().cloned()).collect();
        files.sort_unstable_by_key(|e| e.key);
        Checkpoint { last_time: self.clock.last(), files }
    }
}
