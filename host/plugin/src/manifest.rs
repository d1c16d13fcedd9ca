//! What a plugin says of itself: its manifest, written beside its source as `weir-plugin.toml` and carried by the component
//! in a custom section. It can ask, never take: what a plugin may do stands in the operator's configuration alone.

use serde::{Deserialize, Serialize};

use crate::grants::Kind;
use crate::guest_log::is_obeyed;

/// The name of the custom section: its content is the text of `weir-plugin.toml`.
pub const MANIFEST_SECTION: &str = "weir:manifest";

/// The largest manifest in bytes: a page of text, and no cost to whoever reads many.
pub const MAX_MANIFEST: usize = 16 << 10;

/// What a plugin says of itself. Keys that this version does not know are errors: `affinity` misspelt would be a plugin that
/// counts wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name, and its file's unless the operator calls it otherwise.
    pub name: String,
    /// The plugin's own version.
    #[serde(default)]
    pub version: String,
    /// What it does, in a line.
    #[serde(default)]
    pub description: String,
    /// What it is written in, as `weir plugin new --lang` calls it; `None`: something that weir does not build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How its instances share the work.
    #[serde(default)]
    pub affinity: Affinity,
    /// What it needs of the world outside.
    #[serde(default, rename = "grant", skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantAsked>,
}

/// How a plugin's instances share the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affinity {
    /// Any instance takes any batch: for plugins that keep nothing between calls.
    #[default]
    None,
    /// One instance for each pipeline sees everything of it: for plugins that count or remember.
    Pipeline,
}

/// A grant that a plugin asks for. The operator's configuration gives it, with values of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAsked {
    /// What is asked for.
    pub kind: Kind,
    /// What it is needed for, for whoever decides.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Whether the plugin works without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Of `fs.read`: where the plugin looks for the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// Of `env`: the variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Of `http`: the hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// A manifest that makes no sense; the text names line and column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Manifest {
    /// Reads a manifest's text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        // The message shows a piece of the text.
        let shown = |e: toml::de::Error| -> String {
            e.to_string().trim_end().chars().map(|c| if c != '\n' && is_obeyed(c) { ' ' } else { c }).collect()
        };
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError(shown(e)))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// All of it is shown to operators, on terminals too.
    fn check(&self) -> Result<(), ManifestError> {
        let own = [("name", &self.name), ("version", &self.version), ("description", &self.description)];
        let language = self.language.iter().map(|language| ("language", language));
        let asked = self.grants.iter().flat_map(|grant| {
            let lists = grant.names.iter().map(|n| ("names", n)).chain(grant.hosts.iter().map(|h| ("hosts", h)));
            lists.chain([("why", &grant.why)]).chain(grant.mount.iter().map(|m| ("mount", m)))
        });
        match own.into_iter().chain(language).chain(asked).find(|(_, text)| text.chars().any(is_obeyed)) {
            Some((key, text)) => {
                let text = crate::guest_log::tidy(text);
                Err(ManifestError(format!("{key}: {text:?} has a line end or a control character in it")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read() {
        let text = r#"
            name = "geoip"
            version = "1.2.0"
            language = "go"
            affinity = "pipeline"
            grant = [{ kind = "fs.read", mount = "/data", why = "the city database" }]
        "#;
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.affinity, Affinity::Pipeline);
        assert_eq!(manifest.grants[0].mount.as_deref(), Some("/data"));
        let least = Manifest::parse("name = \"a\"").unwrap();
        assert_eq!((least.affinity, least.grants.len(), least.language), (Affinity::None, 0, None));
    }

    #[test]
    fn nothing_in_it_is_obeyed_by_a_terminal() {
        for text in [
            r#"name = "a\u001b[2J""#,
            "name = \"a\"\ndescription = \"two\\nlines\"",
            "name = \"a\"\ngrant = [{ kind = \"env\", names = [\"A\\u202e\"] }]",
            "name = \"a\"\ngrant = [{ kind = \"clock\", why = \"\"\"b\n\n2026 INFO all is well\"\"\" }]",
        ] {
            let error = Manifest::parse(text).unwrap_err().to_string();
            assert!(error.ends_with("has a line end or a control character in it") && !error.contains('\n'), "{error}");
        }
        let error = Manifest::parse("name = \u{1b}[2J").unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains('\u{1b}'), "{error:?}");
    }

    #[test]
    fn what_is_misspelt_is_an_error_with_its_place() {
        let error = Manifest::parse("name = \"a\"\nafinity = \"pipeline\"").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("afinity"), "{error}");
        let error = Manifest::parse("name = \"a\"\ngrant = [{ kind = \"fs.write\" }]").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("unknown variant `fs.write`"), "{error}");
    }
}
