//! `[[scrape_configs]]`, and what `[global]` shares with it.

use std::time::Duration;

use super::{http, relabel};
use crate::check::Check;
use crate::names;
use crate::section::Section;
use crate::setting::{At, Setting, Size, word};
use crate::settings::{FileSd, Global, Scheme, ScrapeConfig, ScrapeLimits, StaticConfig};
use crate::tree::Node;

/// Keys of Prometheus that weir does not have yet.
const LATER: [&str; 34] = [
    "always_scrape_classic_histograms",
    "azure_sd_configs",
    "bearer_token",
    "bearer_token_file",
    "consul_sd_configs",
    "convert_classic_histograms_to_nhcb",
    "digitalocean_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "fallback_scrape_protocol",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_headers",
    "http_sd_configs",
    "ionos_sd_configs",
    "keep_dropped_targets",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "openstack_sd_configs",
    "puppetdb_sd_configs",
    "scrape_classic_histograms",
    "scrape_protocols",
    "serverset_sd_configs",
    "track_timestamps_staleness",
];

/// Reads one job; nothing when it has no name, which was reported.
pub(super) fn read(
    section: Section<'_>,
    global: &Global,
    taken: &mut Vec<At<String>>,
    check: &mut Check<'_>,
) -> Option<ScrapeConfig> {
    let mut section = section.later(&LATER);
    let name: Option<At<String>> = section.need("job_name", check);
    if let Some(name) = &name {
        if name.value.is_empty() {
            check.error(name.place, "a job needs a name", "", "the name becomes the label `job` of all its series");
        }
        names::unique(name.clone(), "job_name", taken, check);
    }
    let (scrape_interval, scrape_timeout) = times(&mut section, global.scrape_interval, global.scrape_timeout, check);
    let static_configs = section.sections("static_configs", "`static_configs`", check);
    let static_configs: Vec<_> = static_configs.into_iter().map(|group| static_config(group, check)).collect();
    let file_sd_configs = section.sections("file_sd_configs", "`file_sd_configs`", check);
    let file_sd_configs: Vec<_> = file_sd_configs.into_iter().map(|files| file_sd(files, check)).collect();
    let undiscovered = ["static_configs", "file_sd_configs"].iter().all(|key| section.node(key).is_none());
    if undiscovered && !section.has_later() {
        let help = "add `static_configs = [{ targets = [\"host:port\"] }]` or `file_sd_configs`";
        check.warn(section.place, "this job has no targets", "", help);
    }
    let schemes = [("http", Scheme::Http), ("https", Scheme::Https)];
    let config = ScrapeConfig {
        job_name: name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
        static_configs,
        file_sd_configs,
        scrape_interval,
        scrape_timeout,
        metrics_path: metrics_path(&mut section, check),
        scheme: section.node("scheme").and_then(|node| word(node, &schemes, check)).unwrap_or(Scheme::Http),
        params: section.map("params", check, |_, _, _| {}),
        relabel_configs: relabel::read(&mut section, "relabel_configs", check),
        metric_relabel_configs: relabel::read(&mut section, "metric_relabel_configs", check),
        honor_labels: section.or("honor_labels", false, check),
        honor_timestamps: section.or("honor_timestamps", true, check),
        enable_compression: section.or("enable_compression", true, check),
        extra_scrape_metrics: section.or("extra_scrape_metrics", global.extra_scrape_metrics, check),
        limits: limits(&mut section, global.limits, check),
        http: http::client(&mut section, None, check),
    };
    section.finish(check);
    name.map(|_| config)
}

/// The interval and the time-out of a job or of `[global]`, with Prometheus' rules.
pub(super) fn times(
    section: &mut Section<'_>,
    interval: Duration,
    timeout: Duration,
    check: &mut Check<'_>,
) -> (Duration, Duration) {
    let own_interval: Option<At<Duration>> = section.get("scrape_interval", check);
    let own_timeout: Option<At<Duration>> = section.get("scrape_timeout", check);
    for own in [&own_interval, &own_timeout].into_iter().flatten().filter(|own| own.value.is_zero()) {
        check.error(own.place, "this cannot be 0", "", "remove it for the default, or write a duration such as 30s");
    }
    let interval = own_interval.as_ref().map_or(interval, |own| own.value);
    let Some(own) = own_timeout else { return (interval, timeout.min(interval)) };
    if own.value > interval {
        let label = format!("longer than {interval:?}");
        let help = "a scrape must end before the next one begins; shorten it or lengthen `scrape_interval`";
        check.error(own.place, "the scrape_timeout is longer than the scrape_interval", &label, help);
        if let Some(interval) = own_interval {
            check.also(interval.place, "the interval");
        }
    }
    (interval, own.value)
}

/// The limits of a job or of `[global]`.
pub(super) fn limits(section: &mut Section<'_>, default: ScrapeLimits, check: &mut Check<'_>) -> ScrapeLimits {
    let mut limit = |key: &'static str, default: Option<u64>| {
        section.value::<u64>(key, check).map_or(default, |limit| (limit > 0).then_some(limit))
    };
    let limits = ScrapeLimits {
        body_size: default.body_size,
        samples: limit("sample_limit", default.samples),
        labels: limit("label_limit", default.labels),
        label_name_length: limit("label_name_length_limit", default.label_name_length),
        label_value_length: limit("label_value_length_limit", default.label_value_length),
        targets: limit("target_limit", default.targets),
    };
    let body_size: Option<Size> = section.value("body_size_limit", check);
    ScrapeLimits { body_size: body_size.map_or(default.body_size, |size| (size.0 > 0).then_some(size.0)), ..limits }
}

fn metrics_path(section: &mut Section<'_>, check: &mut Check<'_>) -> String {
    let Some(path) = section.get::<String>("metrics_path", check) else { return "/metrics".into() };
    if !path.value.starts_with('/') {
        check.error(path.place, "a metrics_path begins with `/`", "", format!("write `/{}`", path.value));
    } else if path.value.contains(['?', '#']) {
        check.error(path.place, "a metrics_path is only the path", "", "put the query into `params`");
    }
    path.value
}

fn static_config(mut section: Section<'_>, check: &mut Check<'_>) -> StaticConfig {
    let targets: Vec<Target> = section.need("targets", check).map(|at| at.value).unwrap_or_default();
    let labels = section.map("labels", check, names::label);
    section.finish(check);
    StaticConfig { targets: targets.into_iter().map(|target| target.0).collect(), labels }
}

fn file_sd(mut section: Section<'_>, check: &mut Check<'_>) -> FileSd {
    let files: Vec<SdFile> = section.need("files", check).map(|at| at.value).unwrap_or_default();
    let refresh_interval = section.or("refresh_interval", Duration::from_mins(5), check);
    section.finish(check);
    FileSd { files: files.into_iter().map(|file| file.0).collect(), refresh_interval }
}

struct Target(String);

impl Setting for Target {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let text = String::read(node, check)?;
        if text.is_empty() || text.contains(|c: char| c == '/' || c == '@' || c.is_whitespace()) {
            let help = "a target is `host:port`; the rest of a URL stands in `scheme`, `metrics_path` and `params`";
            check.error(node.place, format!("`{text}` is not a target"), "", help);
            return None;
        }
        Some(Self(text))
    }
}

struct SdFile(std::path::PathBuf);

impl Setting for SdFile {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let path = std::path::PathBuf::read(node, check)?;
        let text = path.to_string_lossy().into_owned();
        let known = [".json", ".yml", ".yaml"].iter().any(|end| text.to_ascii_lowercase().ends_with(end));
        let folder = path.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        if !known {
            check.error(node.place, "a target file ends in .json, .yml or .yaml", "", "rename it");
        } else if folder.contains('*') {
            let help = "list the folders one by one";
            check.error(node.place, "`*` may stand in the file's name only", "", help);
        }
        Some(Self(path))
    }
}
