//! Why something could not be done for an author.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::tool::Missing;

/// Why something could not be done for an author; all are for the author to mend, and are worth another try then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is something where a new project should go.
    #[error("{} exists: give another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// A plugin's name that could not be its file's.
    #[error("{0:?} is no name for a plugin: use letters (a to z), digits, `-` and `_`, beginning with a letter")]
    Name(String),
    /// A plugin's name that is something else already in its language.
    #[error(
        "{name:?} is taken: in {language} it names something else that a build needs; give the plugin another name"
    )]
    Taken {
        /// The name.
        name: String,
        /// The language.
        language: &'static str,
    },
    /// A project without the part that is weir's.
    #[error(
        "weir's SDK is not in {}: `weir plugin new` writes it; make a new project beside this one and copy its folder `weir`",
        .0.display()
    )]
    NoSdk(PathBuf),
    /// A folder without a manifest.
    #[error(
        "there is no weir-plugin.toml in {}: it is no plugin's folder (`weir plugin new` makes one)", .0.display()
    )]
    NoProject(PathBuf),
    /// A manifest that makes no sense.
    #[error("{}: {what}", path.display())]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// What is wrong with it, with its place.
        what: String,
    },
    /// A fixture file that makes no sense.
    #[error("{}{}: {what}", path.display(), line.map_or_else(String::new, |line| format!(":{line}")))]
    Fixture {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where `what` does not say it.
        line: Option<usize>,
        /// What is wrong with it, with its place.
        what: String,
    },
    /// A language that this weir does not have.
    #[error("there is no language {name:?}: one of {known}")]
    Language {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Programs that a build needs are not installed.
    #[error("{}", missing(.0))]
    Toolchain(Vec<Missing>),
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program said no; what it said is in `output`.
    #[error("{program} failed\n{output}")]
    Tool {
        /// Its name.
        program: String,
        /// What it wrote.
        output: String,
    },
    /// What a compiler made is no module or component that weir could take.
    #[error("{what}: {reason}")]
    Component {
        /// What was done when it was found.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl AuthorError {
    /// This error of a file.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

fn missing(all: &[Missing]) -> String {
    let mut text = String::new();
    for Missing { what, install } in all {
        let _ = write!(text, "{what} is missing. Install it with:\n    {}\n", install.replace('\n', "\n    "));
    }
    text.truncate(text.trim_end().len());
    text
}
