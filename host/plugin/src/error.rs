//! Why plugins could not be loaded.

use std::path::PathBuf;
use std::time::Duration;

/// One plugin that cannot run, with its name.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {reason}")]
pub struct LoadError {
    /// The plugin's name; empty where the fault is not one plugin's.
    pub plugin: String,
    /// What is wrong.
    pub reason: LoadReason,
}

/// What is wrong with a plugin. All are fatal for that load; what ran before keeps running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadReason {
    /// Fatal: the runtime could not be set up (address space, mostly).
    #[error("the WebAssembly runtime could not be set up: {0}")]
    Runtime(String),
    /// Fatal: the directory cannot be read.
    #[error("cannot read the plugin directory {path}: {source}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Fatal: the configuration names a plugin of which there is no file.
    #[error("the configuration names it, but there is no {}", path.display())]
    Missing {
        /// Where the file was looked for.
        path: PathBuf,
    },
    /// Retryable: the file cannot be read now.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Fatal: the file is larger than files may be.
    #[error("{bytes} bytes are more than the limit of {limit} (limits.file_size)")]
    TooLarge {
        /// The size of the file.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Fatal: the file is not the one that the configuration pins.
    #[error("its sha256 is {found}, the configuration wants {wanted}")]
    Checksum {
        /// The file's, in hexadecimal.
        found: String,
        /// The configured one.
        wanted: String,
    },
    /// Fatal, or a copy under way: the file ends in the middle.
    #[error("cut off after {bytes} bytes: copy it again, under another name first, and rename it when it is whole")]
    Truncated {
        /// How many bytes there are.
        bytes: u64,
    },
    /// Fatal: not a WebAssembly binary that weir could run; the text says what it is and what to do.
    #[error("not a WebAssembly file: {0}")]
    NotWasm(&'static str),
    /// Fatal: a core module where a component is needed.
    #[error(
        "a core module, not a component: build it with `weir plugin build`, for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Fatal: the component is invalid, or uses what weir's runtime does not have.
    #[error("does not compile: {0}")]
    Compile(String),
    /// Fatal: compiling took too long.
    #[error("compiling took longer than {} s (limits.compile_time): a mistake of its build, or an attack on this host", .0.as_secs())]
    CompileTime(Duration),
    /// Fatal: compiling took too much memory.
    #[error("compiling took more than {} MiB (limits.compile_memory): a mistake of its build, or an attack on this host", .0 >> 20)]
    CompileMemory(u64),
    /// Fatal: the component is built against a contract that this weir does not have.
    #[error("built against weir:plugin {found}, and this weir has {known}: {advice}")]
    Contract {
        /// The contract's version in the component.
        found: String,
        /// The version that this weir has.
        known: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Fatal: the component is built against a later version of the same track, and uses what that version brought.
    #[error(
        "built against weir:plugin {found}, and this weir has {known}: it {what}; update weir, or build the plugin without it"
    )]
    Newer {
        /// The contract's version in the component.
        found: String,
        /// The version that this weir has.
        known: &'static str,
        /// What it has that this weir does not.
        what: String,
    },
    /// Fatal: no `lifecycle` is exported.
    #[error("exports no weir:plugin/lifecycle: every plugin needs `configure`")]
    NoLifecycle,
    /// Fatal: a component of another world: nothing is exported that weir could call.
    #[error(
        "exports none of weir:plugin/series, weir:plugin/samples and weir:plugin/logs: there is nothing to call \
         (it exports {exports}); build it against weir's contract, as `weir plugin new` sets it up"
    )]
    NoInterface {
        /// What it exports instead.
        exports: String,
    },
    /// Fatal: the component wants something that plugins do not get.
    #[error("imports {import}, which plugins do not get: {advice}")]
    Import {
        /// The import's name in the component.
        import: String,
        /// What to do.
        advice: &'static str,
    },
    /// Fatal: the component needs what the configuration does not grant it.
    #[error("needs a grant for {what}; where it may have that, write below its [plugins] heading: {line}")]
    Ungranted {
        /// The kinds, each with the imports that need it.
        what: String,
        /// The whole line, with what is granted already.
        line: String,
    },
    /// Fatal: a grant cannot be given.
    #[error("the grant {grant} cannot be given: {why}")]
    Grant {
        /// The grant as in the configuration.
        grant: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// Fatal: what the plugin says of itself cannot be read.
    #[error("its manifest (custom section weir:manifest) makes no sense: {0}")]
    Manifest(String),
    /// Fatal: an import or export has the right name and the wrong shape.
    #[error("does not fit the contract: {0}")]
    Shape(String),
    /// Fatal: the first instance could not be made.
    #[error("cannot be instantiated: {0}")]
    Instantiate(String),
    /// Fatal: `configure` returned an error; the text is the plugin's.
    #[error("refused its configuration: {0}")]
    Refused(String),
    /// Fatal: `configure` or `wants` trapped, ran too long or answered nonsense.
    #[error("failed in {function}: {fault}")]
    Failed {
        /// The function.
        function: &'static str,
        /// How it failed.
        fault: String,
    },
}

impl LoadReason {
    /// This reason, of that plugin.
    pub(crate) fn of(self, plugin: &str) -> LoadError {
        LoadError { plugin: plugin.to_owned(), reason: self }
    }
}
