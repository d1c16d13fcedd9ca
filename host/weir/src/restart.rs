//! What only a start can change. Everything else of a configuration takes effect at a reload.

use std::fmt;

use weir_config::{Config, LogFormat};

/// A configuration that differs in what only a start can change. Without effect: the running one stays.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct RestartNeeded(Vec<Fixed>);

/// One such setting.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    key: &'static str,
    old: String,
    new: String,
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, old, new } = self;
        write!(f, "{key} cannot change from {old:?} to {new:?} while weir runs: restart weir, or set it back")
    }
}

/// Whether a reload can go from `old` to `new`; all that stands in the way at once.
pub(crate) fn check(old: &Config, new: &Config) -> Result<(), RestartNeeded> {
    // queues, checkpoints and compiled plugins are in use there
    let data_dir = |c: &Config| c.data_dir.display().to_string();
    // whoever asked for the reload may be connected there
    let listen = |c: &Config| c.admin.listen.to_string();
    // the format is part of the subscriber, of which a process has one
    let format = |c: &Config| match c.log.format {
        LogFormat::Text => "text".to_owned(),
        LogFormat::Json => "json".to_owned(),
    };
    let fixed = [
        ("data_dir", data_dir(old), data_dir(new)),
        ("admin.listen", listen(old), listen(new)),
        ("log.format", format(old), format(new)),
    ];
    let differs: Vec<_> =
        fixed.into_iter().filter(|(_, old, new)| old != new).map(|(key, old, new)| Fixed { key, old, new }).collect();
    if differs.is_empty() { Ok(()) } else { Err(RestartNeeded(differs)) }
}

#[cfg(test)]
mod tests {
    use weir_config::{System, parse};

    use super::*;

    fn config(text: &str) -> Config {
        parse("/etc/weir/weir.toml", text, &System).unwrap().0
    }

    #[test]
    fn what_needs_a_restart_is_named_with_both_values_and_all_at_once() {
        let old = config("data_dir = \"/a\"");
        let new = config("data_dir = \"/b\"\n[admin]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"json\"");
        assert_eq!(
            check(&old, &new).unwrap_err().to_string(),
            "data_dir cannot change from \"/a\" to \"/b\" while weir runs: restart weir, or set it back\n\
             admin.listen cannot change from \"127.0.0.1:9470\" to \"127.0.0.1:1\" while weir runs: restart weir, or set it back\n\
             log.format cannot change from \"text\" to \"json\" while weir runs: restart weir, or set it back"
        );
    }

    #[test]
    fn all_else_may_change() {
        let old = config("");
        let new = config("[log]\nlevel = \"debug\"\n[global]\nscrape_interval = \"5s\"");
        assert_eq!(check(&old, &new), Ok(()));
    }
}
