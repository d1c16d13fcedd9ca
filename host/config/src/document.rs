//! From the document as written to the checked settings, one table a file.
//!
//! Every reader goes on after an error: it reports and uses a default, so that one run shows everything that is wrong.
//! What was reported decides in the end whether the result is used.

mod grants;
mod http;
mod logs;
mod plugins;
mod relabel;
mod scrape;
mod sinks;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::check::Check;
use crate::names;
use crate::pipelines::{self, Names};
use crate::section::Section;
use crate::setting::{At, word};
use crate::settings::{Admin, Config, Global, LabelMap, Log, LogFormat, LogLevel, ScrapeLimits, WhenFull};
use crate::source::Place;
use crate::tree::Table;

/// Reads the whole document. The result means something only when nothing was reported as an error.
pub(crate) fn read(document: &Table, check: &mut Check<'_>) -> Config {
    let start = Place { file: 0, start: 0, end: 0 };
    let mut top = Section::new(document, "the top level", start).later(&[
        "alerting",
        "cluster",
        "otlp",
        "remote_read",
        "rule_files",
        "storage",
        "tracing",
    ]);
    // looked at before the merge
    top.node("include");
    let data_dir = top.value("data_dir", check).unwrap_or_else(|| check.sources.resolve(start, "weir-data"));
    let plugin_dir: Option<At<PathBuf>> = top.get("plugin_dir", check);
    let admin = admin(top.section("admin", check), check);
    let log = log(top.section("log", check), check);
    let global = global(top.section("global", check), check);

    let mut names = Names::default();
    let mut scrape_configs = Vec::new();
    for job in top.sections("scrape_configs", "[[scrape_configs]]", check) {
        scrape_configs.extend(scrape::read(job, &global, &mut names.scrape, check));
    }
    let mut file_logs = Vec::new();
    for tail in top.sections("file_logs", "[[file_logs]]", check) {
        file_logs.extend(logs::read(tail, &mut names.file_logs, check));
    }
    let plugins = plugins::read(&mut top, plugin_dir.as_ref(), &mut names, check);
    let mut remote_write = Vec::new();
    for sink in top.sections("remote_write", "[[remote_write]]", check) {
        remote_write.extend(sinks::remote_write(sink, &global, &mut names.remote_write, check));
    }
    let mut loki = Vec::new();
    for sink in top.sections("loki", "[[loki]]", check) {
        loki.extend(sinks::loki(sink, &global, &mut names.loki, check));
    }
    names.blocking = remote_write
        .iter()
        .map(|sink| (format!("remote_write.{}", sink.name), &sink.queue))
        .chain(loki.iter().map(|sink| (format!("loki.{}", sink.name), &sink.queue)))
        .filter(|(_, queue)| queue.when_full == WhenFull::Block)
        .map(|(name, _)| name)
        .collect();
    let pipelines = pipelines::read(&mut top, &names, check);
    top.finish(check);
    Config {
        data_dir,
        plugin_dir: plugin_dir.map(|at| at.value),
        admin,
        log,
        global,
        scrape_configs,
        file_logs,
        plugins,
        remote_write,
        loki,
        pipelines,
        files: Vec::new(),
    }
}

fn admin(section: Option<Section<'_>>, check: &mut Check<'_>) -> Admin {
    let mut admin = Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9470)) };
    if let Some(mut section) = section {
        admin.listen = section.or("listen", admin.listen, check);
        section.finish(check);
    }
    admin
}

fn log(section: Option<Section<'_>>, check: &mut Check<'_>) -> Log {
    const LEVELS: [(&str, LogLevel); 5] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let mut log = Log { level: LogLevel::Info, format: LogFormat::Text };
    if let Some(mut section) = section {
        log.level = section.node("level").and_then(|node| word(node, &LEVELS, check)).unwrap_or(log.level);
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        log.format = section.node("format").and_then(|node| word(node, &formats, check)).unwrap_or(log.format);
        section.finish(check);
    }
    log
}

fn global(section: Option<Section<'_>>, check: &mut Check<'_>) -> Global {
    // Prometheus' defaults
    let interval = Duration::from_mins(1);
    let timeout = Duration::from_secs(10);
    let mut global = Global {
        scrape_interval: interval,
        scrape_timeout: timeout,
        external_labels: LabelMap::new(),
        extra_scrape_metrics: false,
        limits: ScrapeLimits::default(),
    };
    if let Some(mut section) = section {
        (global.scrape_interval, global.scrape_timeout) = scrape::times(&mut section, interval, timeout, check);
        global.external_labels = section.map("external_labels", check, names::own_label);
        global.extra_scrape_metrics = section.or("extra_scrape_metrics", false, check);
        global.limits = scrape::limits(&mut section, global.limits, check);
        section
            .later(&["evaluation_interval", "query_log_file", "scrape_protocols", "keep_dropped_targets"])
            .finish(check);
    }
    global
}
