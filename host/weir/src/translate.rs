//! From the checked configuration to the components' own settings.

mod client;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use weir_config as config;
use weir_discovery::{DiscoverySettings, TargetGroup};
use weir_model::LabelSet;
use weir_pipeline::guest::OnError;
use weir_push::{BatchSettings, LokiSettings, QueueSettings, RemoteWriteSettings, RemoteWriteVersion, SendSettings};
use weir_scrape::{JobSettings, LabelLimits};
use weir_tail::{FileLogsSettings, ReadFrom};

/// A value that the configuration has accepted and a component does not.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub(crate) struct Untranslatable {
    place: String,
    problem: String,
}

/// `[[scrape_configs]]` to a job.
pub(crate) fn job(from: &config::ScrapeConfig) -> JobSettings {
    let limit = |limit: Option<u64>| limit.map_or(0, |l| usize::try_from(l).unwrap_or(usize::MAX));
    JobSettings {
        job_name: from.job_name.clone(),
        scrape_interval: from.scrape_interval,
        scrape_timeout: from.scrape_timeout,
        metrics_path: from.metrics_path.clone(),
        scheme: from.scheme.name().to_owned(),
        params: from.params.clone(),
        honor_labels: from.honor_labels,
        honor_timestamps: from.honor_timestamps,
        sample_limit: limit(from.limits.samples),
        body_size_limit: limit(from.limits.body_size),
        target_limit: limit(from.limits.targets),
        label_limits: LabelLimits {
            count: limit(from.limits.labels),
            name_length: limit(from.limits.label_name_length),
            value_length: limit(from.limits.label_value_length),
        },
        relabel_configs: from.relabel_configs.clone(),
        metric_relabel_configs: from.metric_relabel_configs.clone(),
        enable_compression: from.enable_compression,
        extra_scrape_metrics: from.extra_scrape_metrics,
        client: client::getting(&from.http),
        discovery: discovery(from),
    }
}

fn discovery(from: &config::ScrapeConfig) -> Vec<DiscoverySettings> {
    let group = |(i, group): (usize, &config::StaticConfig)| TargetGroup {
        source: i.to_string(),
        targets: group.targets.clone(),
        labels: group.labels.clone(),
    };
    let mut all = vec![];
    if !from.static_configs.is_empty() {
        all.push(DiscoverySettings::Static(from.static_configs.iter().enumerate().map(group).collect()));
    }
    all.extend(from.file_sd_configs.iter().map(|files| DiscoverySettings::File {
        patterns: files.files.iter().map(|f| text(f)).collect(),
        refresh: files.refresh_interval,
    }));
    all
}

/// `[[file_logs]]` to a source.
pub(crate) fn file_logs(from: &config::FileLog) -> FileLogsSettings {
    FileLogsSettings {
        exclude: from.exclude.iter().map(|p| text(p)).collect(),
        labels: from.labels.clone(),
        filename_label: from.filename_label.clone(),
        read_from: match from.read_from {
            config::ReadFrom::Beginning => ReadFrom::Beginning,
            config::ReadFrom::End => ReadFrom::End,
        },
        max_line_bytes: usize::try_from(from.max_line_bytes).unwrap_or(usize::MAX),
        poll_interval: from.poll_interval,
        ..FileLogsSettings::new(&from.name, from.paths.iter().map(|p| text(p)))
    }
}

/// `[[remote_write]]` to a sink.
pub(crate) fn remote_write(from: &config::RemoteWrite) -> Result<RemoteWriteSettings, Untranslatable> {
    let url = url("remote_write", &from.name, &from.url)?;
    Ok(RemoteWriteSettings {
        client: client::posting(&from.http),
        version: match from.protobuf_message {
            config::ProtobufMessage::WriteRequest => RemoteWriteVersion::One,
            config::ProtobufMessage::RequestV2 => RemoteWriteVersion::Two,
        },
        send_exemplars: from.send_exemplars,
        send_native_histograms: from.send_native_histograms,
        external_labels: labels(&from.external_labels),
        write_relabel: from.write_relabel_configs.clone(),
        batch: BatchSettings::remote_write(
            u32::try_from(from.queue_config.max_samples_per_send).unwrap_or(u32::MAX),
            from.queue_config.batch_send_deadline,
        ),
        queue: queue(&from.queue),
        sending: SendSettings {
            min_shards: usize::from(from.queue_config.min_shards),
            max_shards: usize::from(from.queue_config.max_shards),
            min_backoff: from.queue_config.min_backoff,
            max_backoff: from.queue_config.max_backoff,
            retry_on_http_429: from.queue_config.retry_on_http_429,
            timeout: from.remote_timeout,
            sample_age_limit: from.queue_config.sample_age_limit,
        },
        ..RemoteWriteSettings::new(&from.name, url)
    })
}

/// `[[loki]]` to a sink.
pub(crate) fn loki(from: &config::Loki) -> Result<LokiSettings, Untranslatable> {
    let url = url("loki", &from.name, &from.url)?;
    let defaults = LokiSettings::new(&from.name, url);
    Ok(LokiSettings {
        client: client::posting(&from.http),
        tenant_id: from.tenant_id.clone(),
        external_labels: labels(&from.external_labels),
        batch: BatchSettings {
            max_bytes: usize::try_from(from.batch_bytes).unwrap_or(usize::MAX),
            deadline: from.batch_wait,
            ..BatchSettings::LOKI
        },
        queue: queue(&from.queue),
        structured_metadata: from.structured_metadata,
        sending: SendSettings {
            min_backoff: from.min_backoff,
            max_backoff: from.max_backoff,
            timeout: from.timeout,
            ..defaults.sending.clone()
        },
        ..defaults
    })
}

/// All sinks.
pub(crate) fn sinks(from: &config::Config) -> Result<(Vec<RemoteWriteSettings>, Vec<LokiSettings>), Untranslatable> {
    let remote_writes = from.remote_write.iter().map(remote_write).collect::<Result<_, _>>()?;
    let lokis = from.loki.iter().map(loki).collect::<Result<_, _>>()?;
    Ok((remote_writes, lokis))
}

/// `[plugins.NAME]` to a plugin's settings.
pub(crate) fn plugin(from: &config::PluginConfig) -> weir_plugin::PluginSettings {
    weir_plugin::PluginSettings {
        config_json: from.config.expose().to_owned(),
        memory_limit: usize::try_from(from.memory).unwrap_or(usize::MAX),
        table_elements: usize::try_from(from.table_elements).unwrap_or(usize::MAX),
        stack: usize::try_from(from.stack).unwrap_or(usize::MAX),
        state_bytes: usize::try_from(from.state).unwrap_or(usize::MAX),
        timeout: from.timeout,
        configure_timeout: from.configure_timeout,
        emit_records: u32::try_from(from.emit_records).unwrap_or(u32::MAX),
        emit_bytes: from.emit_bytes,
        http_timeout: from.http_timeout,
        http_requests: u32::try_from(from.http_requests).unwrap_or(u32::MAX),
        http_body: usize::try_from(from.http_body).unwrap_or(usize::MAX),
        max_returned_bytes: usize::try_from(from.returned_bytes).unwrap_or(usize::MAX),
        host_call_bytes: usize::try_from(from.host_call_bytes).unwrap_or(usize::MAX),
        on_error: match from.on_error {
            config::OnError::Drop => OnError::Drop,
            config::OnError::Pass => OnError::Pass,
            config::OnError::Stop => OnError::Stop,
        },
        sha256: from.sha256.clone(),
        grants: from.grants.iter().map(grant).collect(),
        max_file_bytes: from.file_size,
        compile_timeout: from.compile_time,
        compile_memory: from.compile_memory,
    }
}

fn grant(from: &config::Grant) -> weir_plugin::Grant {
    match from {
        config::Grant::FsRead { path, mount } => {
            weir_plugin::Grant::FsRead { path: path.clone(), mount: mount.clone() }
        }
        config::Grant::Env { names } => weir_plugin::Grant::Env { names: names.clone() },
        config::Grant::Clock => weir_plugin::Grant::Clock,
        config::Grant::Random => weir_plugin::Grant::Random,
        config::Grant::Http { hosts, ca_file } => {
            weir_plugin::Grant::Http { hosts: hosts.clone(), ca_file: ca_file.clone() }
        }
    }
}

/// The hidden command by which weir starts itself to compile a plugin: `/proc/self/exe` is the program that runs, also while a
/// new version takes its place on the disk.
pub(crate) const COMPILE_PLUGIN: &str = "compile-plugin";

/// Compiling outside this process.
pub(crate) fn compiler() -> weir_plugin::Compiler {
    weir_plugin::Compiler::Process { command: vec!["/proc/self/exe".into(), COMPILE_PLUGIN.into()] }
}

/// Everything about plugins. One that a pipeline names is named by the configuration, with a table of its own or without:
/// it keeps running when its file goes.
pub(crate) fn plugins(from: &config::Config, embedded: &[weir_plugin::PluginSource]) -> weir_plugin::Settings {
    let named = from.pipelines.iter().filter_map(|plan| match &plan.process {
        config::Process::Named(names) => Some(names),
        config::Process::All => None,
    });
    let mut plugins: BTreeMap<_, _> =
        named.flatten().map(|name| (name.clone(), weir_plugin::PluginSettings::default())).collect();
    plugins.extend(from.plugins.iter().map(|(name, p)| (name.clone(), plugin(p))));
    weir_plugin::Settings {
        dir: from.plugin_dir.clone(),
        embedded: embedded.to_vec(),
        cache_dir: Some(from.data_dir.join("plugin-cache")),
        plugins,
        compiler: compiler(),
        ..weir_plugin::Settings::default()
    }
}

fn queue(from: &config::Queue) -> QueueSettings {
    QueueSettings {
        lanes: from.lanes,
        max_bytes: from.max_bytes,
        max_age: from.max_age,
        when_full: match from.when_full {
            config::WhenFull::Block => weir_queue::WhenFull::Block,
            config::WhenFull::DropOldest => weir_queue::WhenFull::DropOldest,
            config::WhenFull::DropNewest => weir_queue::WhenFull::DropNewest,
        },
        sync_interval: from.sync_interval,
        sync_bytes: from.sync_bytes,
        min_free_disk: from.min_free_disk,
    }
}

fn labels(from: &BTreeMap<String, String>) -> LabelSet {
    let pairs: Vec<_> = from.iter().collect();
    pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>().iter().collect()
}

fn url(kind: &str, name: &str, url: &str) -> Result<http::Uri, Untranslatable> {
    url.parse().map_err(|e| Untranslatable { place: format!("{kind} {name:?}: url"), problem: format!("{e}") })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// How long a stop waits for what is under way: below systemd's 90 s and Kubernetes' 30 s.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);
