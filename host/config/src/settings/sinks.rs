use std::time::Duration;

use weir_relabel::Rules;

use super::{HttpClient, LabelMap};

/// One of `[[remote_write]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWrite {
    /// `name`, unique among these; of the URL's host unless given. The disk queue belongs to it.
    pub name: String,
    /// `url`, http or https, with a host and without credentials.
    pub url: String,
    /// How the receiver is spoken to.
    pub http: HttpClient,
    /// `protobuf_message`: 1.0 unless given, which every receiver takes.
    pub protobuf_message: ProtobufMessage,
    /// `send_exemplars`, false unless given, as Prometheus. Scrapes bring none yet.
    pub send_exemplars: bool,
    /// `send_native_histograms`, false unless given, as Prometheus. Scrapes bring none yet.
    pub send_native_histograms: bool,
    /// `remote_timeout`: of one request. 30s unless given, as Prometheus.
    pub remote_timeout: Duration,
    /// `write_relabel_configs`.
    pub write_relabel_configs: Rules,
    /// `external_labels` of `[global]`.
    pub external_labels: LabelMap,
    /// `queue`.
    pub queue: Queue,
    /// `queue_config`.
    pub queue_config: QueueConfig,
}

/// What remote write sends. A receiver that does not understand it gets the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtobufMessage {
    /// `prometheus.WriteRequest`: remote write 1.0.
    WriteRequest,
    /// `io.prometheus.write.v2.Request`: remote write 2.0.
    RequestV2,
}

/// One of `[[loki]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loki {
    /// `name`, unique among these; of the URL's host unless given. The disk queue belongs to it.
    pub name: String,
    /// `url` of the push endpoint, http or https, with a host and without credentials.
    pub url: String,
    /// `tenant_id`, sent as `X-Scope-OrgID`.
    pub tenant_id: Option<String>,
    /// How the receiver is spoken to.
    pub http: HttpClient,
    /// `timeout`: of one request. 10s unless given, as Promtail.
    pub timeout: Duration,
    /// `external_labels` of `[global]` with this sink's own over them.
    pub external_labels: LabelMap,
    /// `queue`.
    pub queue: Queue,
    /// `batch_bytes`: a push is sent when it holds this much text. 1 MiB unless given, as Promtail.
    pub batch_bytes: u64,
    /// `batch_wait`: or when it is this old. 1s unless given, as Promtail.
    pub batch_wait: Duration,
    /// `backoff_config.min_period` between retries: 500ms unless given, as Promtail.
    pub min_backoff: Duration,
    /// `backoff_config.max_period`: 5s unless given (Promtail: 5m): a receiver that is back should not wait for its
    /// lines, and one request in some seconds does no harm.
    pub max_backoff: Duration,
    /// `structured_metadata`: whether it is sent. True unless given; a Loki before 2.9 has no place for it.
    pub structured_metadata: bool,
}

/// `queue`: the disk queue of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// `lanes`, 1 to 256: 8 unless given. A series or stream keeps its lane.
    pub lanes: u16,
    /// `max_bytes` on disk. 1 GiB unless given: hours of a mid-sized machine, no surprise on a small disk.
    pub max_bytes: u64,
    /// `max_age`: what waited longer is dropped and counted. `None`, the default, keeps it.
    pub max_age: Option<Duration>,
    /// `when_full`: `drop_oldest` for remote write and `block` for Loki unless given.
    pub when_full: WhenFull,
    /// `sync_interval`, 10 ms to 1 min: what was queued becomes durable, and is only then acknowledged (a log file's
    /// checkpoint moves), after this long. 1s unless given: an fsync a second is nothing to any disk.
    pub sync_interval: Duration,
    /// `sync_bytes`, 4 KiB to 16 MiB: or as soon as this much waits for it. 1 MiB unless given.
    pub sync_bytes: u64,
    /// `min_free_disk`: with less free on its file system, the queue behaves as a full one. `None`, the default, is
    /// 256 MiB, or a twentieth of a smaller file system; 0 is no floor.
    pub min_free_disk: Option<u64>,
}

/// What becomes of data that a full queue has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// `block`: log files wait to be read; a scrape is dropped and counted.
    Block,
    /// `drop_oldest`: the oldest data make room, and are counted.
    DropOldest,
    /// `drop_newest`: it is dropped and counted.
    DropNewest,
}

/// `queue_config`: how remote write sends, in Prometheus' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// `min_shards`: lanes that may send at once however slow the receiver is. 1 unless given, as Prometheus.
    pub min_shards: u16,
    /// `max_shards`: lanes that send at once. All lanes unless given.
    pub max_shards: u16,
    /// `max_samples_per_send`: 10,000 unless given (Prometheus: 2,000): larger requests compress better, and a
    /// receiver that finds one too large (413) gets halves. A request is also cut at 1 MiB before compression, or where this is
    /// more than 10,000 in proportion, up to 16 MiB.
    pub max_samples_per_send: u64,
    /// `batch_send_deadline`: 5s unless given, as Prometheus.
    ///
    /// Freshness, and what a crash costs, against bytes and CPU: where it is longer than the scrape interval, and
    /// `max_samples_per_send` has room for a lane's samples of that time, a request holds several scrapes of a target with each
    /// series' labels once. Three scrapes take about half the bytes a sample, in either version of remote write. But samples
    /// arrive that much later, and what waits for its request is in memory alone: a stop sends it, `kill -9` or a power
    /// cut loses up to that much time.
    pub batch_send_deadline: Duration,
    /// `min_backoff` between retries: 30ms unless given, as Prometheus.
    pub min_backoff: Duration,
    /// `max_backoff`: 5s unless given, as Prometheus.
    pub max_backoff: Duration,
    /// `retry_on_http_429`: true unless given (Prometheus: false): a receiver that asks to slow down wants the data.
    pub retry_on_http_429: bool,
    /// `sample_age_limit`: what is older is dropped and counted instead of sent. `None`, the default, sends all.
    pub sample_age_limit: Option<Duration>,
}
