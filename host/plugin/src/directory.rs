//! What lies in the plugin directory, and when a file there is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A file that has not changed for so long when weir starts is taken for whole at once.
const SETTLED_AT_START: Duration = Duration::from_secs(2);

/// What tells one version of a file from another, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    bytes: u64,
    modified: Option<SystemTime>,
}

/// A plugin's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) print: Fingerprint,
}

impl File {
    pub(crate) fn bytes(&self) -> u64 {
        self.print.bytes
    }

    /// Whether it was last written long before `now`.
    fn is_old(&self, now: SystemTime) -> bool {
        self.print.modified.is_some_and(|m| now.duration_since(m).is_ok_and(|age| age > SETTLED_AT_START))
    }
}

/// What there is under the names of plugins.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The files.
    pub(crate) files: BTreeMap<String, File>,
    /// What else there is, in words.
    pub(crate) odd: BTreeMap<String, &'static str>,
}

/// Plugins by name: files that end in `.wasm` and do not begin with a dot (many programs copy under such a name first).
/// Links are followed, as Kubernetes mounts need.
pub(crate) fn scan(dir: &Path) -> io::Result<Scan> {
    let mut found = Scan::default();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = plugin_name(&path) else { continue };
        let odd = match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => {
                let print = Fingerprint { bytes: meta.len(), modified: meta.modified().ok() };
                found.files.insert(name.to_owned(), File { path: path.clone(), print });
                continue;
            }
            Ok(meta) if meta.is_dir() => "a folder, not a file",
            Ok(_) => "a pipe, a socket or a device, not a file",
            Err(_) if fs::symlink_metadata(&path).is_ok() => "a link that leads to no file, or in a circle",
            // gone since
            Err(_) => continue,
        };
        found.odd.insert(name.to_owned(), odd);
    }
    Ok(found)
}

fn plugin_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wasm")?;
    (!name.is_empty() && !name.starts_with('.')).then_some(name)
}

/// What is to be done after a look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Whole files in a version that has not been seen.
    pub(crate) changed: BTreeMap<String, File>,
    /// Plugins whose file is gone.
    pub(crate) gone: BTreeSet<String>,
    /// Whether something is under way, so that another look is needed soon.
    pub(crate) unsettled: bool,
}

/// Compares one look with the last: a change counts once it has stayed for a while.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    seen: BTreeMap<String, Fingerprint>,
    /// The new state of a file (`None`: gone), since when.
    pending: BTreeMap<String, (Option<Fingerprint>, Instant)>,
}

impl Watched {
    /// Takes a look at `now`. What is reported once is not reported again, however its loading ends.
    pub(crate) fn look(&mut self, files: &BTreeMap<String, File>, now: Instant, settle: Duration) -> Changes {
        let mut changes = Changes::default();
        let names: BTreeSet<&String> = files.keys().chain(self.seen.keys()).collect();
        let mut pending = BTreeMap::new();
        for name in names {
            let file = files.get(name);
            let print = file.map(|f| f.print.clone());
            if print.as_ref() == self.seen.get(name) {
                continue;
            }
            let since = match self.pending.get(name) {
                Some((same, since)) if *same == print => *since,
                _ => now,
            };
            if now.saturating_duration_since(since) < settle {
                pending.insert(name.clone(), (print, since));
            } else if let Some(file) = file {
                changes.changed.insert(name.clone(), file.clone());
            } else {
                changes.gone.insert(name.clone());
            }
        }
        for (name, file) in &changes.changed {
            self.seen.insert(name.clone(), file.print.clone());
        }
        for name in &changes.gone {
            self.seen.remove(name);
        }
        changes.unsettled = !pending.is_empty();
        self.pending = pending;
        changes
    }

    /// Takes files that were written long ago for whole without a second look.
    pub(crate) fn take_old(&mut self, files: &BTreeMap<String, File>, now: SystemTime) -> BTreeMap<String, File> {
        let old: BTreeMap<_, _> =
            files.iter().filter(|(_, f)| f.is_old(now)).map(|(n, f)| (n.clone(), f.clone())).collect();
        for (name, file) in &old {
            self.seen.insert(name.clone(), file.print.clone());
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(200);

    fn files(sizes: &[(&str, u64)]) -> BTreeMap<String, File> {
        let file = |(name, bytes): &(&str, u64)| {
            let print = Fingerprint { bytes: *bytes, modified: Some(SystemTime::UNIX_EPOCH) };
            ((*name).to_owned(), File { path: PathBuf::from(*name), print })
        };
        sizes.iter().map(file).collect()
    }

    #[test]
    fn a_growing_file_is_waited_for() {
        let (mut w, start) = (Watched::default(), Instant::now());
        let mut look = |at: u64, sizes: &[(&str, u64)]| {
            let c = w.look(&files(sizes), start + Duration::from_millis(at), SETTLE);
            (c.changed.into_keys().collect::<Vec<_>>(), c.gone.into_iter().collect::<Vec<_>>(), c.unsettled)
        };
        let none: (Vec<String>, Vec<String>, bool) = (vec![], vec![], true);
        assert_eq!(look(0, &[("a", 1)]), none);
        assert_eq!(look(150, &[("a", 2)]), none);
        assert_eq!(look(340, &[("a", 2)]), none);
        assert_eq!(look(350, &[("a", 2)]), (vec!["a".to_owned()], vec![], false));
        assert_eq!(look(900, &[("a", 2)]), (vec![], vec![], false));
        assert_eq!(look(1000, &[]), none);
        assert_eq!(look(1100, &[("a", 2)]), (vec![], vec![], false), "it was only replaced by itself");
        assert_eq!(look(1200, &[]), none);
        assert_eq!(look(1400, &[]), (vec![], vec!["a".to_owned()], false));
    }

    #[test]
    fn names() {
        assert_eq!(plugin_name(Path::new("/p/redact.wasm")), Some("redact"));
        assert_eq!(plugin_name(Path::new("/p/a.b.wasm")), Some("a.b"));
        for not in ["/p/.redact.wasm", "/p/redact.wasm.tmp", "/p/.wasm", "/p/wasm"] {
            assert_eq!(plugin_name(Path::new(not)), None);
        }
    }
}
