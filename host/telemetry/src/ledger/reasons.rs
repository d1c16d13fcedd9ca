//! Every reason for which a record ends, in one table. `host/LEDGER.md` shows it to operators; tests of the house hold
//! both and the code together.

use super::Role;

/// A reason for which records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Whose account has it.
    pub role: Role,
    /// The label's value.
    pub reason: &'static str,
    /// Which part of weir counts it.
    pub by: &'static str,
    /// What has happened.
    pub meaning: &'static str,
    /// What an operator can do.
    pub remedy: &'static str,
}

const fn reason(
    role: Role,
    reason: &'static str,
    by: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> Reason {
    Reason { role, reason, by, meaning, remedy }
}

use Role::{Pipeline, Sink, Source};

/// All of them, in the order of the way of the data.
pub const REASONS: &[Reason] = &[
    reason(
        Source,
        "metric_relabel",
        "scrape",
        "metric_relabel_configs dropped the sample's series",
        "nothing: it is what the rules say",
    ),
    reason(Source, "duplicate", "scrape", "a second sample of one series on a page", "mend the exporter"),
    reason(
        Source,
        "out_of_order",
        "scrape",
        "older than an earlier sample of the series on the page",
        "mend the exporter",
    ),
    reason(
        Source,
        "out_of_bounds",
        "scrape",
        "more than 10 minutes ahead of the scrape",
        "set the target's clock, or honor_timestamps = false",
    ),
    reason(
        Source,
        "syntax",
        "scrape",
        "the page does not parse, so none of it counts; what was read up to there",
        "mend the exporter; the target's last error has line and column",
    ),
    reason(
        Source,
        "no_name",
        "scrape",
        "metric relabelling took a series' name, so the page does not count",
        "mend metric_relabel_configs",
    ),
    reason(
        Source,
        "sample_limit",
        "scrape",
        "the page has more samples than sample_limit",
        "raise the limit, or serve less",
    ),
    reason(
        Source,
        "label_limit",
        "scrape",
        "a sample on the page has more or longer labels than a label limit",
        "raise the limit, or mend the exporter",
    ),
    reason(Source, "connection", "scrape", "no answer; nothing was read, so this is 0", "see the target's last error"),
    reason(
        Source,
        "timeout",
        "scrape",
        "no whole answer within scrape_timeout; nothing was read, so this is 0",
        "raise scrape_timeout, or serve faster",
    ),
    reason(
        Source,
        "status",
        "scrape",
        "another status than 200; nothing was read, so this is 0",
        "see the target's last error",
    ),
    reason(
        Source,
        "body",
        "scrape",
        "the body broke off; nothing was read, so this is 0",
        "see the target's last error",
    ),
    reason(
        Source,
        "gzip",
        "scrape",
        "the body is not the gzip it should be; nothing was read, so this is 0",
        "mend the exporter, or enable_compression = false",
    ),
    reason(
        Source,
        "body_size_limit",
        "scrape",
        "the body is over body_size_limit; nothing was read, so this is 0",
        "raise the limit, or serve less",
    ),
    reason(
        Source,
        "target_limit",
        "scrape",
        "the job has too many targets; nothing was read, so this is 0",
        "raise the limit, or narrow discovery",
    ),
    reason(
        Source,
        "no_route",
        "route",
        "no pipeline takes from this source: it is about to end",
        "nothing; lines are not acknowledged and are read again",
    ),
    reason(
        Source,
        "abandoned",
        "route",
        "the source stopped while they waited for a pipeline",
        "nothing; lines are not acknowledged and are read again",
    ),
    reason(
        Pipeline,
        "verdict",
        "plugin",
        "a plugin dropped the record by its labels",
        "nothing: it is what the plugin says",
    ),
    reason(
        Pipeline,
        "filtered",
        "plugin",
        "a plugin dropped the record by its value or text",
        "nothing: it is what the plugin says",
    ),
    reason(
        Pipeline,
        "trap",
        "plugin",
        "the plugin trapped, and its on_error is drop",
        "mend the plugin; the log has the trap",
    ),
    reason(
        Pipeline,
        "timeout",
        "plugin",
        "the plugin ran into its time limit, and its on_error is drop",
        "raise limits.timeout, or mend the plugin",
    ),
    reason(
        Pipeline,
        "memory",
        "plugin",
        "the plugin died for want of memory, and its on_error is drop",
        "raise limits.memory, or mend the plugin",
    ),
    reason(
        Pipeline,
        "error",
        "plugin",
        "the plugin answered with an error, and its on_error is drop",
        "see the log for the plugin's words",
    ),
    reason(
        Pipeline,
        "bad_answer",
        "plugin",
        "the plugin's answer breaks the contract, and its on_error is drop",
        "mend the plugin; the log says what is wrong",
    ),
    reason(
        Pipeline,
        "unavailable",
        "plugin",
        "the plugin rests after many failures, and its on_error is drop",
        "mend the plugin",
    ),
    reason(
        Pipeline,
        "stopped",
        "plugin",
        "samples that came while a plugin with on_error = stop fails",
        "mend the plugin; lines wait, samples cannot",
    ),
    reason(
        Pipeline,
        "duplicate",
        "pipeline",
        "another series of the page has the same labels behind the plugins",
        "let the plugins keep series apart",
    ),
    reason(
        Pipeline,
        "unknown_slot",
        "pipeline",
        "a sample of a series that was never announced",
        "report it: it is an error of weir's",
    ),
    reason(
        Pipeline,
        "no_sink",
        "pipeline",
        "the pipeline's sinks are gone: a reload takes them away",
        "nothing, if it ends with the reload",
    ),
    reason(
        Pipeline,
        "abandoned",
        "pipeline",
        "the source stopped while they waited for a plugin or for room",
        "nothing; lines are not acknowledged and are read again",
    ),
    reason(
        Sink,
        "write_relabel",
        "encoder",
        "write_relabel_configs dropped the series, or took its name",
        "nothing: it is what the rules say",
    ),
    reason(Sink, "no_stream", "encoder", "a line without a stream", "report it: it is an error of weir's"),
    reason(Sink, "encode", "encoder", "a request could not be compressed", "report it: it is an error of weir's"),
    reason(
        Sink,
        "storage",
        "encoder",
        "the queue took no writes for so long that the buffers were full",
        "free the disk, or mend it",
    ),
    reason(Sink, "sink_removed", "encoder", "came after a reload had removed the sink", "nothing"),
    reason(
        Sink,
        "abandoned",
        "encoder",
        "weir stopped while they waited for room in the queue",
        "nothing; lines are not acknowledged and are read again",
    ),
    reason(
        Sink,
        "queue_full",
        "queue",
        "the oldest made room for newer ones (when_full = drop_oldest)",
        "mend the backend, or raise queue.max_bytes",
    ),
    reason(
        Sink,
        "queue_full_newest",
        "queue",
        "no room for the newest (drop_newest, or samples for a queue that blocks)",
        "mend the backend, or raise queue.max_bytes",
    ),
    reason(Sink, "queue_age", "queue", "waited longer than queue.max_age", "mend the backend, or raise queue.max_age"),
    reason(Sink, "queue_corrupt", "queue", "damaged on disk", "look after the disk"),
    reason(
        Sink,
        "queue_torn",
        "queue",
        "was being written when the machine or process died",
        "nothing; lines are read again",
    ),
    reason(Sink, "disk_full", "queue", "the disk has no space, and the policy is not to block", "free the disk"),
    reason(
        Sink,
        "queue_too_large",
        "queue",
        "a request larger than the whole queue, or than a record may be",
        "raise queue.max_bytes, or lower the batch's bytes",
    ),
    reason(Sink, "too_old", "send", "older than sample_age_limit", "mend the backend, or raise the limit"),
    reason(Sink, "unknown_protocol", "send", "queued by a newer weir", "run that one until the queue is empty"),
    reason(
        Sink,
        "too_large",
        "send",
        "413 for the half of a request too",
        "raise the backend's limit, or lower the batch's bytes",
    ),
    reason(
        Sink,
        "http_400_unknown",
        "send",
        "400: refused; the backend may have kept some",
        "the log has the backend's words",
    ),
    reason(Sink, "http_401", "send", "401: no or wrong credentials", "mend the sink's authorization"),
    reason(Sink, "http_403", "send", "403: not allowed", "mend the sink's authorization or tenant"),
    reason(Sink, "http_404", "send", "404: nothing takes pushes there", "mend the sink's url"),
    reason(Sink, "http_415", "send", "415: the backend does not know the protocol", "choose another protobuf_message"),
    reason(Sink, "http_429", "send", "429, and retrying is switched off", "raise the tenant's rate, or retry"),
    reason(Sink, "http_4xx", "send", "another refusal", "the log has the backend's words"),
    reason(
        Sink,
        "http_2xx_unknown",
        "send",
        "a success that Loki does not have; nobody knows what was kept",
        "see what answers at the sink's url",
    ),
    reason(Sink, "ingestion_blocked", "send", "260: Loki stores nothing for this tenant", "have the block lifted"),
];
