//! What another version of a plugin changes: its digest, and what it needs to be granted.

use std::collections::BTreeMap;
use std::fmt;

use crate::grants;
use crate::outline::Outline;

/// The difference between two versions of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The SHA-256 of the old component, hexadecimal.
    pub from: String,
    /// That of the new one.
    pub to: String,
    /// What only the new one needs, as the configuration would grant it.
    pub added: Vec<String>,
    /// What only the old one needed.
    pub removed: Vec<String>,
}

impl Change {
    /// Between two versions, each a digest and an outline; `None` where they are the same.
    pub(crate) fn between((from, old): (&str, &Outline), (to, new): (&str, &Outline)) -> Option<Self> {
        if from == to {
            return None;
        }
        let (before, now) = (needs(old), needs(new));
        let only = |a: &[String], b: &[String]| a.iter().filter(|n| !b.contains(n)).cloned().collect();
        let (added, removed) = (only(&now, &before), only(&before, &now));
        Some(Self { from: from.to_owned(), to: to.to_owned(), added, removed })
    }
}

fn needs(outline: &Outline) -> Vec<String> {
    grants::needs(outline).iter().map(|need| need.example().to_string()).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256 {} to {}", self.from, self.to)?;
        for (what, needs) in [("needs now", &self.added), ("needs no longer", &self.removed)] {
            if !needs.is_empty() {
                write!(f, ", {what} {}", needs.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The changes of all plugins by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeLog {
    /// What the last version that took another's place changed.
    pub(crate) made: BTreeMap<String, Change>,
    /// What the newest version would change, which does not run.
    pub(crate) pending: BTreeMap<String, Change>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::outline::Import;

    fn outline(import: &str, asks: &str) -> Outline {
        let import = Import { name: import.to_owned(), functions: vec!["f".to_owned()], resources: false };
        let manifest = format!("name = \"x\"\ngrant = [{asks}]");
        Outline { imports: vec![import], exports: vec![], manifest: Some(Manifest::parse(&manifest).unwrap()) }
    }

    #[test]
    fn needs_are_compared_as_they_would_be_granted() {
        let old = outline("wasi:clocks/wall-clock@0.2.0", r#"{ kind = "env", names = ["A"] }"#);
        let new = outline("weir:plugin/http@0.1.2", r#"{ kind = "env", names = ["A", "B"] }"#);
        assert_eq!(Change::between(("1", &old), ("1", &new)), None);
        let change = Change::between(("1", &old), ("2", &new)).unwrap();
        assert_eq!(
            change.to_string(),
            r#"sha256 1 to 2, needs now { kind = "env", names = ["A", "B"] }, { kind = "http", hosts = ["HOST"] }, needs no longer { kind = "env", names = ["A"] }, { kind = "clock" }"#
        );
        assert_eq!(Change::between(("1", &old), ("2", &old)).unwrap().to_string(), "sha256 1 to 2");
    }
}
