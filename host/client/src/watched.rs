//! Values made of files, made anew when a file changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::BuildError;
use crate::authorization::sensitive;
use crate::secret_text::read;
use crate::settings::Credential;
use crate::stamp::Stamp;

/// A value made of files. Each request looks whether they changed (a few microseconds on a thread that may block), so a
/// change takes effect with the next request. While they cannot be read or make no sense, as half of a file does not,
/// the former value stays in force, and one warning says so.
#[derive(Debug)]
pub(crate) struct Watched<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// For the log: what is made of the files.
    what: &'static str,
    files: Vec<PathBuf>,
    load: Box<Load<T>>,
    last: Mutex<Last<T>>,
    /// Held while somebody looks: a file system that hangs must cost one thread, not one for each request.
    turn: Arc<tokio::sync::Mutex<()>>,
}

type Load<T> = dyn Fn() -> Result<T, BuildError> + Send + Sync;

struct Last<T> {
    value: T,
    /// Counts the values.
    version: u64,
    stamps: Vec<Option<Stamp>>,
    /// When the last look began.
    looked: Instant,
    failing: bool,
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + 'static> Watched<T> {
    /// Makes the value for the first time; an error here is fatal for the configuration.
    pub(crate) fn new(
        what: &'static str,
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, BuildError> + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        // The stamps first: a change between the two is then seen at the next look.
        let stamps = stamps(&files);
        let last = Last { value: load()?, version: 0, stamps, looked: Instant::now(), failing: false };
        let turn = Arc::default();
        Ok(Self(Arc::new(Inner { what, files, load: Box::new(load), last: Mutex::new(last), turn })))
    }

    /// The value as of now.
    pub(crate) async fn value(&self) -> T {
        self.versioned().await.0
    }

    /// The value as of now, and a number that only another value has not.
    pub(crate) async fn versioned(&self) -> (T, u64) {
        if !self.0.files.is_empty() {
            let asked = Instant::now();
            let turn = Arc::clone(&self.0.turn).lock_owned().await;
            // Whoever had the turn before may have begun after us.
            if self.0.lock().looked <= asked {
                let inner = Arc::clone(&self.0);
                // Should the look fail altogether, the value stays as it is.
                let _ = tokio::task::spawn_blocking(move || {
                    inner.look();
                    drop(turn);
                })
                .await;
            }
        }
        let last = self.0.lock();
        (last.value.clone(), last.version)
    }
}

impl Watched<String> {
    /// A secret that is given, or stands in a file; the keys are those of the two ways.
    pub(crate) fn secret(
        credential: &Credential,
        value_key: &'static str,
        file_key: &'static str,
    ) -> Result<Self, BuildError> {
        let check = move |text: String, key| {
            let checked = sensitive(&text).map_err(|problem| BuildError::Value { key, problem: problem.into() });
            checked.map(|_| text)
        };
        match credential {
            Credential::Value(secret) => {
                let secret = check(secret.expose().to_owned(), value_key)?;
                Self::new(value_key, Vec::new(), move || Ok(secret.clone()))
            }
            Credential::File(path) => {
                let from = path.clone();
                Self::new(file_key, vec![path.clone()], move || check(read(file_key, &from)?, file_key))
            }
        }
    }
}

impl<T> Inner<T> {
    fn look(&self) {
        let looked = Instant::now();
        let stamps = stamps(&self.files);
        {
            let mut last = self.lock();
            last.looked = looked;
            if last.stamps == stamps {
                return;
            }
        }
        let made = (self.load)();
        let mut last = self.lock();
        last.stamps = stamps;
        match made {
            Ok(value) => {
                last.value = value;
                last.version += 1;
                last.failing = false;
                tracing::info!(key = self.what, files = ?self.files, "files changed and are in use from now on");
            }
            Err(error) => {
                if !std::mem::replace(&mut last.failing, true) {
                    tracing::warn!(%error, "files changed but cannot be used; what they held before stays in use");
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Last<T>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Inner<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // the value is a secret, more often than not
        f.debug_struct("Inner").field("what", &self.what).field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|f| Stamp::of(f).ok()).collect()
}
