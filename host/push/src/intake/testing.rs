//! A sink that keeps what it is given.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;
use weir_receive::decode::{self, Limits};
use weir_receive::proto::loki::PushRequest;
use weir_receive::proto::remote_write::WriteRequest;

use super::*;

/// A pipeline's account that nobody looks at.
pub(crate) fn from() -> PipelineAccount {
    weir_telemetry::Ledger::new(&weir_telemetry::Metrics::new()).pipeline("test", weir_telemetry::Signal::Samples)
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) routed: AtomicU64,
    pub(crate) retimed: AtomicU64,
    pub(crate) dropped: Mutex<Vec<(&'static str, u64)>>,
    pub(crate) full: AtomicBool,
    pub(crate) freed: Notify,
    pub(crate) parcels: Mutex<Vec<(usize, RecordMeta, Bytes)>>,
}

impl Memory {
    pub(crate) fn remote_write(&self) -> Vec<WriteRequest> {
        let parcels = self.parcels.lock().unwrap();
        parcels.iter().map(|(.., body)| decode::remote_write(body, Limits::default()).unwrap()).collect()
    }

    pub(crate) fn loki(&self) -> Vec<PushRequest> {
        let parcels = self.parcels.lock().unwrap();
        parcels
            .iter()
            .map(|(.., body)| decode::loki(body, "application/x-protobuf", "", Limits::default()).unwrap())
            .collect()
    }

    pub(crate) fn free(&self) {
        self.full.store(false, Ordering::SeqCst);
        self.freed.notify_waiters();
    }
}

impl Intake for Memory {
    fn routed(&self, _: &PipelineAccount, records: u64, _: i64) {
        self.routed.fetch_add(records, Ordering::SeqCst);
    }

    fn generated(&self, records: u64, newest_ms: i64) {
        self.routed(&from(), records, newest_ms);
    }

    fn retimed(&self, records: u64) {
        self.retimed.fetch_add(records, Ordering::SeqCst);
    }

    fn dropped(&self, reason: &'static str, records: u64) {
        self.dropped.lock().unwrap().push((reason, records));
    }

    fn offer(&self, lane: usize, parcel: &mut Parcel) -> Offered {
        if self.full.load(Ordering::SeqCst) {
            return Offered::Later;
        }
        self.parcels.lock().unwrap().push((lane, parcel.meta, parcel.body.clone()));
        if let Some(done) = parcel.on_durable.take() {
            done();
        }
        Offered::Settled
    }

    fn give_up(&self, parcel: Parcel) {
        self.dropped("storage", u64::from(parcel.meta.entries));
    }

    fn room(&self, _: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let freed = self.freed.notified();
            if self.full.load(Ordering::SeqCst) {
                freed.await;
            }
        })
    }
}
