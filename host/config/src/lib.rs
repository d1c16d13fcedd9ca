//! weir's configuration: the document as written, and the checked settings made of it.
//!
//! [`load`] reads a TOML file and the files it includes, [`parse`] a text. Both find everything that is wrong, not the
//! first thing, and say for each where it stands and what to do. What comes out is plain data ([`Config`]); how a
//! component is built of it is the business of whoever assembles the program.
//!
//! # The rules of the document
//! - Names and values are Prometheus' own wherever Prometheus has them. An unknown key is an error.
//! - A duration is a string such as `"15s"` or `"1m30s"`, a size a string such as `"64KiB"` or a number of bytes.
//!   `MB` and `MiB` are the same 1,048,576 bytes, as in Prometheus' `body_size_limit`.
//! - A relative path is relative to the folder of the file that it is written in.
//! - `include = ["conf.d/*.toml"]` in the main file adds other files, in the order of their names; `*` may stand in the
//!   last part of a path. Arrays of tables are appended and tables merged; any other key may be set in one file only.
//! - `${env:NAME}` and `${file:/path}` are replaced in string values, after parsing; `$${` stands for `${`. A value
//!   that is not there is an error. One newline at a file's end does not count.
//! - Without `[pipelines]`, every metric source goes through every plugin to every `remote_write`, and every log
//!   source through every plugin to every `loki`. A pipeline without `process` runs every plugin; `process = []` none.
//!
//! # Use
//! ```
//! use weir_config::{parse, System};
//!
//! let text = r#"
//!     [[scrape_configs]]
//!     job_name = "node"
//!     static_configs = [{ targets = ["localhost:9100"] }]
//!
//!     [[remote_write]]
//!     url = "http://localhost:9009/api/v1/push"
//! "#;
//! let (config, warnings) = parse("weir.toml", text, &System)?;
//! assert_eq!(config.pipelines[0].sources, ["scrape.node"]);
//! assert!(warnings.is_empty());
//!
//! let errors = parse("weir.toml", "admin = { lisen = '[::1]:9470' }", &System).unwrap_err();
//! assert!(errors.to_string().contains("did you mean `listen`?"));
//! # Ok::<(), weir_config::Diagnostics>(())
//! ```

mod check;
mod diagnostic;
mod document;
mod environment;
mod expand;
mod load;
mod names;
mod pipelines;
mod render;
mod scalar;
mod section;
mod setting;
mod settings;
mod source;
mod suggest;
mod tree;

pub use diagnostic::{Colour, Diagnostic, Diagnostics, Severity, Snippet, Warning};
pub use environment::{Environment, System};
pub use load::{load, load_with, parse};
pub use settings::{
    Admin, Auth, Config, Credential, FileLog, FileSd, Global, Grant, HttpClient, LabelMap, Log, LogFormat, LogLevel,
    Loki, OAuth2, OnError, PipelinePlan, PluginConfig, Process, ProtobufMessage, ProxySettings, Queue, QueueConfig,
    ReadFrom, RemoteWrite, Scheme, ScrapeConfig, ScrapeLimits, Secret, SigV4, Signal, StaticConfig, TlsSettings,
    TlsVersion, WhenFull,
};
