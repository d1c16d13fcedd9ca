//! JavaScript and TypeScript: `build.mjs` of the SDK has tsc check, and componentize-qjs make the component.

use std::process::Command;

use weir_plugin::Kind;

use crate::build::Built;
use crate::error::AuthorError;
use crate::language::{Language, Mode, needed_sdk};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

/// One of the two languages that share an SDK. See the [module](self).
pub(super) enum Script {
    /// `js`.
    Java,
    /// `ts`.
    Type,
}

impl Script {
    fn packages(&self) -> &'static [&'static str] {
        match self {
            Self::Java => &["componentize-qjs"],
            Self::Type => &["componentize-qjs", "typescript", "ts-blank-space"],
        }
    }
}

impl Language for Script {
    fn name(&self) -> &'static str {
        match self {
            Self::Java => "js",
            Self::Type => "ts",
        }
    }

    fn sdk(&self) -> &'static str {
        "js"
    }

    fn template(&self) -> String {
        let name = match self {
            Self::Java => "template",
            Self::Type => "template-ts",
        };
        format!("js/{name}")
    }

    fn toolchain(&self, project: &Project) -> Vec<Missing> {
        let node = Tool {
            probe: &["node", "--eval", "process.exit(process.versions.node.split('.')[0] < 20 ? 1 : 0)"],
            what: "Node.js 20 or later, which runs the compiler,",
            install: "apt-get install nodejs npm   # where that is an older one: nodejs.org has others",
        };
        if let Err(missing) = node.ask() {
            return vec![missing];
        }
        // as the build looks for them: in the project, above it, and in NODE_PATH
        let resolve = "const [dir, ...names] = process.argv.slice(1); \
            const { resolve } = require('module').createRequire(dir + '/package.json'); \
            for (const name of names) try { resolve(name) } catch { console.log(name) }";
        let mut command = Command::new("node");
        command.args(["--eval", resolve, "--"]).arg(&project.dir).args(self.packages());
        let missing = run(&mut command).map(|ran| ran.output).unwrap_or_default();
        let missing: Vec<_> = String::from_utf8_lossy(&missing).lines().map(str::to_owned).collect();
        if missing.is_empty() {
            return vec![];
        }
        let what = format!("what package.json names ({})", missing.join(", "));
        let install = match project.from_here("").as_str() {
            "." => "npm install".to_owned(),
            dir => format!("npm install --prefix {dir}"),
        };
        vec![Missing { what, install }]
    }

    /// componentize-qjs answers all of WASI within the component (`stubWasi`), or none of it.
    fn can_have(&self, kind: Kind) -> bool {
        kind == Kind::Http
    }

    fn build(&self, project: &Project, _: Mode) -> Result<Built, AuthorError> {
        let sdk = needed_sdk(project, self.sdk())?;
        let out = project.build_dir()?.join("js.wasm");
        let mut node = Command::new("node");
        node.arg(sdk.join("build.mjs")).arg(".").arg("--out").arg(&out).current_dir(&project.dir);
        let said = run(&mut node)?.said;
        Ok(Built { component: std::fs::read(&out).map_err(AuthorError::file(&out))?, said })
    }
}
