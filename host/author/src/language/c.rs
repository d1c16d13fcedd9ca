//! C: clang makes a core module with wasi-libc, which becomes a component here.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::AuthorError;
use crate::language::{Language, Mode, preview1};
use crate::project::Project;
use crate::tool::{Missing, Tool, run};

const DEBIAN: &str = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32   # Debian 12 and later";
const OTHERS: &str = "dnf install clang lld wasi-libc-devel wasi-libc-static compiler-rt     # Fedora\n\
     https://github.com/WebAssembly/wasi-sdk/releases, and WASI_SDK_PATH to where it is     # everywhere else";

/// Newest first: the versions that Debian names, and what others call it.
const NAMES: [&str; 6] = ["clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang"];

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

    fn build(&self, project: &Project, mode: Mode) -> Result<Vec<u8>, AuthorError> {
        let module = project.build_dir()?.join("c.core.wasm");
        let Some(compiler) = compiler() else { return Err(AuthorError::Toolchain(self.toolchain(project))) };
        let sdk = project.dir.join("weir/sdk/c");
        let mut files = c_files(&project.dir)?;
        for folder in [project.dir.join("src"), sdk.clone()] {
            if folder.is_dir() {
                files.extend(c_files(&folder)?);
            }
        }
        let mut clang = clang(&compiler, mode, &sdk);
        clang.args(relative(&project.dir, files)).arg("-o").arg(&module).current_dir(&project.dir);
        run(&mut clang)?;
        preview1::encode(std::fs::read(&module).map_err(AuthorError::file(&module))?)
    }
}

fn clang(compiler: &Path, mode: Mode, sdk: &Path) -> Command {
    let mut clang = Command::new(compiler);
    clang.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-std=gnu11", "-Wall", "-Wextra"]);
    // every engine has had them since 2022: text is searched sixteen bytes at a time
    clang.args(["-msimd128", "-mbulk-memory"]);
    clang.args(if mode == Mode::Release { ["-O3", "-flto"].as_slice() } else { &["-O1"] });
    clang.args(["-Wl,--strip-all", "-I"]).arg(sdk);
    clang
}

/// A compiler that has all it needs: it links an empty program.
fn compiler() -> Option<PathBuf> {
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|sdk| PathBuf::from(sdk).join("bin/clang"));
    let names = sdk.into_iter().chain(NAMES.map(PathBuf::from));
    names.into_iter().find(|name| {
        let Some(program) = name.to_str() else { return false };
        let links = ["--target=wasm32-wasi", "-mexec-model=reactor", "-x", "c", "-o", "/dev/null", "/dev/null"];
        let probe: Vec<&str> = std::iter::once(program).chain(links).collect();
        Tool { probe: &probe, what: "", install: "" }.ask().is_ok()
    })
}

fn c_files(folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).map_err(AuthorError::file(folder))? {
        let path = entry.map_err(AuthorError::file(folder))?.path();
        if path.extension().is_some_and(|e| e == "c") {
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
