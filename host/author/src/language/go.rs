//! Go: its own compiler makes a core module for WASI preview 1, which becomes a component here.

use std::path::Path;
use std::process::Command;

use weir_plugin::Kind;

use crate::build::Built;
use crate::error::AuthorError;
use crate::language::{Language, Mode, NewFile, preview1};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

/// The first version that exports functions to WebAssembly.
const OLDEST: (u32, u32) = (1, 24);

const INSTALL: &str = "apt-get install golang-go      # Debian 13, Ubuntu 25.04 and later\n\
                       dnf install golang              # Fedora\n\
                       brew install go                 # macOS\n\
                       https://go.dev/dl               # everywhere else";

const EXPORTING: preview1::Exporting = preview1::Exporting {
    plugin: "weir.Plugin(New)",
    interface: "a call of series.Export, samples.Export, logs.Export or tick.Export in an init function",
};

/// See the [module](self).
pub(super) struct Go;

impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn toolchain(&self, _project: &Project) -> Vec<Missing> {
        let go =
            Tool { probe: &["go", "env", "GOVERSION"], what: "go 1.24 or later, which compiles Go,", install: INSTALL };
        match go.ask() {
            Err(missing) => vec![missing],
            Ok(said) if version(&said).is_none_or(|found| found >= OLDEST) => vec![],
            Ok(said) => vec![Missing {
                what: format!("go 1.24 or later ({} is here), which compiles Go,", said.trim()),
                install: INSTALL.to_owned(),
            }],
        }
    }

    fn build(&self, project: &Project, mode: Mode) -> Result<Built, AuthorError> {
        let module = project.build_dir()?.join("go.core.wasm");
        let said = run(go(&module, mode).current_dir(&project.dir))?.said;
        let module = std::fs::read(&module).map_err(AuthorError::file(&module))?;
        Ok(Built { component: preview1::encode(module, &[], EXPORTING)?, said })
    }

    /// Go's collector looks at the clock while weir passes arguments, when a component may not call out: with WASI behind it, it
    /// would end in a trap.
    fn can_have(&self, kind: Kind) -> bool {
        kind == Kind::Http
    }

    fn finish_new(&self, files: &mut Vec<NewFile>) -> Result<(), AuthorError> {
        // the SDK's tests are no part of what an author needs
        files.retain(|(path, _)| !(path.starts_with("weir/") && path.ends_with("_test.go")));
        Ok(())
    }
}

fn go(module: &Path, _mode: Mode) -> Command {
    let mut go = Command::new("go");
    go.args(["build", "-buildmode=c-shared"]);
    // paths of the author's machine stay out, and the table that a panic's place is found in is not among what goes
    go.args(["-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o"]).arg(module).arg(".");
    go.env("GOOS", "wasip1").env("GOARCH", "wasm").env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOFLAGS");
    go
}

/// Of `go1.26.8`; `None` for development versions, which are newer than what is asked for.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix("go")?.split('.');
    let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    Some((number(parts.next()?)?, number(parts.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_go_writes_them() {
        assert_eq!(version("go1.26.8\n"), Some((1, 26)));
        assert_eq!(version("go1.25rc1"), Some((1, 25)));
        assert_eq!(version("devel go1.27-abcdef"), None);
        assert!(version("go1.19.8").is_some_and(|old| old < OLDEST));
    }
}
