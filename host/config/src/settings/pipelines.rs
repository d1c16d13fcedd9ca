use crate::pipelines::is_match;

/// What flows through a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// From `scrape.…` to `remote_write.…`.
    Metrics,
    /// From `file_logs.…` to `loki.…`.
    Logs,
}

/// One way from sources through plugins to sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelinePlan {
    /// The name in `[pipelines.NAME]`; `metrics` and `logs` for the defaults.
    pub name: String,
    /// What flows through it.
    pub signal: Signal,
    /// `from` with its patterns resolved: `scrape.JOB` or `file_logs.NAME`, each once. At least one, or one in `emitted`.
    pub sources: Vec<String>,
    /// Patterns of `from` that name plugins, without their `plugin.`: what those emit comes here too. Not resolved, for plugins
    /// come and go.
    pub emitted: Vec<String>,
    /// `process`.
    pub process: Process,
    /// `to` with its patterns resolved: `remote_write.NAME` or `loki.NAME`, at least one, each once.
    pub sinks: Vec<String>,
}

impl PipelinePlan {
    /// Whether what this plugin emits, of the pipeline's signal, comes here.
    pub fn takes_from_plugin(&self, plugin: &str) -> bool {
        self.emitted.iter().any(|pattern| is_match(pattern, plugin))
    }
}

/// Which plugins a pipeline runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// Without the key: every plugin that handles the signal, in the order of the file names, also those that come
    /// later. Safe for who drops a `redact.wasm` in.
    All,
    /// These, in this order; may be none.
    Named(Vec<String>),
}
