//! The checked configuration: plain values, every default filled in.
//!
//! Two equal configurations behave alike; a reload compares.

mod http;
mod logs;
mod pipelines;
mod plugins;
mod scrape;
mod secret;
mod sinks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use http::{Auth, Credential, HttpClient, OAuth2, ProxySettings, SigV4, TlsSettings, TlsVersion};
pub use logs::{FileLog, ReadFrom};
pub use pipelines::{PipelinePlan, Process, Signal};
pub use plugins::{Grant, OnError, PluginConfig};
pub use scrape::{FileSd, Scheme, ScrapeConfig, ScrapeLimits, StaticConfig};
pub use secret::Secret;
pub use sinks::{Loki, ProtobufMessage, Queue, QueueConfig, RemoteWrite, WhenFull};

/// Label names to values.
pub type LabelMap = BTreeMap<String, String>;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `data_dir`: queues, checkpoints and compiled plugins. `weir-data` beside the file unless given.
    pub data_dir: PathBuf,
    /// `plugin_dir`: the folder whose `*.wasm` files are plugins, if there is one.
    pub plugin_dir: Option<PathBuf>,
    /// `[admin]`.
    pub admin: Admin,
    /// `[log]`.
    pub log: Log,
    /// `[global]`. What it sets for jobs and sinks is filled into them already.
    pub global: Global,
    /// `[[scrape_configs]]`, in order.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// `[[file_logs]]`, in order.
    pub file_logs: Vec<FileLog>,
    /// `[plugins.NAME]`. A plugin without a table runs with the defaults and is not in here.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// `[[remote_write]]`, in order.
    pub remote_write: Vec<RemoteWrite>,
    /// `[[loki]]`, in order.
    pub loki: Vec<Loki>,
    /// `[pipelines.NAME]` with the patterns resolved, or the defaults where there is none.
    pub pipelines: Vec<PipelinePlan>,
    /// Every file the configuration was read from, the main one first.
    pub files: Vec<PathBuf>,
}

/// `[admin]`: weir's own HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// `listen`: `127.0.0.1:9470` unless given; reachable from this machine only, because it has no password.
    pub listen: SocketAddr,
}

/// `[log]`: weir's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: `info` unless given.
    pub level: LogLevel,
    /// `format`: `text` unless given.
    pub format: LogFormat,
}

/// The least important level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Data was lost or will be.
    Error,
    /// Degraded, nothing lost.
    Warn,
    /// State changes that an operator wants to see.
    Info,
    /// For finding out why.
    Debug,
    /// For developing weir.
    Trace,
}

impl LogLevel {
    /// The level as `[log]` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a line of weir's own log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[global]`: defaults for every scrape job, labels for every sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// `scrape_interval`: 1m unless given, as Prometheus.
    pub scrape_interval: Duration,
    /// `scrape_timeout`: 10s unless given, as Prometheus, and never more than the interval.
    pub scrape_timeout: Duration,
    /// `external_labels`: added to everything that leaves, where a series or stream has no such label itself.
    pub external_labels: LabelMap,
    /// `extra_scrape_metrics`: false unless given, as Prometheus.
    pub extra_scrape_metrics: bool,
    /// Limits for the jobs that set none.
    pub limits: ScrapeLimits,
}
