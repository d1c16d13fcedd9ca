//! What the benchmark needs to see of the encoders. Not part of the interface.

use std::pin::Pin;
use std::sync::Arc;

use weir_model::{LabelSet, Page, PageSink};
use weir_relabel::Rules;
use weir_telemetry::{Ledger, Metrics, PipelineAccount, Signal};

use crate::batch::BatchSettings;
use crate::intake::{Intake, Offered, Parcel};
use crate::protocol::Protocol;
use crate::remote_write::{Encoding, Group, TargetEncoder};
use crate::scratch::ScratchPool;
use crate::settings::RemoteWriteVersion;

struct Nowhere;

impl Intake for Nowhere {
    fn generated(&self, _: u64, _: i64) {}
    fn routed(&self, _: &PipelineAccount, _: u64, _: i64) {}
    fn dropped(&self, _: &'static str, _: u64) {}
    fn retimed(&self, _: u64) {}
    fn offer(&self, _: usize, _: &mut Parcel) -> Offered {
        Offered::Settled
    }
    fn give_up(&self, _: Parcel) {}
    fn room(&self, _: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A target whose requests go nowhere.
pub struct Target(TargetEncoder, Arc<Group>);

/// A target's encoder that cuts requests at so many bytes.
pub fn encoder(version: RemoteWriteVersion, max_bytes: usize) -> Target {
    let batch = BatchSettings { max_bytes, max_records: u32::MAX, ..BatchSettings::REMOTE_WRITE };
    let protocol = match version {
        RemoteWriteVersion::One => Protocol::RemoteWrite1,
        RemoteWriteVersion::Two => Protocol::RemoteWrite2,
    };
    let (exemplars, native_histograms) = (false, false);
    let encoding = Encoding {
        protocol,
        exemplars,
        native_histograms,
        external_labels: LabelSet::default(),
        write_relabel: Rules::default(),
        batch,
        lanes: 1,
    };
    let group = Arc::new(Group::new(encoding, vec![Arc::new(Nowhere)]));
    let from = Ledger::new(&Metrics::new()).pipeline("bench", Signal::Samples);
    Target(TargetEncoder::new(group.clone(), Arc::new(ScratchPool::default()), 0, from), group)
}

impl Target {
    /// Encodes a page.
    pub fn accept(&mut self, page: &Page<'_>) {
        self.0.accept(page);
    }

    /// Makes a request of what is encoded.
    pub fn seal(&self) {
        self.1.seal(0);
    }

    /// Throws away what is encoded.
    pub fn forget(&self) {
        self.1.forget(0);
    }

    /// What is encoded.
    pub fn raw(&self) -> Vec<u8> {
        self.1.raw(0)
    }
}

/// Compresses a request; the length, 0 on an error.
pub fn snappy(raw: &[u8], packed: &mut [u8]) -> usize {
    snap::raw::Encoder::new().compress(raw, packed).unwrap_or_default()
}
