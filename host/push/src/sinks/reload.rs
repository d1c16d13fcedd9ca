//! From the sinks that run to the sinks that are wanted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::spawn_blocking;
use weir_queue::{Queue, Volume};
use weir_telemetry::Signal;

use super::open::{Encode, Spec};
use super::{Inner, Running, SinkError, lock};
use crate::metrics::SinkMetrics;
use crate::protocol::Protocol;
use crate::send::{Endpoint, Sender};
use crate::sink::{Binding, BookedQueue, Sink};

/// How long a reload waits for the requests of a sink that changes or goes. What is cut off then is sent again.
const STOP_BOUND: Duration = Duration::from_secs(5);

/// How often to look whether nobody uses a closed queue any more.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A sink to start or to change, checked as far as that is possible beside the one that runs.
struct Prepared {
    spec: Spec,
    encode: Encode,
    endpoint: Endpoint,
    /// Of a new sink.
    queue: Option<Queue>,
}

impl Inner {
    /// Brings the sinks to `wanted`.
    pub(super) async fn apply(&self, wanted: Vec<(Spec, Encode)>) -> Result<(), SinkError> {
        let _one_at_a_time = self.reloading.lock().await;
        let names: Vec<_> = wanted.iter().map(|(spec, _)| spec.component.clone()).collect();
        let prepared = self.prepare(wanted).await?;
        let mut regroup = false;
        for component in self.components() {
            if !names.contains(&component) {
                regroup = true;
                self.remove(&component).await;
            }
        }
        let mut outcome = Ok(());
        for sink in prepared {
            regroup |= self.encoding_differs(&sink);
            outcome = outcome.and(self.start_or_change(sink).await);
        }
        if regroup {
            self.regroup();
        }
        outcome
    }

    /// Makes encoders and outlets look for new groups.
    pub(super) fn regroup(&self) {
        self.retire_groups();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Checks what is new or changed and opens the queues of what is new; nothing that runs is touched.
    async fn prepare(&self, wanted: Vec<(Spec, Encode)>) -> Result<Vec<Prepared>, SinkError> {
        let mut prepared = Vec::new();
        for (spec, encode) in wanted {
            let (same, new) = match lock(&self.state).running.get(&spec.component) {
                Some(running) => (running.spec == spec && running.encode == encode, false),
                None => (false, true),
            };
            if same {
                continue;
            }
            let endpoint = spec.endpoint()?;
            let queue = if new { Some(self.open_queue(&spec, false).await?) } else { None };
            prepared.push(Prepared { spec, encode, endpoint, queue });
        }
        Ok(prepared)
    }

    fn components(&self) -> Vec<String> {
        lock(&self.state).running.keys().cloned().collect()
    }

    fn encoding_differs(&self, sink: &Prepared) -> bool {
        lock(&self.state).running.get(&sink.spec.component).is_none_or(|running| running.encode != sink.encode)
    }

    async fn start_or_change(&self, prepared: Prepared) -> Result<(), SinkError> {
        let Prepared { mut spec, encode, endpoint, queue } = prepared;
        let mut failed = None;
        let metrics = self.families.sink(spec.protocol, &spec.name, &spec.url);
        let (sink, queue) = if let Some(queue) = queue {
            self.first_opened(&spec, queue, metrics.clone())
        } else {
            let found = {
                let mut state = lock(&self.state);
                state.running.get_mut(&spec.component).map(|r| (r.sink.clone(), r.spec.clone(), r.sender.take()))
            };
            let Some((sink, before, sender)) = found else { return Ok(()) };
            if let Some(sender) = sender {
                sender.stop(STOP_BOUND).await;
            }
            let kept = if before.queue == spec.queue { sink.binding().queue.clone() } else { None };
            let queue = if let Some(queue) = kept {
                queue
            } else {
                let (queue, error) = self.reopen(&sink, &before, &spec).await?;
                if error.is_some() {
                    // that the next reload tries again
                    spec.queue = before.queue;
                }
                failed = error;
                queue
            };
            (sink, queue)
        };
        sink.bind(Binding { queue: Some(queue.clone()), metrics: metrics.clone() });
        tracing::info!(sink = spec.component, "sink is set up");
        let sender = Some(Sender::start(sink.clone(), queue, metrics, endpoint));
        lock(&self.state).running.insert(spec.component.clone(), Running { spec, encode, sink, sender });
        failed.map_or(Ok(()), Err)
    }

    /// A sink whose queue was opened just now.
    fn first_opened(&self, spec: &Spec, queue: Queue, metrics: SinkMetrics) -> (Arc<Sink>, Arc<BookedQueue>) {
        let signal = match spec.protocol {
            Protocol::RemoteWrite1 | Protocol::RemoteWrite2 => Signal::Samples,
            Protocol::Loki => Signal::Lines,
        };
        let account = self.ledger.sink(&spec.component, signal);
        let queue = Arc::new(BookedQueue::new(queue));
        let binding = Binding { queue: Some(queue.clone()), metrics };
        let sink = Arc::new(Sink::new(spec.protocol, account, binding));
        let booking = sink.account().booking();
        // Of a sink that was removed and comes back, the ledger has the records as read already.
        if lock(&self.state).known.insert(spec.component.clone()) {
            sink.account().recovered(queue.queue.stats().recovered.entries);
        }
        sink.show();
        drop(booking);
        (sink, queue)
    }

    /// Closes a sink's queue and opens it with new settings; with the old ones where that fails, and then says why.
    async fn reopen(
        &self,
        sink: &Sink,
        before: &Spec,
        spec: &Spec,
    ) -> Result<(Arc<BookedQueue>, Option<SinkError>), SinkError> {
        close(sink).await;
        let (queue, failed) = match self.open_queue(spec, true).await {
            Ok(queue) => (queue, None),
            Err(error) => {
                tracing::error!(sink = spec.component, %error, "queue cannot be opened as set up now, trying as before");
                (self.open_queue(before, true).await?, Some(error))
            }
        };
        Ok((Arc::new(BookedQueue::new(queue)), failed))
    }

    async fn remove(&self, component: &str) {
        let removed = lock(&self.state).running.remove(component);
        let Some(Running { sink, sender, .. }) = removed else { return };
        // what the encoders hold for it still belongs into its queue
        self.flush();
        if let Some(sender) = sender {
            sender.stop(STOP_BOUND).await;
        }
        sink.remove();
        let left = close(&sink).await;
        tracing::info!(
            sink = component,
            records = left.entries,
            bytes = left.bytes,
            "sink is removed, its queue stays on disk"
        );
    }

    /// Encoders of before write through until they are replaced; new ones find new groups.
    fn retire_groups(&self) {
        let (remote_write, loki) = {
            let mut state = lock(&self.state);
            let groups = (std::mem::take(&mut state.remote_write), std::mem::take(&mut state.loki));
            state.retired.0.extend(groups.0.iter().map(|(_, g)| g.clone()));
            state.retired.1.extend(groups.1.iter().map(|(_, g)| g.clone()));
            groups
        };
        for (_, group) in &remote_write {
            group.retire();
        }
        for (_, group) in &loki {
            group.retire();
        }
    }

    async fn open_queue(&self, spec: &Spec, again: bool) -> Result<Queue, SinkError> {
        let (spec, data_dir) = (spec.clone(), self.data_dir.clone());
        spawn_blocking(move || spec.open_queue(&data_dir, again)).await?
    }
}

/// Closes a sink's queue, off the runtime's workers, and waits until its directory is free; what is left in it.
pub(super) async fn close(sink: &Sink) -> Volume {
    let Some(queue) = sink.binding().queue.clone() else { return Volume::default() };
    let component = sink.component().to_owned();
    let closing = queue.clone();
    match spawn_blocking(move || closing.queue.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(sink = component, %error, "queue was not closed cleanly"),
        Err(error) => tracing::error!(sink = component, %error, "queue was not closed"),
    }
    sink.refresh();
    let left = queue.queue.stats().queued;
    drop(sink.release());
    let others = Arc::downgrade(&queue);
    drop(queue);
    // an append or a look at the numbers is over in no time, and a wait for room ends when the queue is closed
    let free = async {
        while others.strong_count() > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    if tokio::time::timeout(STOP_BOUND, free).await.is_err() {
        tracing::warn!(sink = component, "a closed queue is still in use");
    }
    left
}
