//! Messages to weir's log, formatted as by [`format!`]. Long ones are cut and floods thinned out by the host.

pub use crate::{debug, error, info, warn};

/// Logs that something is lost or broken.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::write_log($crate::Level::Error, &::std::format!($($message)+)) };
}

/// Logs that something is degraded.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::write_log($crate::Level::Warn, &::std::format!($($message)+)) };
}

/// Logs something that an operator wants to know.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::write_log($crate::Level::Info, &::std::format!($($message)+)) };
}

/// Logs something for the plugin's author.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::write_log($crate::Level::Debug, &::std::format!($($message)+)) };
}
