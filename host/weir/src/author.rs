//! `weir plugin`: what a plugin's author does, from nothing to a component.

mod bench;
mod inspect;
mod test;
mod watch;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use weir_author::build::Built;
use weir_author::language::{ALL, Mode, by_name};
use weir_author::{Project, build, new};

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Make a project: a plugin that builds, with a test, weir's SDK and the contract beside it
    New {
        /// What it is written in
        #[arg(long, value_name = "LANGUAGE", value_parser = language())]
        lang: String,
        /// The plugin's name, or the folder to make, whose last part is the name
        name: PathBuf,
    },
    /// Build a plugin's component with the language's own compiler
    Build {
        /// The plugin's folder
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Where the component goes: a file, or a folder for `NAME.wasm`; otherwise `build/NAME.wasm` in the plugin's folder
        #[arg(short, long, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Build soon rather than fast, as `--watch` does
        #[arg(long)]
        quick: bool,
        /// Build at each change, and put the component into this directory: the `plugin_dir` of a weir that runs
        #[arg(long, value_name = "PLUGIN_DIR", conflicts_with = "output")]
        watch: Option<PathBuf>,
        /// With `--watch`: build for speed, as for production, which takes longer
        #[arg(long, requires = "watch")]
        release: bool,
        /// With `--watch`: the admin server of that weir, which says whether it took the component
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9470", requires = "watch")]
        admin: String,
    },
    /// Run a plugin's fixtures (`tests/*.toml`) in weir's own runtime
    ///
    /// Ends with exit code 1 when a case fails.
    Test(test::Test),
    /// Measure what a plugin costs, against the same pipeline without it
    ///
    /// On the records of its fixtures, where it has some. Run it where nothing else runs; compare the two columns with each other
    /// rather than microseconds with those of another machine.
    Bench(bench::Bench),
    /// Show what a component is: contract, exports, imports, what it reads and needs, its manifest, size and digest
    Inspect(inspect::Inspect),
}

/// The languages there are, for help texts and completions.
fn language() -> clap::builder::PossibleValuesParser {
    ALL.iter().map(|l| l.name()).collect::<Vec<_>>().into()
}

/// Runs a command.
pub(crate) fn run(command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::New { lang, name } => make(&lang, &name),
        PluginCommand::Build { dir, watch: Some(plugin_dir), release, admin, .. } => {
            let mode = if release { Mode::Release } else { Mode::Watch };
            watch::watch(&dir, &plugin_dir, &admin, mode)
        }
        PluginCommand::Build { dir, output, quick, .. } => {
            let project = Project::open(&dir)?;
            let output = match output {
                Some(folder) if folder.is_dir() => folder.join(format!("{}.wasm", project.name())),
                Some(file) => file,
                None => project.component(),
            };
            let mode = if quick { Mode::Watch } else { Mode::Release };
            let begin = Instant::now();
            let Built { component, said } = build::build(&project, mode)?;
            warn(&said)?;
            build::place(&output, &component)?;
            let (size, took) = (component.len(), begin.elapsed().as_secs_f64());
            print(&format!("{}  {} KB in {took:.1} s\n", shown(&output), size.div_ceil(1000)))
        }
        PluginCommand::Test(options) => test::test(&options),
        PluginCommand::Bench(options) => bench::bench(&options),
        PluginCommand::Inspect(options) => inspect::inspect(&options),
    }
}

fn make(lang: &str, dir: &Path) -> Result<(), Failure> {
    let language = by_name(lang)?;
    let files = new::new(language, dir)?;
    let own: Vec<_> = files.iter().filter(|f| !f.starts_with("weir/")).collect();
    let mut text = format!("{} is a plugin in {}:\n", dir.display(), language.name());
    for file in own {
        let _ = writeln!(text, "  {file}");
    }
    let _ = writeln!(text, "  weir/  the SDK and the contract, version {}\n", new::VERSION);
    let project = Project::open(dir)?;
    let missing = language.toolchain(&project);
    if !missing.is_empty() {
        let missing = weir_author::AuthorError::Toolchain(missing).to_string();
        let _ = writeln!(text, "Before it can be built: {missing}\n");
    }
    let _ = writeln!(text, "Next:\n  cd {}\n  weir plugin build\n  weir plugin test", dir.display());
    print(&text)
}

/// A path as the user would write it from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|d| d.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// What a compiler has to say of what it took.
fn warn(said: &str) -> Result<(), Failure> {
    if said.is_empty() {
        return Ok(());
    }
    let mut err = std::io::stderr().lock();
    Ok(writeln!(err, "{said}")?)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    // what is under way shows, too
    Ok(out.flush()?)
}
