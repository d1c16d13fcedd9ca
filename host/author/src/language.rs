//! The languages that a plugin can be written in: one trait, a module each.
//!
//! # Adding a language
//! 1. `sdk/LANG` is its SDK as an author gets it, whole and without a build step of ours; it lands in `weir/sdk/LANG` of each
//!    project, with the contract in `weir/wit`. What tests the SDK itself (`tests`, `conformance`, `examples`, `benches`) and
//!    what tools leave behind stays at home: see `build.rs` of this crate.
//! 2. `sdk/LANG/template` is a new project. In each text `{{name}}` becomes the plugin's name, `{{snake}}` the same with `_` for `-`,
//!    `{{pascal}}` the same as `CamelCase`, `{{version}}` weir's version; a file name's end `.in` is taken off, so that files which
//!    mean something to tools where they lie (`Cargo.toml`, `go.mod`, `.gitignore`) can be called `Cargo.toml.in`. It has a
//!    `weir-plugin.toml`, a `README.md`, a `tests/*.toml` that passes, and a `.gitignore` with `/build`.
//!    What a build writes at the top of a project beside `build` is named in `watch.rs`, or each build would bring the next.
//! 3. `language/LANG.rs` implements [`Language`] and is named in [`ALL`].

use std::path::PathBuf;

use weir_plugin::Kind;

use crate::build::Built;
use crate::error::AuthorError;
use crate::project::Project;
use crate::tool::Missing;

mod c;
mod go;
mod js;
pub(crate) mod preview1;
mod python;
mod rust;

/// For what a component is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To run fast.
    Release,
    /// To be there soon: while the author edits.
    Watch,
}

/// A file of a new project: its path from the project's folder, and what is in it.
pub type NewFile = (String, Vec<u8>);

/// What is particular to a language.
pub trait Language: Sync {
    /// As in `--lang NAME` and the manifest's `language`.
    fn name(&self) -> &'static str;

    /// Names that a plugin cannot have, since a build needs something else that is called so.
    fn taken(&self) -> &'static [&'static str] {
        &[]
    }

    /// The folder of its SDK below `sdk/`, and below `weir/sdk/` in a project. Languages can share one.
    fn sdk(&self) -> &'static str {
        self.name()
    }

    /// The folder of its template below `sdk/`.
    fn template(&self) -> String {
        format!("{}/template", self.sdk())
    }

    /// A last look at the files of a new project (template, SDK and contract) before they are written: for what cannot be
    /// embedded as it should be written.
    fn finish_new(&self, _files: &mut Vec<NewFile>) -> Result<(), AuthorError> {
        Ok(())
    }

    /// Whether a grant of this kind can reach a plugin in this language.
    fn can_have(&self, _kind: Kind) -> bool {
        true
    }

    /// What a build needs and is not there; empty when all is well. Looked at before each build, so it is quick.
    fn toolchain(&self, project: &Project) -> Vec<Missing>;

    /// Has the language's compiler build the project and gives the component, without the manifest (which the caller adds).
    /// A core module becomes one by [`crate::encode`]. What the compiler says about the author's code is the error's text, as
    /// the compiler wrote it.
    fn build(&self, project: &Project, mode: Mode) -> Result<Built, AuthorError>;
}

/// The folder of a language's SDK: beside the author's code, where `weir plugin new` puts it, or in weir's own tree, for the guests
/// and examples that lie there.
pub(crate) fn sdk_folder(project: &Project, name: &str) -> PathBuf {
    let beside = project.dir.join("weir/sdk").join(name);
    if beside.is_dir() {
        return beside;
    }
    project.dir.ancestors().map(|dir| dir.join("sdk").join(name)).find(|dir| dir.is_dir()).unwrap_or(beside)
}

/// The same, where a build cannot do without: an author may have lost it.
fn needed_sdk(project: &Project, name: &str) -> Result<PathBuf, AuthorError> {
    let folder = sdk_folder(project, name);
    if folder.is_dir() { Ok(folder) } else { Err(AuthorError::NoSdk(folder)) }
}

/// All languages, in the order that help texts name them.
pub static ALL: &[&dyn Language] =
    &[&rust::Rust, &python::Python, &js::Script::Java, &js::Script::Type, &go::Go, &c::C];

/// The language of a name.
pub fn by_name(name: &str) -> Result<&'static dyn Language, AuthorError> {
    ALL.iter().copied().find(|l| l.name() == name).ok_or_else(|| AuthorError::Language {
        name: name.to_owned(),
        known: ALL.iter().map(|l| l.name()).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::embedded;

    #[test]
    fn every_language_has_an_sdk_and_a_whole_template() {
        for language in ALL {
            assert!(embedded(&format!("sdk/{}", language.sdk())).count() > 2, "{}", language.name());
            let template = format!("sdk/{}", language.template());
            let files: Vec<_> = embedded(&template).map(|(path, _)| path.trim_end_matches(".in")).collect();
            for wanted in ["weir-plugin.toml", "README.md", ".gitignore"] {
                assert!(files.contains(&wanted), "{template} has no {wanted}: {files:?}");
            }
            assert!(files.iter().any(|f| f.starts_with("tests/")), "{template} has no test");
        }
    }

    #[test]
    fn an_sdk_that_is_lost_is_said_with_where_to_get_it() {
        for name in ["python", "js", "ts", "c"] {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("tidy");
            crate::new::new(by_name(name).unwrap(), &dir).unwrap();
            std::fs::remove_dir_all(dir.join("weir")).unwrap();
            let project = Project::open(&dir).unwrap();
            // the compiler is not asked: there is nothing for it to do
            let said = project.language.build(&project, Mode::Watch).unwrap_err().to_string();
            assert!(said.contains("weir/sdk/") && said.contains("weir plugin new"), "{name}: {said}");
        }
    }

    #[test]
    fn a_language_that_is_not_there_is_answered_with_those_that_are() {
        let error = by_name("cobol").err().unwrap().to_string();
        assert!(error.contains("\"cobol\"") && error.contains("rust"), "{error}");
    }
}
