//! What flows through weir: label sets, pages of samples, batches of log lines, and the acknowledgements that come back.
//!
//! Nothing here does I/O, and nothing here knows a wire format by name, with one deliberate exception: the canonical
//! bytes of a label set ([`labels`]) are the ones that remote write 1.0 sends, so that writing a series is a copy.

pub mod ack;
pub mod label_store;
pub mod labels;
pub mod logs;
pub mod metadata;
pub mod page;
pub mod slot_bytes;
pub mod target_sink;

pub use ack::{Ack, AckWatch};
pub use label_store::LabelStore;
pub use labels::{LabelSet, Labels, LabelsBuilder};
pub use logs::LogBatch;
pub use metadata::{Metadata, MetricKind};
pub use page::{Births, Page, PageSink, STALE_NAN, Sample, Slot};
pub use slot_bytes::SlotBytes;
pub use target_sink::TargetSink;
