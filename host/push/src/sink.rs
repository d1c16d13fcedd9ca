//! One sink: its queue, its account, its metrics. It lives as long as its name is in the configuration; what a reload may
//! change of it is its [`Binding`].

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::time::Instant;
use weir_queue::{AppendError, DropReason, Health, Queue};
use weir_telemetry::{PipelineAccount, SinkAccount};

use crate::demand::Demand;
use crate::intake::{Intake, Offered, Parcel};
use crate::metrics::SinkMetrics;
use crate::protocol::Protocol;

/// See the [module](self).
pub(crate) struct Sink {
    protocol: Protocol,
    account: SinkAccount,
    binding: RwLock<Arc<Binding>>,
    demand: Mutex<Demand>,
    removed: AtomicBool,
}

/// What a reload may replace.
pub(crate) struct Binding {
    /// The queue, shared with the binding before when its settings did not change; `None` while it is closed.
    pub(crate) queue: Option<Arc<BookedQueue>>,
    /// The metrics, whose labels hold the URL.
    pub(crate) metrics: SinkMetrics,
}

/// A queue and what of its drops is already in the ledger.
pub(crate) struct BookedQueue {
    pub(crate) queue: Queue,
    booked: Mutex<[u64; DropReason::ALL.len()]>,
}

impl BookedQueue {
    pub(crate) fn new(queue: Queue) -> Self {
        Self { queue, booked: Mutex::default() }
    }
}

impl Sink {
    pub(crate) fn new(protocol: Protocol, account: SinkAccount, binding: Binding) -> Self {
        Self {
            protocol,
            account,
            binding: RwLock::new(Arc::new(binding)),
            demand: Mutex::default(),
            removed: AtomicBool::new(false),
        }
    }

    /// The sink in the ledger: `remote_write.<name>` or `loki.<name>`.
    pub(crate) fn component(&self) -> &str {
        self.account.name()
    }

    pub(crate) fn account(&self) -> &SinkAccount {
        &self.account
    }

    pub(crate) fn binding(&self) -> Arc<Binding> {
        // the one assignment below cannot be left half done
        self.binding.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes queue or metrics from now on.
    pub(crate) fn bind(&self, binding: Binding) {
        *self.binding.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(binding);
    }

    /// Lets go of the queue, so that its directory is free once those who use it at this moment are done.
    pub(crate) fn release(&self) -> Option<Arc<BookedQueue>> {
        let binding = self.binding();
        self.bind(Binding { queue: None, metrics: binding.metrics.clone() });
        binding.queue.clone()
    }

    /// Whether the queue can keep what it is given.
    pub(crate) fn health(&self) -> Health {
        match &self.binding().queue {
            Some(queue) => queue.queue.health(),
            None => Health::Failing("closed".to_owned()),
        }
    }

    /// All encoders count the lanes as the queue does.
    pub(crate) fn former_writers_are_gone(&self) {
        if let Some(queue) = &self.binding().queue {
            queue.queue.former_writers_are_gone();
        }
    }

    /// The sink is no longer in the configuration: what still comes is dropped and counted.
    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }

    /// Brings ledger and metrics up to what the queue says.
    pub(crate) fn refresh(&self) {
        let _booking = self.account.booking();
        self.show();
        let binding = self.binding();
        let pending = u64::try_from(self.account.queued() + self.account.in_flight.get()).unwrap_or_default();
        let totals = binding.metrics.totals(self.account.read.get());
        let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desired) = demand.look(Instant::now(), totals, pending) {
            binding.metrics.desired(desired);
        }
    }

    /// The same for a look at the ledger, or within a booking.
    pub(crate) fn show(&self) {
        let binding = self.binding();
        let Some(queue) = &binding.queue else { return };
        // held from the look at the queue to the ledger: of two who refresh, the later has the later numbers
        let mut booked = queue.booked.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = queue.queue.stats();
        let mut new = [("", 0); DropReason::ALL.len()];
        for ((reason, booked), new) in DropReason::ALL.into_iter().zip(booked.iter_mut()).zip(&mut new) {
            let now = stats.dropped_for(reason).entries;
            *new = (reason.as_str(), now.saturating_sub(*booked));
            *booked = now;
        }
        self.account.stored(stats.queued.entries, stats.in_flight.entries, new);
        drop(booked);
        for (reason, records) in new.into_iter().filter(|(_, records)| *records > 0) {
            binding.metrics.dropped(reason, records);
        }
        binding.metrics.pending(self.account.queued() + self.account.in_flight.get());
    }

    /// weir stops, and nothing takes what is in the buffers any more: it had no room in the queue until now.
    pub(crate) fn abandon(&self) {
        let records = self.account.buffered();
        if records > 0 {
            tracing::error!(
                sink = self.component(),
                records,
                "weir stops with records that found no room in the queue"
            );
            self.dropped("abandoned", records);
        }
    }

    /// Counts records that end here, in a request; within a booking with the queue's commit.
    pub(crate) fn count_lost(&self, metrics: &SinkMetrics, reason: &'static str, records: u64) {
        if records > 0 {
            self.account.dropped(reason, records);
            metrics.dropped(reason, records);
        }
    }

    fn lost(&self, reason: &'static str, parcel: &mut Parcel) -> Offered {
        let records = parcel.meta.entries;
        tracing::error!(sink = self.component(), reason, records, "records are dropped before they were queued");
        self.dropped(reason, u64::from(records));
        if let Some(settle) = parcel.on_durable.take() {
            // dropped on purpose and counted: the source need not read it again
            settle();
        }
        Offered::Settled
    }
}

impl Intake for Sink {
    fn routed(&self, from: &PipelineAccount, records: u64, newest_ms: i64) {
        self.account.take(from, records);
        self.binding().metrics.routed(records, newest_ms);
    }

    fn generated(&self, records: u64, newest_ms: i64) {
        self.account.generated(records);
        self.binding().metrics.routed(records, newest_ms);
    }

    fn retimed(&self, records: u64) {
        self.binding().metrics.retimed(records);
    }

    fn dropped(&self, reason: &'static str, records: u64) {
        if records > 0 {
            self.account.dropped_unqueued(reason, records);
            self.binding().metrics.dropped(reason, records);
        }
    }

    fn offer(&self, lane: usize, parcel: &mut Parcel) -> Offered {
        let binding = self.binding();
        let booking = self.account.booking();
        let appended = match &binding.queue {
            Some(queue) => queue.queue.append_of(parcel.lanes, lane, parcel.meta, &parcel.body, &mut parcel.on_durable),
            None => Err(AppendError::Closed),
        };
        match appended {
            Ok(_) | Err(AppendError::Dropped(_)) => {
                self.account.stored_more(u64::from(parcel.meta.entries));
                drop(booking);
                Offered::Settled
            }
            // A scrape cannot be made to wait as a file can: what does not fit is dropped for this sink alone.
            Err(AppendError::Full(reason)) if self.protocol != Protocol::Loki => self.lost(reason.as_str(), parcel),
            Err(AppendError::Closed) if self.removed.load(Ordering::Acquire) => self.lost("sink_removed", parcel),
            // Closed without being removed is a queue that a reload is about to reopen.
            Err(AppendError::Full(_) | AppendError::Storage | AppendError::Closed) => {
                binding.metrics.again();
                Offered::Later
            }
        }
    }

    fn give_up(&self, mut parcel: Parcel) {
        self.lost("storage", &mut parcel);
    }

    fn room(&self, bytes: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Some(queue) = &self.binding().queue {
                queue.queue.room(bytes).await;
            }
        })
    }
}
