//! Writes plugins for weir in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and one or more of [`Series`], [`Samples`] and [`Logs`], and one line that
//! exports those it names:
//!
//! ```
//! use weir_sdk::{Error, Labels, Plugin, Series, SeriesBatch};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Tidy { cluster: String }
//!
//! impl Plugin for Tidy {
//!     type Config = Self;
//!     fn new(config: Self) -> Result<Self, Error> { Ok(config) }
//! }
//!
//! impl Series for Tidy {
//!     fn wants(&self) -> Labels { Labels::named(["__name__"]) }
//!     fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
//!         for row in batch.rows() {
//!             if row.label("__name__") == Some("container_tasks_state") { row.drop() } else { row.set("cluster", &self.cluster) }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! weir_sdk::export!(Tidy: Series);
//!
//! # // what a test of the plugin looks like
//! use weir_sdk::testing::{self, labels};
//!
//! let tidy: Tidy = testing::configure(r#"{"cluster": "eu"}"#)?;
//! let out = testing::series(&tidy, [labels([("__name__", "up")]), labels([("__name__", "container_tasks_state")])])?;
//! assert_eq!(out, [Some(labels([("__name__", "up"), ("cluster", "eu")])), None]);
//! # Ok::<(), Error>(())
//! ```
//!
//! In `Cargo.toml`: `crate-type = ["cdylib", "rlib"]` and a dependency on this crate and on `serde`. Then
//! `cargo build --release --target wasm32-wasip2` makes the component, and `cargo test` runs the tests natively: on any
//! target but WebAssembly [`export!`] exports nothing, and [`testing`] stands in for the host.
//!
//! # More than answers
//! [`emit`] makes new samples and lines; [`Tick`] is called over time, for what is summed up; [`state`] keeps values in weir for
//! the next version of the plugin; [`http`] asks servers that the operator has granted; [`verdicts`] has weir ask
//! again what it keeps of [`Series`].
//!
//! # Speed
//! Ask for little in `wants`: what is not asked for never crosses into the plugin. Give an answer by labels alone in
//! [`Series`]: the host keeps it. Look names up once per batch ([`SeriesBatch::symbol`]), and match patterns with
//! [`SeriesBatch::having`], which looks at each distinct value once. Search all lines at once in [`LogsBatch::text`].
//!
//! # Failure
//! An `Err` from a call makes weir apply the plugin's failure policy to that call's rows. A panic does so too, costs the
//! instance, and its message goes to weir's log.

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
mod columns;
#[cfg(target_family = "wasm")]
mod component;
mod config;
pub mod duration;
mod edit;
pub mod emit;
mod host;
pub mod http;
mod labels;
pub mod log;
mod logs;
mod samples;
mod series;
pub mod state;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod tick;
pub mod verdicts;

pub use host::{Level, counter, gauge, write_log};
pub use labels::{Labels, Symbol, Text};
pub use logs::{LogRow, Logs, LogsBatch, LogsWanted};
pub use samples::{Kind, SampleRow, Samples, SamplesBatch, SamplesWanted};
pub use series::{Series, SeriesBatch, SeriesRow};
pub use tick::{Moment, Tick};

/// Why a plugin cannot be used, or a call failed. Anything that is an error, and any string, becomes one by `?` or `into`.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A plugin, made once for each instance.
pub trait Plugin: Sized {
    /// The `config` of the plugin in weir's configuration; [`NoConfig`] where it takes none. Give it
    /// `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error, and `#[serde(default)]` where a key may be
    /// missing: without a `config` the plugin gets `{}`.
    type Config: serde::de::DeserializeOwned;

    /// Makes the plugin.
    ///
    /// # Errors
    /// An error keeps the plugin from being used, and is shown to the operator.
    fn new(config: Self::Config) -> Result<Self, Error>;
}

/// The configuration of a plugin that takes none: any key is an error.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Exports a plugin with the interfaces it names, at least one of `Series`, `Samples` and `Logs`, and `Tick` where it holds state over
/// time: `weir_sdk::export!(Redact: Logs);`. Once a crate. The component has exactly these exports and `lifecycle`.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($interface:ident),+ $(,)?) => {
        #[allow(unsafe_code, clippy::all, clippy::pedantic)]
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<::std::option::Option<$plugin>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            impl $crate::__private::Instance for $plugin {
                fn cell() -> &'static ::std::thread::LocalKey<::std::cell::RefCell<::std::option::Option<Self>>> {
                    &INSTANCE
                }
            }
            $(const _: fn() = || {
                fn implements<T: $crate::$interface>() {}
                implements::<$plugin>();
            };)+
            #[cfg(target_family = "wasm")]
            type Component = $crate::__private::Exported<$plugin>;
            #[cfg(target_family = "wasm")]
            $crate::__private::bindings::lifecycle::export_lifecycle!(
                Component with_types_in $crate::__private::bindings::lifecycle);
            $($crate::__export_interface!($interface);)+
        };
    };
}

/// One interface of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_interface {
    (Series) => {
        #[cfg(target_family = "wasm")]
        $crate::__private::bindings::series::export_series!(
            Component with_types_in $crate::__private::bindings::series);
    };
    (Samples) => {
        #[cfg(target_family = "wasm")]
        $crate::__private::bindings::samples::export_samples!(
            Component with_types_in $crate::__private::bindings::samples);
    };
    (Tick) => {
        #[cfg(target_family = "wasm")]
        $crate::__private::bindings::tick::export_tick!(Component with_types_in $crate::__private::bindings::tick);
    };
    (Logs) => {
        #[cfg(target_family = "wasm")]
        $crate::__private::bindings::logs::export_logs!(Component with_types_in $crate::__private::bindings::logs);
    };
}

/// Where [`export!`] keeps the plugin. An instance of a component has one thread.
#[doc(hidden)]
pub trait Instance: Plugin + 'static {
    /// The place.
    fn cell() -> &'static std::thread::LocalKey<std::cell::RefCell<Option<Self>>>;
}

/// For [`export!`] alone.
#[doc(hidden)]
pub mod __private {
    pub use crate::Instance;
    #[cfg(target_family = "wasm")]
    pub use crate::bindings;
    #[cfg(target_family = "wasm")]
    pub use crate::component::Exported;
}
