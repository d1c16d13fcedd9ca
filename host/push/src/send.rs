//! Send loops: one task a lane takes records out of the queue in order and does not take the next before the backend has
//! answered for good. Small records in a row share a request ([`join`]); how many lanes send at once follows the backend
//! ([`shards`]).

mod deliver;
mod endpoint;
mod join;
mod lane;
mod outcome;
mod shards;
mod version;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use endpoint::{Endpoint, reserved_header};

use crate::metrics::SinkMetrics;
use crate::sink::{BookedQueue, Sink};
use lane::Lane;
use shards::Shards;
use version::Version;

/// What the lanes are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Send for ever.
    Run,
    /// Send what is there, but do not wait for more and try nothing twice.
    Drain,
    /// Finish the request under way.
    Stop,
}

/// What a sink's lanes share.
struct Shared {
    sink: Arc<Sink>,
    queue: Arc<BookedQueue>,
    metrics: SinkMetrics,
    endpoint: Endpoint,
    /// Requests that may be under way at once.
    shards: Shards,
    /// Nobody sends before: the backend asked for it (`Retry-After`), and it means all of us.
    pause: Mutex<Option<Instant>>,
    version: Version,
}

/// The running send loops of a sink. Dropping it aborts them; what was under way stays in the queue.
pub(crate) struct Sender {
    stage: watch::Sender<Stage>,
    lanes: JoinSet<()>,
}

impl Sender {
    /// Starts one task a lane.
    pub(crate) fn start(sink: Arc<Sink>, queue: Arc<BookedQueue>, metrics: SinkMetrics, endpoint: Endpoint) -> Self {
        let lanes = queue.queue.lanes();
        let max = endpoint.sending.max_shards.clamp(1, lanes.max(1));
        let min = endpoint.sending.min_shards.clamp(1, max);
        metrics.limits(min, max, endpoint.batch.max_records);
        let shards = Shards::new(min, max, metrics.clone());
        metrics.falls_back(false);
        let pause = Mutex::default();
        let shared = Arc::new(Shared { sink, queue, metrics, endpoint, shards, pause, version: Version::default() });
        let (stage, seen) = watch::channel(Stage::Run);
        let mut tasks = JoinSet::new();
        for lane in 0..lanes {
            tasks.spawn(Lane::new(shared.clone(), lane, seen.clone()).run());
        }
        Self { stage, lanes: tasks }
    }

    /// Sends what is queued as long as that goes well and `bound` has not passed, then stops.
    pub(crate) async fn drain(self, bound: Duration) {
        self.end(Stage::Drain, bound).await;
    }

    /// Stops, waiting for the requests under way no longer than `bound`.
    pub(crate) async fn stop(self, bound: Duration) {
        self.end(Stage::Stop, bound).await;
    }

    async fn end(mut self, stage: Stage, bound: Duration) {
        // no receiver is left when all lanes have ended by themselves
        let _ = self.stage.send(stage);
        let all = async { while self.lanes.join_next().await.is_some() {} };
        if tokio::time::timeout(bound, all).await.is_err() {
            self.lanes.shutdown().await;
        }
    }
}
