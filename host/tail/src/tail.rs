//! A running source.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use weir_model::LogBatch;
use weir_telemetry::{Ledger, Signal, SourceAccount};

use crate::checkpoint;
use crate::metrics::TailMetrics;
use crate::outlet::LogOutlet;
use crate::patterns::Patterns;
use crate::progress::Unacked;
use crate::reader::Reader;
use crate::settings::{FileLogsSettings, SettingsError};
use crate::wake::{Stop, Wake};

/// Batches between the reader and the outlet, at most: with thousands of small files a thread switch for each would
/// cost more than reading them. What bounds the memory is [`BYTES_AHEAD`](crate::reader::BYTES_AHEAD).
const BATCHES_AHEAD: usize = 64;

/// One source of log files that is being followed: a thread that reads, and a task that hands batches on.
///
/// Dropping it without [`stop`](Self::stop) leaves things as a killed process would: no checkpoint is written any more.
pub struct Tail {
    wake: Arc<Wake>,
    ended: Option<oneshot::Receiver<()>>,
    reader: Option<JoinHandle<()>>,
    forwarder: tokio::task::JoinHandle<()>,
}

/// Why a source could not be started. All are fatal for the source.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Fatal: the settings cannot work.
    #[error("file_logs {name:?}: {source}")]
    Settings {
        /// The source.
        name: String,
        /// What is wrong.
        source: SettingsError,
    },
    /// Fatal: two sources would share a checkpoint.
    #[error("file_logs {name:?} stands there twice")]
    Twice {
        /// The source.
        name: String,
    },
    /// Fatal: no place for checkpoints.
    #[error("checkpoint directory {path:?}: {source}")]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// Why it cannot be made.
        source: std::io::Error,
    },
    /// Fatal: no thread for the source.
    #[error("file_logs {name:?}: no thread: {source}")]
    Thread {
        /// The source.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Tail {
    /// Starts to follow a source's files, from its checkpoint in `checkpoints` if there is one. Must be called within a
    /// tokio runtime.
    pub fn start(
        settings: FileLogsSettings,
        outlet: Arc<dyn LogOutlet>,
        checkpoints: &Path,
        metrics: &TailMetrics,
        ledger: &Ledger,
    ) -> Result<Self, StartError> {
        let name = settings.name.clone();
        let wrong = |source| StartError::Settings { name: name.clone(), source };
        settings.check().map_err(wrong)?;
        let patterns = Patterns::compile(&settings).map_err(wrong)?;
        std::fs::create_dir_all(checkpoints)
            .map_err(|source| StartError::Directory { path: checkpoints.to_owned(), source })?;
        let wake = Arc::new(Wake::default());
        let unacked = Arc::new(Unacked::default());
        let (out, batches) = mpsc::channel(BATCHES_AHEAD);
        let path = checkpoint::path_of(checkpoints, &name);
        let (metrics, reader_wake, reader_unacked) = (metrics.of(&name), wake.clone(), unacked.clone());
        let (tell, ended) = oneshot::channel();
        let reader = std::thread::Builder::new()
            .name(format!("tail {name}"))
            .spawn(move || {
                Reader::new(settings, patterns, metrics, reader_wake, reader_unacked, out, path).run();
                let _ = tell.send(());
            })
            .map_err(|source| StartError::Thread { name: name.clone(), source })?;
        let account = ledger.source(&format!("file_logs.{name}"), Signal::Lines);
        let forwarder = tokio::spawn(forward(batches, outlet, account, wake.clone(), unacked));
        Ok(Self { wake, ended: Some(ended), reader: Some(reader), forwarder })
    }

    /// Whether it has looked at all its files once: from then on, what is renamed is followed.
    pub fn has_looked(&self) -> bool {
        self.wake.has_looked()
    }

    /// Stops reading, waits at most `patience` for what was handed on to be acknowledged, and writes the checkpoint.
    /// What is not acknowledged by then is read again after the next start.
    pub async fn stop(mut self, patience: Duration) {
        self.wake.stop(Stop::Drain(Instant::now() + patience));
        if let Some(ended) = self.ended.take() {
            // an error says that the thread is gone, which is what is waited for
            let _ = ended.await;
        }
        self.forwarder.abort();
        let _ = (&mut self.forwarder).await;
        if let Some(reader) = self.reader.take()
            && reader.join().is_err()
        {
            tracing::error!("a log reader ended by a panic");
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        if self.reader.is_some() {
            self.wake.stop(Stop::Abandon);
            self.forwarder.abort();
        }
    }
}

async fn forward(
    mut batches: mpsc::Receiver<LogBatch>,
    outlet: Arc<dyn LogOutlet>,
    account: SourceAccount,
    wake: Arc<Wake>,
    unacked: Arc<Unacked>,
) {
    while let Some(batch) = batches.recv().await {
        unacked.taken(batch.text.len() as u64);
        wake.room();
        account.book(batch.len() as u64, 0, &[]);
        outlet.accept(batch).await;
    }
}
