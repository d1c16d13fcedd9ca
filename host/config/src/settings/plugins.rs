use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// `[plugins.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    /// `config` as JSON, handed to the plugin; `{}` unless given. Can hold secrets.
    pub config: Secret,
    /// The same for showing: every string that `${env:…}` or `${file:…}` went into, and every value whose key speaks
    /// of a secret, is `<secret>`.
    pub config_shown: String,
    /// `limits.memory`, bytes of one instance. 64 MiB unless given.
    pub memory: u64,
    /// `limits.table_elements`, of all tables of one instance. 65536 unless given; Python's interpreter has 14000.
    pub table_elements: u64,
    /// `limits.stack` of one call, bytes; rounded up to a power of two. 512 KiB unless given.
    pub stack: u64,
    /// `limits.state`: bytes of what it keeps in weir, for each pipeline where it has an instance in each. 4 MiB unless given.
    pub state: u64,
    /// `limits.timeout`, processor time of one call. 50ms unless given: a batch takes a compiled plugin about 1 ms, Python 4.
    pub timeout: Duration,
    /// `limits.configure_timeout`, processor time of making and configuring one instance. 5s unless given: interpreters
    /// read their program in it, plugins their tables.
    pub configure_timeout: Duration,
    /// `limits.returned_bytes`: of one answer. 16 MiB unless given, for at most about 1 MiB goes in.
    pub returned_bytes: u64,
    /// `limits.host_call_bytes`: of what one call of a function of weir's hands over. 16 MiB unless given.
    pub host_call_bytes: u64,
    /// `limits.emit_records`: samples and lines a second that it may emit, ten times that at once. 10,000 unless given.
    pub emit_records: u64,
    /// `limits.emit_bytes`: their bytes a second, labels written out, ten times that at once. 4 MiB unless given.
    pub emit_bytes: u64,
    /// `limits.http_timeout`: how long a call may wait for answers to its requests, all together. 5s unless given, well within a
    /// scrape interval.
    pub http_timeout: Duration,
    /// `limits.http_requests`: requests a second, ten times that at once. 10 unless given.
    pub http_requests: u64,
    /// `limits.http_body`, bytes of the body of a request and of an answer. 1 MiB unless given.
    pub http_body: u64,
    /// `on_error`.
    pub on_error: OnError,
    /// `sha256` that the file must have, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// `grant`: what it may reach; nothing unless given.
    pub grants: Vec<Grant>,
    /// `limits.file_size`, bytes. 64 MiB unless given: the largest real plugin measured, Python with its interpreter, has 18.
    pub file_size: u64,
    /// `limits.compile_time`, in processor time. 1m unless given: the slowest real plugin measured took 22 s on a slow core.
    pub compile_time: Duration,
    /// `limits.compile_memory`, bytes of the process that compiles it. 1 GiB unless given: Python takes about 400 MB.
    pub compile_memory: u64,
}

/// An entry of `grant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// `fs.read`: a folder, to be read only.
    FsRead {
        /// The folder.
        path: PathBuf,
        /// Where the plugin sees it; the folder's own path unless given.
        mount: String,
    },
    /// `env`: variables of weir's environment.
    Env {
        /// Their names; each is set.
        names: Vec<String>,
    },
    /// `clock`: the time of day.
    Clock,
    /// `random`: random numbers.
    Random,
    /// `http`: requests to these hosts.
    Http {
        /// `host` (ports 80 and 443) or `host:port`.
        hosts: Vec<String>,
        /// A PEM file of the authorities to trust instead of the system's.
        ca_file: Option<PathBuf>,
    },
}

/// What becomes of the records of a call that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// `drop`, the default: they are dropped and counted.
    #[default]
    Drop,
    /// `pass`: they go on unchanged.
    Pass,
    /// `stop`: logs wait, scrapes are dropped and counted.
    Stop,
}
