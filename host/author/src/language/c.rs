//! C: clang makes a core module with wasi-libc, which becomes a component here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::build::Built;
use crate::error::AuthorError;
use crate::language::{Language, Mode, needed_sdk, preview1};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

const DEBIAN: &str = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32   # Debian 12 and later";
const OTHERS: &str = "dnf install clang lld wasi-libc-devel wasi-libc-static compiler-rt     # Fedora\n\
     https://github.com/WebAssembly/wasi-sdk/releases, and WASI_SDK_PATH to where it is     # everywhere else";

/// Newest first: the versions that Debian names, and what others call it.
const NAMES: [&str; 6] = ["clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang"];

const EXPORTING: preview1::Exporting = preview1::Exporting {
    plugin: "WEIR_PLUGIN(configure)",
    interface: "one of WEIR_SERIES, WEIR_SAMPLES, WEIR_LOGS and WEIR_TICK",
};

/// See the [module](self).
pub(super) struct C;

impl Language for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn toolchain(&self, _project: &Project) -> Vec<Missing> {
        match compiler() {
            Some(_) => vec![],
            None => vec![Missing {
                what: "a clang that makes WebAssembly, with wasi-libc,".to_owned(),
                install: format!("{DEBIAN}\n{OTHERS}"),
            }],
        }
    }

    fn build(&self, project: &Project, mode: Mode) -> Result<Built, AuthorError> {
        let sdk = needed_sdk(project, self.sdk())?;
        let module = project.build_dir()?.join("c.core.wasm");
        let Some(compiler) = compiler() else { return Err(AuthorError::Toolchain(self.toolchain(project))) };
        let mut files = c_files(&project.dir)?;
        let src = project.dir.join("src");
        if src.is_dir() {
            files.extend(c_files(&src)?);
        }
        match mode {
            Mode::Release => files.extend(c_files(&sdk)?),
            Mode::Watch => files.extend(sdk_objects(project, &compiler, &sdk)?),
        }
        let mut clang = clang(&compiler, mode, &sdk);
        clang.arg("-mexec-model=reactor").args(relative(&project.dir, files));
        match mode {
            Mode::Release => clang.arg("-Wl,--strip-all"),
            // a test says where a plugin stopped; paths as in what the compiler says
            Mode::Watch => {
                clang.arg("-gline-tables-only").arg(format!("-fdebug-prefix-map={}=", project.dir.display()))
            }
        };
        let said = run(clang.arg("-o").arg(&module).current_dir(&project.dir))?.said;
        let module = std::fs::read(&module).map_err(AuthorError::file(&module))?;
        Ok(Built { component: preview1::encode(module, &preview1::asked(project), EXPORTING)?, said })
    }
}

fn clang(compiler: &Path, mode: Mode, sdk: &Path) -> Command {
    let mut clang = Command::new(compiler);
    clang.args(["--target=wasm32-wasi", "-std=gnu11", "-Wall", "-Wextra"]);
    // every engine has had them since 2022: text is searched sixteen bytes at a time
    clang.args(["-msimd128", "-mbulk-memory"]);
    clang.args(if mode == Mode::Release { ["-O3", "-flto"].as_slice() } else { &["-O1"] });
    clang.arg("-I").arg(sdk);
    clang
}

/// The SDK compiled, which is most of the work and the same from edit to edit: once for each compiler and state of its files.
fn sdk_objects(project: &Project, compiler: &Path, sdk: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut state = Sha256::new();
    state.update(compiler.as_os_str().as_encoded_bytes());
    for file in with_ends(sdk, &["c", "h"])? {
        state.update(std::fs::read(&file).map_err(AuthorError::file(&file))?);
    }
    let build = project.build_dir()?;
    let folder = build.join(format!("c-sdk-{:.16}", format!("{:x}", state.finalize())));
    if !folder.is_dir() {
        // whole or not at all: a build that is broken off leaves no folder of this name
        let half = tempfile::tempdir_in(&build).map_err(AuthorError::file(&build))?;
        run(clang(compiler, Mode::Watch, sdk).arg("-c").args(c_files(sdk)?).current_dir(half.path()))?;
        std::fs::rename(half.path(), &folder).map_err(AuthorError::file(&folder))?;
    }
    with_ends(&folder, &["o"])
}

/// A compiler that has all it needs: it links an empty program. Looked for once, while an author edits.
fn compiler() -> Option<PathBuf> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Some(found.clone());
    }
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|sdk| PathBuf::from(sdk).join("bin/clang"));
    let names = sdk.into_iter().chain(NAMES.map(PathBuf::from));
    // Not to /dev/null: a linker that runs as root can put a file in its place.
    let folder = tempfile::tempdir().ok()?;
    let out = folder.path().join("empty.wasm").into_os_string().into_string().ok()?;
    let found = names.into_iter().find(|name| {
        let Some(program) = name.to_str() else { return false };
        let links = ["--target=wasm32-wasi", "-mexec-model=reactor", "-x", "c", "-o", &out, "/dev/null"];
        let probe: Vec<&str> = std::iter::once(program).chain(links).collect();
        Tool { probe: &probe, what: "", install: "" }.ask().is_ok()
    })?;
    Some(FOUND.get_or_init(|| found).clone())
}

fn c_files(folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    with_ends(folder, &["c"])
}

fn with_ends(folder: &Path, ends: &[&str]) -> Result<Vec<PathBuf>, AuthorError> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(AuthorError::file(folder))? {
        let path = entry.map_err(AuthorError::file(folder))?.path();
        if path.extension().and_then(|e| e.to_str()).is_some_and(|e| ends.contains(&e)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Paths as an author would write them: they are in what the compiler says, and in the plugin's own messages.
fn relative(dir: &Path, files: Vec<PathBuf>) -> impl Iterator<Item = PathBuf> {
    files.into_iter().map(move |file| file.strip_prefix(dir).map(Path::to_owned).unwrap_or(file))
}
