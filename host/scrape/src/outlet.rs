//! Where pages go. What stands behind these traits is the pipeline; scraping does not know it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_model::{LabelSet, Page};

/// A boxed future, one a page.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What there is to know of a target when its outlet is opened.
#[derive(Clone, Debug)]
pub struct TargetInfo {
    /// The job's name.
    pub job: String,
    /// What is fetched.
    pub url: String,
    /// The labels that the target's series get.
    pub labels: LabelSet,
    /// A hash of labels and URL that is the same in every process; for placing (lanes).
    pub hash: u64,
    /// What it is scraped at, as of now.
    pub interval: Duration,
}

/// Why no more pages follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The target is no longer there: its series end.
    Removed {
        /// What it was last scraped at.
        interval: Duration,
    },
    /// weir stops: the series get no staleness markers.
    Stopped,
}

/// Opens outlets for targets.
pub trait Outlets: Send + Sync {
    /// An outlet for a target that is about to be scraped for the first time.
    fn open(&self, target: &TargetInfo) -> Box<dyn TargetOutlet>;
}

/// Takes the pages of one target.
///
/// For each scrape, failed ones included, [`begin`](Self::begin) and then [`page`](Self::page). Between the two nothing is
/// awaited. At the end [`close`](Self::close), once.
pub trait TargetOutlet: Send {
    /// The page to come was due at this time, before [`begin`](Self::begin): for measuring.
    fn due(&mut self, at: Instant) {
        let _ = at;
    }

    /// Waits for admission, pins the pipeline's generation for the page to come, and says its number.
    ///
    /// When the number differs from the last page's, the page to come has no deaths, and all its series are births: slots
    /// start over, and all former ones are gone. A `begin` may be followed by another, or by `close`, without a page.
    fn begin(&mut self) -> BoxFuture<'_, u64>;

    /// Takes a page. Its samples are in flight in the source's account, and the outlet goes on with their
    /// [`passage`](weir_telemetry::SourceAccount::passage). What cannot be kept is dropped and counted by the outlet.
    fn page(&mut self, page: &Page<'_>);

    /// No page will follow.
    fn close(&mut self, end: End);
}

impl<T: Outlets + ?Sized> Outlets for Arc<T> {
    fn open(&self, target: &TargetInfo) -> Box<dyn TargetOutlet> {
        (**self).open(target)
    }
}
