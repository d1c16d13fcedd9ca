//! Python: `weir.build` of the SDK has componentize-py make the component, with the Python of the project.

use std::path::{Path, PathBuf};
use std::process::Command;

use weir_plugin::Kind;

use crate::build::Built;
use crate::error::AuthorError;
use crate::language::{Language, Mode, needed_sdk};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

/// See the [module](self).
pub(super) struct Python;

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn toolchain(&self, project: &Project) -> Vec<Missing> {
        let python = interpreter(&project.dir);
        let Some(python) = python.to_str() else { return vec![] };
        let itself = Tool {
            probe: &[python, "-c", "import sys; sys.exit(sys.version_info < (3, 10))"],
            what: "Python 3.10 or later",
            install: "apt-get install python3 python3-venv",
        };
        let venv = project.from_here(".venv");
        let install = format!(
            "python3 -m venv {venv}\n{} install -r {}",
            project.from_here(".venv/bin/pip"),
            project.from_here("requirements.txt")
        );
        let componentize = Tool {
            probe: &[python, "-c", "import componentize_py"],
            what: "componentize-py, which makes a component of Python,",
            install: &install,
        };
        [itself, componentize].iter().find_map(|tool| tool.ask().err()).into_iter().collect()
    }

    /// componentize-py answers all of WASI within the component (`--stub-wasi`), or none of it.
    fn can_have(&self, kind: Kind) -> bool {
        kind == Kind::Http
    }

    fn build(&self, project: &Project, _: Mode) -> Result<Built, AuthorError> {
        let sdk = needed_sdk(project, self.sdk())?;
        let out = project.build_dir()?.join("python.wasm");
        let mut python = Command::new(interpreter(&project.dir));
        python.args(["-m", "weir.build", "."]).arg("--out").arg(&out).current_dir(&project.dir);
        // the author's folder stays as it is
        python.env("PYTHONPATH", sdk).env("PYTHONDONTWRITEBYTECODE", "1");
        let said = run(&mut python)?.said;
        Ok(Built { component: std::fs::read(&out).map_err(AuthorError::file(&out))?, said })
    }
}

/// The Python of the project's environment, of the one that is active, or of the system.
fn interpreter(project: &Path) -> PathBuf {
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    [Some(project.join(".venv")), active]
        .into_iter()
        .flatten()
        .map(|environment| environment.join("bin/python"))
        .find(|python| python.exists())
        .unwrap_or_else(|| PathBuf::from("python3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_own_python_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join(".venv/bin");
        assert!(!interpreter(dir.path()).starts_with(dir.path()));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("python"), "").unwrap();
        assert_eq!(interpreter(dir.path()), bin.join("python"));
    }
}
