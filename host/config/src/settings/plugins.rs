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
    /// `limits.timeout`: of one call. 50ms unless given: a batch takes a compiled plugin about 1 ms, Python 4.
    pub timeout: Duration,
    /// `limits.returned_bytes`: of one answer. 16 MiB unless given, for at most 1 MiB goes in.
    pub returned_bytes: u64,
    /// `on_error`.
    pub on_error: OnError,
    /// `sha256` that the file must have, lower-case hexadecimal.
    pub sha256: Option<String>,
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
