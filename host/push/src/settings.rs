//! Sinks as they are set up.

use std::time::Duration;

use http::Uri;
use weir_model::LabelSet;
use weir_queue::WhenFull;
use weir_relabel::Rules;

use crate::batch::BatchSettings;

/// The version of remote write that a sink's records are encoded in. A backend that does not understand it gets the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoteWriteVersion {
    /// 1.0, `prometheus.WriteRequest`: every receiver takes it.
    #[default]
    One,
    /// 2.0, `io.prometheus.write.v2.Request`: a third of the bytes, and what is known of each family with its series.
    Two,
}

/// A remote write sink.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWriteSettings {
    /// Its name: in metrics, in routes, and the name of its queue on disk.
    pub name: String,
    /// Where to send.
    pub url: Uri,
    /// How to connect and authenticate, and headers to add.
    pub client: weir_client::Settings,
    /// What records are encoded in (Prometheus: `protobuf_message`).
    pub version: RemoteWriteVersion,
    /// Whether exemplars are sent (Prometheus: `send_exemplars`). Scrapes bring none yet.
    pub send_exemplars: bool,
    /// Whether native histograms are sent (Prometheus: `send_native_histograms`). Scrapes bring none yet.
    pub send_native_histograms: bool,
    /// Labels that every series gets, unless it has one of that name (Prometheus: `external_labels`).
    pub external_labels: LabelSet,
    /// Rules over what is sent, after the external labels (Prometheus: `write_relabel_configs`).
    pub write_relabel: Rules,
    /// When a request is cut.
    pub batch: BatchSettings,
    /// The queue on disk.
    pub queue: QueueSettings,
    /// How requests are sent.
    pub sending: SendSettings,
}

/// A Loki sink.
#[derive(Clone, Debug, PartialEq)]
pub struct LokiSettings {
    /// Its name: in metrics, in routes, and the name of its queue on disk.
    pub name: String,
    /// Where to send.
    pub url: Uri,
    /// How to connect and authenticate, and headers to add.
    pub client: weir_client::Settings,
    /// The tenant, sent as `X-Scope-OrgID`.
    pub tenant_id: Option<String>,
    /// Labels that every stream gets, unless it has one of that name.
    pub external_labels: LabelSet,
    /// Whether structured metadata is sent.
    pub structured_metadata: bool,
    /// When a request is cut.
    pub batch: BatchSettings,
    /// The queue on disk.
    pub queue: QueueSettings,
    /// How requests are sent.
    pub sending: SendSettings,
}

impl RemoteWriteSettings {
    /// The defaults for a sink.
    pub fn new(name: impl Into<String>, url: Uri) -> Self {
        Self {
            name: name.into(),
            url,
            client: weir_client::Settings::default(),
            version: RemoteWriteVersion::One,
            send_exemplars: false,
            send_native_histograms: false,
            external_labels: LabelSet::default(),
            write_relabel: Rules::default(),
            batch: BatchSettings::REMOTE_WRITE,
            queue: QueueSettings { when_full: WhenFull::DropOldest, ..QueueSettings::default() },
            sending: SendSettings::default(),
        }
    }
}

impl LokiSettings {
    /// The defaults for a sink.
    pub fn new(name: impl Into<String>, url: Uri) -> Self {
        Self {
            name: name.into(),
            url,
            client: weir_client::Settings::default(),
            tenant_id: None,
            external_labels: LabelSet::default(),
            structured_metadata: true,
            batch: BatchSettings::LOKI,
            queue: QueueSettings { when_full: WhenFull::Block, ..QueueSettings::default() },
            sending: SendSettings { min_backoff: Duration::from_millis(500), ..SendSettings::default() },
        }
    }
}

/// A sink's queue on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// How many lanes: how many requests may be under way at once at most.
    pub lanes: u16,
    /// Its budget in bytes.
    pub max_bytes: u64,
    /// Records that have waited longer are dropped and counted.
    pub max_age: Option<Duration>,
    /// What becomes of records that it has no room for.
    pub when_full: WhenFull,
    /// What is queued is fsynced, and only then acknowledged to its source, after this long …
    pub sync_interval: Duration,
    /// … or as soon as so many bytes wait for it.
    pub sync_bytes: u64,
    /// What the disk must have free, in bytes, lest the queue behaves as a full one; `None` is the queue's default.
    pub min_free_disk: Option<u64>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            lanes: weir_queue::DEFAULT_LANES,
            max_bytes: weir_queue::DEFAULT_MAX_BYTES,
            max_age: None,
            when_full: WhenFull::default(),
            sync_interval: weir_queue::DEFAULT_SYNC_INTERVAL,
            sync_bytes: weir_queue::DEFAULT_SYNC_BYTES,
            min_free_disk: None,
        }
    }
}

/// How requests are sent. The defaults are Prometheus' where it has the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendSettings {
    /// Requests that may be under way at once whatever the backend does, 1 to `max_shards`.
    pub min_shards: usize,
    /// Requests under way at once at most, bounded by the lanes. Prometheus allows 50; eight lanes keep a connection of
    /// 100 ms round trip busy with 300,000 samples a second.
    pub max_shards: usize,
    /// The first wait after a failure.
    pub min_backoff: Duration,
    /// The longest wait after a failure.
    pub max_backoff: Duration,
    /// Whether 429 is retried. Prometheus says no by default, and loses data whenever a backend limits its rate.
    pub retry_on_http_429: bool,
    /// From connecting to the end of the answer (Prometheus: `remote_timeout`).
    pub timeout: Duration,
    /// Records whose newest entry is older are dropped and counted instead of sent (Prometheus: `sample_age_limit`).
    pub sample_age_limit: Option<Duration>,
}

impl Default for SendSettings {
    fn default() -> Self {
        Self {
            min_shards: 1,
            max_shards: usize::from(weir_queue::DEFAULT_LANES),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: true,
            timeout: Duration::from_secs(30),
            sample_age_limit: None,
        }
    }
}
