//! `[[remote_write]]` and `[[loki]]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::http::{self, Url};
use super::relabel;
use crate::check::Check;
use crate::names;
use crate::section::Section;
use crate::setting::{At, Size, word};
use crate::settings::{Global, Loki, ProtobufMessage, Queue, QueueConfig, RemoteWrite, WhenFull};

/// More lanes only multiply files and fsyncs.
const MOST_LANES: u64 = 256;
/// A queue's segments take some room of their own; below this nothing useful would fit.
const SMALLEST_QUEUE: u64 = 1 << 20;

/// More often, a disk does little else; more seldom, much is read again after a crash.
const SYNC_INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_mins(1);
/// A page, and what a queue is ready to hold in memory.
const SYNC_BYTES: RangeInclusive<u64> = 4 << 10..=16 << 20;

pub(super) fn remote_write(
    section: Section<'_>,
    global: &Global,
    taken: &mut Vec<At<String>>,
    check: &mut Check<'_>,
) -> Option<RemoteWrite> {
    let mut section = section.later(&["azuread", "google_iam", "metadata_config", "round_robin_dns"]);
    let url: Option<At<Url>> = section.need("url", check);
    let name = name(&mut section, url.as_ref(), taken, check);
    let protobuf_message = protobuf_message(&mut section, check);
    let queue = queue(&mut section, WhenFull::DropOldest, check);
    let sink = RemoteWrite {
        name,
        http: http::signing_client(&mut section, url.as_ref().map(|url| &url.value), check),
        url: url.as_ref().map(|url| url.value.0.clone()).unwrap_or_default(),
        protobuf_message,
        send_exemplars: section.or("send_exemplars", false, check),
        send_native_histograms: section.or("send_native_histograms", false, check),
        remote_timeout: positive(&mut section, "remote_timeout", Duration::from_secs(30), check),
        write_relabel_configs: relabel::read(&mut section, "write_relabel_configs", check),
        external_labels: global.external_labels.clone(),
        queue_config: queue_config(&mut section, queue.lanes, check),
        queue,
    };
    section.finish(check);
    url.map(|_| sink)
}

pub(super) fn loki(
    mut section: Section<'_>,
    global: &Global,
    taken: &mut Vec<At<String>>,
    check: &mut Check<'_>,
) -> Option<Loki> {
    let url: Option<At<Url>> = section.need("url", check);
    let name = name(&mut section, url.as_ref(), taken, check);
    let mut external_labels = global.external_labels.clone();
    external_labels.extend(section.map("external_labels", check, names::own_label));
    let batch_bytes: Option<At<Size>> = section.get("batch_bytes", check);
    // Loki servers refuse requests much above that
    if let Some(size) = batch_bytes.as_ref().filter(|size| !(1 << 10..=64 << 20).contains(&size.value.0)) {
        check.error(size.place, "a batch can have 1 KiB to 64 MiB", "", "1MiB is the default");
    }
    let (min_backoff, max_backoff) = backoff_config(&mut section, check);
    let sink = Loki {
        name,
        http: http::client(&mut section, url.as_ref().map(|url| &url.value), check),
        url: url.as_ref().map(|url| url.value.0.clone()).unwrap_or_default(),
        tenant_id: tenant_id(&mut section, check),
        timeout: positive(&mut section, "timeout", Duration::from_secs(10), check),
        external_labels,
        queue: queue(&mut section, WhenFull::Block, check),
        batch_bytes: batch_bytes.map_or(1 << 20, |size| size.value.0),
        batch_wait: positive(&mut section, "batch_wait", Duration::from_secs(1), check),
        min_backoff,
        max_backoff,
        structured_metadata: section.or("structured_metadata", true, check),
    };
    section.finish(check);
    url.map(|_| sink)
}

/// The tenant travels in a header.
fn tenant_id(section: &mut Section<'_>, check: &mut Check<'_>) -> Option<String> {
    let tenant: At<String> = section.get("tenant_id", check)?;
    http::header_value(&tenant.value, tenant.place, check);
    Some(tenant.value)
}

/// The sink's name, or one made of its URL that no other sink has.
fn name(
    section: &mut Section<'_>,
    url: Option<&At<Url>>,
    taken: &mut Vec<At<String>>,
    check: &mut Check<'_>,
) -> String {
    if let Some(name) = section.get::<String>("name", check) {
        names::component(&name, check);
        names::unique(name.clone(), "name", taken, check);
        return name.value;
    }
    let base = url.map_or_else(|| "unnamed".to_owned(), |url| url.value.name());
    let is_free = |name: &String| taken.iter().all(|other| other.value != *name);
    let numbered = (2..).map(|n: u32| format!("{base}-{n}"));
    let name = std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base);
    taken.push(At { value: name.clone(), place: section.place });
    name
}

/// Prometheus' own names of the messages.
fn protobuf_message(section: &mut Section<'_>, check: &mut Check<'_>) -> ProtobufMessage {
    let messages = [
        ("prometheus.WriteRequest", ProtobufMessage::WriteRequest),
        ("io.prometheus.write.v2.Request", ProtobufMessage::RequestV2),
    ];
    let node = section.node("protobuf_message");
    node.and_then(|node| word(node, &messages, check)).unwrap_or(ProtobufMessage::WriteRequest)
}

fn queue(section: &mut Section<'_>, when_full: WhenFull, check: &mut Check<'_>) -> Queue {
    let mut queue = Queue {
        lanes: 8,
        max_bytes: 1 << 30,
        max_age: None,
        when_full,
        sync_interval: Duration::from_secs(1),
        sync_bytes: 1 << 20,
        min_free_disk: None,
    };
    let Some(mut section) = section.section("queue", check) else { return queue };
    if let Some(lanes) = section.get::<u64>("lanes", check) {
        queue.lanes = count(&lanes, MOST_LANES, check).unwrap_or(queue.lanes);
    }
    if let Some(size) = section.get::<Size>("max_bytes", check) {
        if size.value.0 < SMALLEST_QUEUE {
            check.error(size.place, "a queue needs at least 1 MiB", "", "1GiB is the default");
        }
        queue.max_bytes = size.value.0;
    }
    // 0 is no limit, as for every limit
    queue.max_age = section.value("max_age", check).filter(|age: &Duration| !age.is_zero());
    let policies =
        [("block", WhenFull::Block), ("drop_oldest", WhenFull::DropOldest), ("drop_newest", WhenFull::DropNewest)];
    queue.when_full = section.node("when_full").and_then(|node| word(node, &policies, check)).unwrap_or(when_full);
    if let Some(interval) = section.get::<Duration>("sync_interval", check) {
        if !SYNC_INTERVALS.contains(&interval.value) {
            check.error(interval.place, "a queue can be made durable every 10ms to 1m", "", "1s is the default");
        }
        queue.sync_interval = interval.value;
    }
    if let Some(size) = section.get::<Size>("sync_bytes", check) {
        if !SYNC_BYTES.contains(&size.value.0) {
            check.error(size.place, "a queue can be made durable every 4 KiB to 16 MiB", "", "1MiB is the default");
        }
        queue.sync_bytes = size.value.0;
    }
    queue.min_free_disk = section.value("min_free_disk", check).map(|size: Size| size.0);
    section.finish(check);
    queue
}

fn queue_config(section: &mut Section<'_>, lanes: u16, check: &mut Check<'_>) -> QueueConfig {
    let mut config = QueueConfig {
        min_shards: 1,
        max_shards: lanes,
        max_samples_per_send: 10_000,
        batch_send_deadline: Duration::from_secs(5),
        min_backoff: Duration::from_millis(30),
        max_backoff: Duration::from_secs(5),
        retry_on_http_429: true,
        sample_age_limit: None,
    };
    let Some(mut section) = section.section("queue_config", check) else { return config };
    shards(&mut section, &mut config, lanes, check);
    if let Some(capacity) = section.get::<u64>("capacity", check) {
        let help = "remove it, or set queue.max_bytes, by which the queue on disk is bounded";
        check.warn(capacity.place, "weir has no queue in memory for this to bound", "without effect", help);
    }
    if let Some(samples) = section.get::<u64>("max_samples_per_send", check) {
        config.max_samples_per_send = count(&samples, 1_000_000, check).unwrap_or(config.max_samples_per_send);
    }
    config.batch_send_deadline = positive(&mut section, "batch_send_deadline", config.batch_send_deadline, check);
    let keys = ["min_backoff", "max_backoff"];
    (config.min_backoff, config.max_backoff) =
        backoff(&mut section, keys, (config.min_backoff, config.max_backoff), check);
    // 0 is no limit, as in Prometheus
    config.sample_age_limit = section.value("sample_age_limit", check).filter(|age: &Duration| !age.is_zero());
    config.retry_on_http_429 = section.or("retry_on_http_429", true, check);
    section.finish(check);
    config
}

fn shards(section: &mut Section<'_>, config: &mut QueueConfig, lanes: u16, check: &mut Check<'_>) {
    let help = format!("there are as many as queue.lanes says, {lanes}; raise that for more");
    let read = |key, section: &mut Section<'_>, default: u16, check: &mut Check<'_>| {
        let Some(shards) = section.get::<u64>(key, check) else { return default };
        let Some(number) = count::<u16>(&shards, u64::from(u16::MAX), check) else { return default };
        // people bring Prometheus' 50 or 200
        if number > lanes {
            check.warn(shards.place, "there are no more shards than the queue has lanes", "all of them", &help);
        }
        number.min(lanes)
    };
    config.max_shards = read("max_shards", section, config.max_shards, check);
    config.min_shards = read("min_shards", section, config.min_shards, check);
    if config.min_shards > config.max_shards {
        check.error(section.key_place("min_shards"), "min_shards is more than max_shards", "", "lower it");
        config.min_shards = config.max_shards;
    }
}

/// Promtail's `backoff_config`.
fn backoff_config(section: &mut Section<'_>, check: &mut Check<'_>) -> (Duration, Duration) {
    let defaults = (Duration::from_millis(500), Duration::from_secs(5));
    let Some(mut section) = section.section("backoff_config", check) else { return defaults };
    if let Some(retries) = section.get::<u64>("max_retries", check).filter(|retries| retries.value > 0) {
        let help = "remove it; to give lines up, set queue.max_age or queue.when_full";
        check.warn(retries.place, "weir tries until it succeeds: lines wait on disk", "without effect", help);
    }
    let periods = backoff(&mut section, ["min_period", "max_period"], defaults, check);
    section.finish(check);
    periods
}

/// The least and the longest wait between retries.
fn backoff(
    section: &mut Section<'_>,
    [min_key, max_key]: [&'static str; 2],
    defaults: (Duration, Duration),
    check: &mut Check<'_>,
) -> (Duration, Duration) {
    let min = positive(section, min_key, defaults.0, check);
    let max = positive(section, max_key, defaults.1.max(min), check);
    if max < min {
        check.error(section.key_place(max_key), format!("{max_key} is less than {min_key}"), "", "raise it");
    }
    (min, max)
}

/// A number from 1 to `most`.
fn count<T: TryFrom<u64>>(number: &At<u64>, most: u64, check: &mut Check<'_>) -> Option<T> {
    if !(1..=most).contains(&number.value) {
        check.error(number.place, "this number is out of range", "", format!("choose one from 1 to {most}"));
        return None;
    }
    T::try_from(number.value).ok()
}

fn positive(section: &mut Section<'_>, key: &'static str, default: Duration, check: &mut Check<'_>) -> Duration {
    let Some(duration) = section.get::<Duration>(key, check) else { return default };
    if duration.value.is_zero() {
        check.error(
            duration.place,
            "this cannot be 0",
            "",
            "remove it for the default, or write a duration such as 5s",
        );
    }
    duration.value
}
