//! What an operator opens to a plugin beyond what every plugin has, and what a plugin needs of it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::manifest::{GrantAsked, Manifest};
use crate::outline::{Import, Outline};

/// Something that is opened to a plugin. Nothing is, by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A folder, to be read only.
    FsRead {
        /// The folder on this machine.
        path: PathBuf,
        /// Where the plugin sees it: an absolute path.
        mount: String,
    },
    /// Environment variables of weir's own process.
    Env {
        /// Their names. One that is not set keeps the plugin from loading.
        names: Vec<String>,
    },
    /// The time of day, and a clock for durations.
    Clock,
    /// Random numbers.
    Random,
    /// Requests to these hosts.
    Http {
        /// `host` (ports 80 and 443) or `host:port`, in lower case.
        hosts: Vec<String>,
        /// A PEM file of the authorities to trust instead of the system's.
        ca_file: Option<PathBuf>,
    },
}

impl Grant {
    /// What kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::FsRead { .. } => Kind::FsRead,
            Self::Env { .. } => Kind::Env,
            Self::Clock => Kind::Clock,
            Self::Random => Kind::Random,
            Self::Http { .. } => Kind::Http,
        }
    }

    /// Whether it gives what is asked for.
    fn covers(&self, ask: &GrantAsked) -> bool {
        if self.kind() != ask.kind {
            return false;
        }
        match self {
            Self::FsRead { mount, .. } => ask.mount.as_deref().is_none_or(|m| same_path(m, mount)),
            Self::Env { names } => ask.names.iter().all(|n| names.contains(n)),
            // Which hosts is the operator's to say: a plugin's example is seldom the address at hand.
            Self::Clock | Self::Random | Self::Http { .. } => true,
        }
    }
}

fn same_path(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

/// As in the configuration: `{ kind = "clock" }`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FsRead { path, mount } => {
                write!(f, "{{ kind = \"fs.read\", path = {:?}, mount = {mount:?} }}", path.display().to_string())
            }
            Self::Env { names } => write!(f, "{{ kind = \"env\", names = {names:?} }}"),
            Self::Clock | Self::Random => write!(f, "{{ kind = \"{}\" }}", self.kind()),
            Self::Http { hosts, ca_file } => {
                write!(f, "{{ kind = \"http\", hosts = {hosts:?}")?;
                if let Some(file) = ca_file {
                    write!(f, ", ca_file = {:?}", file.display().to_string())?;
                }
                f.write_str(" }")
            }
        }
    }
}

/// The kinds of grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// `fs.read`.
    #[serde(rename = "fs.read")]
    FsRead,
    /// `env`.
    #[serde(rename = "env")]
    Env,
    /// `clock`.
    #[serde(rename = "clock")]
    Clock,
    /// `random`.
    #[serde(rename = "random")]
    Random,
    /// `http`.
    #[serde(rename = "http")]
    Http,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FsRead => "fs.read",
            Self::Env => "env",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Http => "http",
        })
    }
}

/// The kind that opens an interface (its name without the version); `None` where none does.
pub(crate) fn kind_of(interface: &str) -> Option<Kind> {
    match interface {
        "wasi:filesystem/types" | "wasi:filesystem/preopens" => Some(Kind::FsRead),
        "wasi:clocks/wall-clock" | "wasi:clocks/monotonic-clock" => Some(Kind::Clock),
        "wasi:random/random" | "wasi:random/insecure" => Some(Kind::Random),
        "weir:plugin/http" => Some(Kind::Http),
        _ => None,
    }
}

/// A grant that a plugin does not work without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The kind of the grant.
    pub kind: Kind,
    /// The imports that need it; none where only the manifest asks.
    pub imports: Vec<String>,
    /// What the manifest says of it.
    pub ask: Option<GrantAsked>,
}

impl Need {
    /// Whether one of `grants` gives it.
    pub fn is_met(&self, grants: &[Grant]) -> bool {
        match &self.ask {
            Some(ask) => grants.iter().any(|g| g.covers(ask)),
            None => grants.iter().any(|g| g.kind() == self.kind),
        }
    }

    /// A grant that would give it, with what only the operator knows in capitals.
    pub fn example(&self) -> Grant {
        let ask = self.ask.as_ref();
        match self.kind {
            Kind::FsRead => Grant::FsRead {
                path: PathBuf::from("/PATH/TO/FOLDER"),
                mount: ask.and_then(|a| a.mount.clone()).unwrap_or_else(|| "/data".to_owned()),
            },
            Kind::Env => Grant::Env { names: ask.map(|a| a.names.clone()).unwrap_or_default() },
            Kind::Clock => Grant::Clock,
            Kind::Random => Grant::Random,
            Kind::Http => {
                let hosts = ask.map(|a| a.hosts.clone()).unwrap_or_default();
                Grant::Http { hosts: if hosts.is_empty() { vec!["HOST".to_owned()] } else { hosts }, ca_file: None }
            }
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (&self.imports[..], &self.ask) {
            ([], _) => f.write_str(" (its manifest asks for it")?,
            (imports, _) => write!(f, " (it imports {}", imports.join(", "))?,
        }
        match &self.ask {
            Some(ask) if !ask.why.is_empty() => write!(f, ": {})", crate::guest_log::tidy(&ask.why)),
            _ => f.write_str(")"),
        }
    }
}

/// What a component needs: by its imports, and by what its manifest asks for and cannot do without.
pub(crate) fn needs(outline: &Outline) -> Vec<Need> {
    let asks = outline.manifest.as_ref().map_or(&[][..], |m: &Manifest| &m.grants[..]);
    let required = asks.iter().filter(|a| !a.optional);
    let mut needs: Vec<Need> =
        required.map(|ask| Need { kind: ask.kind, imports: vec![], ask: Some(ask.clone()) }).collect();
    for import in outline.imports.iter().filter(|i| !i.is_types_only()) {
        let Some(kind) = kind_of(interface(import)) else { continue };
        let mut found = false;
        for need in needs.iter_mut().filter(|n| n.kind == kind) {
            need.imports.push(import.name.clone());
            found = true;
        }
        if !found {
            // An optional ask does not make the import go away: some grant of the kind must be there.
            let ask = asks.iter().find(|a| a.kind == kind).cloned();
            needs.push(Need { kind, imports: vec![import.name.clone()], ask });
        }
    }
    needs
}

fn interface(import: &Import) -> &str {
    import.name.split_once('@').map_or(&import.name, |(interface, _)| interface)
}

/// The line of the configuration that gives `grants` and `needs`.
pub(crate) fn line(grants: &[Grant], needs: &[Need]) -> String {
    let missing = needs.iter().filter(|n| !n.is_met(grants)).map(Need::example);
    let all: Vec<String> = grants.iter().cloned().chain(missing).map(|g| g.to_string()).collect();
    format!("grant = [{}]", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(imports: &[&str], manifest: &str) -> Outline {
        let import =
            |name: &&str| Import { name: (*name).to_owned(), functions: vec!["f".to_owned()], resources: false };
        Outline {
            imports: imports.iter().map(import).collect(),
            exports: vec![],
            manifest: (!manifest.is_empty()).then(|| Manifest::parse(manifest).unwrap()),
        }
    }

    #[test]
    fn imports_need_what_opens_them() {
        let o = outline(&["wasi:filesystem/types@0.2.6", "wasi:filesystem/preopens@0.2.6", "wasi:cli/exit@0.2.6"], "");
        let needs = needs(&o);
        assert_eq!(needs.len(), 1);
        assert_eq!((needs[0].kind, needs[0].imports.len()), (Kind::FsRead, 2));
        assert!(!needs[0].is_met(&[Grant::Clock]));
        assert_eq!(
            line(&[Grant::Clock], &needs),
            r#"grant = [{ kind = "clock" }, { kind = "fs.read", path = "/PATH/TO/FOLDER", mount = "/data" }]"#
        );
    }

    #[test]
    fn a_manifest_asks_and_the_operator_gives() {
        let asks = r#"
            name = "x"
            grant = [
                { kind = "fs.read", mount = "/db", why = "the table" },
                { kind = "env", names = ["A", "B"] },
                { kind = "clock", optional = true },
            ]"#;
        let needs = needs(&outline(&["wasi:filesystem/types@0.2.0"], asks));
        let said: Vec<String> = needs.iter().map(Need::to_string).collect();
        assert_eq!(
            said,
            ["fs.read (it imports wasi:filesystem/types@0.2.0: the table)", "env (its manifest asks for it)"]
        );
        let db = |mount: &str| Grant::FsRead { path: "/srv".into(), mount: mount.to_owned() };
        assert!(!needs[0].is_met(&[db("/data")]) && needs[0].is_met(&[db("/data"), db("/db/")]));
        let env = |names: &[&str]| Grant::Env { names: names.iter().map(|n| (*n).to_owned()).collect() };
        assert!(!needs[1].is_met(&[env(&["A"])]) && needs[1].is_met(&[env(&["B", "A", "C"])]));
        assert_eq!(
            line(&[db("/db")], &needs),
            r#"grant = [{ kind = "fs.read", path = "/srv", mount = "/db" }, { kind = "env", names = ["A", "B"] }]"#
        );
    }
}
