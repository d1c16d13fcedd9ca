//! What the plugins of a process are built from: plain values, which `host/weir` makes of its configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use weir_pipeline::guest::OnError;

use crate::emission::EmitTo;
use crate::grants::Grant;
use crate::guest_log::LogTo;

/// Everything about plugins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory whose `*.wasm` files are plugins; `None`: only the embedded ones.
    pub dir: Option<PathBuf>,
    /// Components that come with the program. A file of the same name in [`Settings::dir`] takes their place.
    pub embedded: Vec<PluginSource>,
    /// Where compiled components are kept, and functions of large ones; made with mode 0700 where it is missing. `None`: compiled at
    /// each start.
    pub cache_dir: Option<PathBuf>,
    /// Settings by plugin name (the file's name without `.wasm`). Whoever is named here must be there at start, and keeps
    /// running when its file goes.
    pub plugins: BTreeMap<String, PluginSettings>,
    /// How often the directory is looked at where the file system tells nothing (network file systems, some containers).
    pub poll_interval: Duration,
    /// How long a file must keep its size and time before it is taken for whole: copying is seen as growth.
    pub settle: Duration,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// The most instances of all plugins together: sizes the reserved address space (8 GiB each, none of it memory
    /// before it is touched). 16 plugins with an instance for each processor, doubled while a new version stands beside the old; from 256, for
    /// many plugins on a small machine, to 1,024, for 47 bits of address space have to do for five engines.
    pub max_instances: u32,
    /// How many idle instances a plugin keeps: as many calls as there are cores can run at once.
    pub idle_instances: usize,
    /// Where what plugins emit goes.
    pub emit_to: EmitTo,
    /// Whether a trap says where in the source it was, by the debug information that a component brings; as it was at start, too, and only
    /// where it compiles in this process. For tests of one's own plugins: reading it has no bound.
    pub places: bool,
    /// Who hears what plugins log, beside weir's own log; as it was when a plugin was loaded.
    pub log_to: LogTo,
    /// When plugins that hold state over time are called; as it was at start, too.
    pub ticks: Ticks,
}

impl Default for Settings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            dir: None,
            embedded: Vec::new(),
            cache_dir: None,
            plugins: BTreeMap::new(),
            poll_interval: Duration::from_millis(500),
            settle: Duration::from_millis(200),
            compiler: Compiler::InProcess,
            max_instances: u32::try_from(processors.saturating_mul(32)).map_or(1024, |n| n.clamp(256, 1024)),
            idle_instances: processors,
            emit_to: EmitTo::default(),
            places: false,
            log_to: LogTo::default(),
            ticks: Ticks::default(),
        }
    }
}

/// When plugins that hold state over time are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ticks {
    /// By the clock, each in its own interval, and once more at its end.
    #[default]
    ByClock,
    /// Only by [`Plugins::tick`](crate::Plugins::tick): for tests, whose time is another than the clock's.
    WhenAsked,
}

/// Where components are compiled. There is no way from one to the other but by this choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// In this process, with no bound but the time that is waited: for tests and tools that end soon.
    #[default]
    InProcess,
    /// By a process for each component, of low priority, bounded in time and memory, one at a time.
    Process {
        /// The program and its first arguments; `--memory BYTES --cpu SECONDS`, and perhaps `--functions DIR`, are added. It must do what
        /// [`compile_here`](crate::compile_here) does, in the same version.
        command: Vec<OsString>,
    },
}

/// A component that is not a file.
#[derive(Clone, Debug)]
pub struct PluginSource {
    /// The plugin's name.
    pub name: String,
    /// The component, binary.
    pub bytes: Cow<'static, [u8]>,
}

/// How one plugin runs.
#[derive(Clone, PartialEq)]
pub struct PluginSettings {
    /// The plugin's own configuration, a JSON document, handed to `configure` of each instance.
    pub config_json: String,
    /// The most bytes of linear memory of one instance, all its memories together.
    pub memory_limit: usize,
    /// The most elements of one instance's tables, all of them together; at most 262,144 in one table. The largest real guest
    /// measured, componentize-py's interpreter, has about 14,000.
    pub table_elements: usize,
    /// The stack of one call, a power of two; one that is none counts as the next. An engine has one size, so each that is used costs
    /// address space and a clock of its own. The thread's stack is 2 MiB, of which the host needs some itself.
    pub stack: usize,
    /// The most bytes of all keys and values that it keeps in the host, for each pipeline where it has an instance in each: ten thousand
    /// counters with their labels; a hundred stores that are full are 400 MiB of a machine that asked for it.
    pub state_bytes: usize,
    /// How much processor time one call may take; by the wall clock 20 times that, at least 2 s, for a machine that is
    /// overloaded. A batch is at most 4,096 rows or about 1 MiB, which a compiled guest handles in 1 ms and Python in 4:
    /// 50 ms is a guest that is lost, and no p99 anybody would want.
    pub timeout: Duration,
    /// The same for instantiation and `configure` together: interpreters parse their program in it, plugins
    /// their tables. It happens beside the data path at load, and once for each further instance.
    pub configure_timeout: Duration,
    /// The most bytes that one answer may have: what a full batch can need (1 MiB of text rewritten with growth, and columns) and not
    /// what fills the host's memory.
    pub max_returned_bytes: usize,
    /// The most bytes that one call of a function of weir's may hand over: an emission of a full batch, as above. The larger of the two
    /// is what weir reads at most before it looks at either.
    pub host_call_bytes: usize,
    /// How many samples and lines it may emit a second, over all its instances; ten times that at once: a plugin that sums up
    /// a hundred thousand series has its tick. As many series of its may be alive as it may emit samples at once.
    pub emit_records: u32,
    /// How many bytes of them, as weir holds them: labels written out; ten times that at once. Four hundred bytes a record.
    pub emit_bytes: u64,
    /// How long a call may wait for answers to its requests, all of them together: a scrape that a plugin holds up should not miss
    /// the next.
    pub http_timeout: Duration,
    /// How many requests it may make a second, over all its instances; ten times that at once.
    pub http_requests: u32,
    /// The most bytes of the body of a request, and of that of an answer.
    pub http_body: usize,
    /// What becomes of the records of a failed call.
    pub on_error: OnError,
    /// The SHA-256 that the file must have, in hexadecimal.
    pub sha256: Option<String>,
    /// What is opened to it beyond what every plugin has; nothing unless given.
    pub grants: Vec<Grant>,
    /// The largest file that is read at all. The largest real guest measured, Python with its interpreter, has 18 MB.
    pub max_file_bytes: u64,
    /// How long its compilation may take by the wall clock; twice that of processor time. The slowest real guest measured took 22 s on
    /// a slow core.
    pub compile_timeout: Duration,
    /// How many bytes of memory its compilation may take, and its result have. Python takes about 400 MB (448 MiB
    /// do, 384 do not) and makes 35 MB, anything else under 100.
    pub compile_memory: u64,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            config_json: "{}".to_owned(),
            memory_limit: 64 << 20,
            table_elements: 65_536,
            stack: crate::engine::STACK,
            state_bytes: 4 << 20,
            timeout: Duration::from_millis(50),
            configure_timeout: Duration::from_secs(5),
            max_returned_bytes: 16 << 20,
            host_call_bytes: 16 << 20,
            emit_records: 10_000,
            emit_bytes: 4 << 20,
            http_timeout: Duration::from_secs(5),
            http_requests: 10,
            http_body: 1 << 20,
            on_error: OnError::default(),
            sha256: None,
            grants: Vec::new(),
            max_file_bytes: 64 << 20,
            compile_timeout: Duration::from_mins(1),
            compile_memory: 1 << 30,
        }
    }
}

/// Without the plugin's own configuration, in which there may be secrets.
impl fmt::Debug for PluginSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings")
            .field("memory_limit", &self.memory_limit)
            .field("table_elements", &self.table_elements)
            .field("stack", &self.stack)
            .field("state_bytes", &self.state_bytes)
            .field("timeout", &self.timeout)
            .field("configure_timeout", &self.configure_timeout)
            .field("max_returned_bytes", &self.max_returned_bytes)
            .field("host_call_bytes", &self.host_call_bytes)
            .field("emit_records", &self.emit_records)
            .field("emit_bytes", &self.emit_bytes)
            .field("http_timeout", &self.http_timeout)
            .field("http_requests", &self.http_requests)
            .field("http_body", &self.http_body)
            .field("on_error", &self.on_error)
            .field("sha256", &self.sha256)
            .field("grants", &self.grants)
            .field("max_file_bytes", &self.max_file_bytes)
            .field("compile_timeout", &self.compile_timeout)
            .field("compile_memory", &self.compile_memory)
            .finish_non_exhaustive()
    }
}
