//! `weir plugin test`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use weir_author::build::Built;
use weir_author::fixture::{Document, Outcome, Report, Rig, bless, check};
use weir_author::language::Mode;
use weir_author::{Project, build, conformance};

use super::inspect::reads;
use super::{print, shown, warn};
use crate::failure::Failure;

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Test {
    /// The plugin's folder, which is built first, or a component's file
    #[arg(default_value = ".")]
    plugin: PathBuf,
    /// Fixture files or folders of them; otherwise `tests` in the plugin's folder
    #[arg(long = "fixtures", value_name = "PATH")]
    fixtures: Vec<PathBuf>,
    /// Run only cases whose names have this in them
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Write what comes out into the files, as what is wanted
    #[arg(long, conflicts_with = "case")]
    update: bool,
    /// Test what `weir plugin build` makes, instead of a build that is there sooner
    #[arg(long)]
    release: bool,
    /// Show what the plugin logs and prints, of cases that pass, too
    #[arg(long, conflicts_with = "update")]
    log: bool,
    /// Run the suite that a guest of every SDK passes (see sdk/conformance)
    #[arg(long, conflicts_with_all = ["fixtures", "update"])]
    conformance: bool,
}

pub(super) fn test(options: &Test) -> Result<(), Failure> {
    let mode = if options.release { Mode::Release } else { Mode::Watch };
    let (name, component, dir) = component(&options.plugin, mode)?;
    let mut documents = if options.conformance {
        conformance::documents(&component)?
    } else {
        let mut paths = options.fixtures.clone();
        if paths.is_empty() {
            let own = dir.join("tests");
            if !own.is_dir() {
                let missing =
                    format!("error: there is no folder {} with fixtures: name some with --fixtures", shown(&own));
                return Err(Failure::new(missing));
            }
            paths.push(own);
        }
        documents(&paths)?
    };
    if let Some(part) = &options.case {
        for document in &mut documents {
            document.cases.retain(|c| c.name.contains(part));
        }
        documents.retain(|d| !d.cases.is_empty());
        if documents.is_empty() {
            return Err(Failure::new(format!("error: no case has {part:?} in its name")));
        }
    }
    // beside what was built; a file that lies anywhere leaves nothing behind
    let cache = options.plugin.is_dir().then(|| dir.join("build/compiled"));
    let rig = Rig::new(&name, component, cache.as_deref())?;
    let runtime = crate::runtime()?;
    if options.update {
        return runtime.block_on(update(&rig, &documents));
    }
    let begin = Instant::now();
    let (mut cases, mut failed) = (0, 0);
    for document in &documents {
        let report = runtime.block_on(check(&rig, document));
        cases += report.cases.len();
        failed += report.failed();
        print(&told(&shown(&document.path), &report, options.log, std::io::stdout().is_terminal()))?;
    }
    let took = begin.elapsed().as_secs_f64();
    if failed > 0 {
        return Err(Failure::new(format!("{failed} of {cases} cases failed")));
    }
    if cases == 0 {
        return Err(Failure::new("error: there is no case to run"));
    }
    print(&format!("{cases} cases passed in {took:.1} s\n"))
}

/// The component of a folder, built, or of a file; its name, and the folder that tests are looked for in.
pub(super) fn component(path: &Path, mode: Mode) -> Result<(String, Vec<u8>, PathBuf), Failure> {
    if path.is_dir() {
        let project = Project::open(path)?;
        let Built { component, said } = build::build(&project, mode)?;
        warn(&said)?;
        // an author who measures or tests it as it ships may as well have it
        if mode == Mode::Release {
            build::place(&project.component(), &component)?;
        }
        return Ok((project.name().to_owned(), component, project.dir.clone()));
    }
    let bytes = std::fs::read(path).map_err(|e| Failure::new(format!("error: {}: {e}", path.display())))?;
    let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or("plugin").to_owned();
    Ok((name, bytes, PathBuf::from(".")))
}

/// The fixture files of paths, those of a folder by name.
pub(super) fn documents(paths: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    let mut files = vec![];
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|e| Failure::new(format!("error: {}: {e}", path.display())))?;
        let mut found: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        found.retain(|p| p.extension().is_some_and(|e| e == "toml"));
        found.sort();
        files.extend(found);
    }
    if files.is_empty() {
        let where_ = paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Failure::new(format!("error: there are no fixtures (*.toml) in {where_}")));
    }
    Ok(files.iter().map(|f| Document::read(f)).collect::<Result<_, _>>()?)
}

async fn update(rig: &Rig, documents: &[Document]) -> Result<(), Failure> {
    for document in documents {
        let text = bless(rig, document).await?;
        let changed = text != document.text;
        if changed {
            build::place(&document.path, text.as_bytes())?;
        }
        print(&format!("{}  {}\n", shown(&document.path), if changed { "updated" } else { "as it was" }))?;
    }
    Ok(())
}

fn told(file: &str, report: &Report, log: bool, colour: bool) -> String {
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let mut text = format!("{file}\n");
    for case in &report.cases {
        let (mark, lines) = match &case.outcome {
            Outcome::Passed => (paint("32", "ok"), ""),
            Outcome::Failed(lines) => (paint("31", "FAILED"), lines.as_str()),
        };
        let place = if lines.is_empty() { String::new() } else { format!("  ({file}:{})", case.line) };
        let _ = writeln!(text, "  {mark}  {}{place}", case.name);
        for line in lines.lines() {
            let line = match line.trim_start().chars().next() {
                Some('-') => paint("31", line),
                Some('+') => paint("32", line),
                _ => line.to_owned(),
            };
            let _ = writeln!(text, "      {line}");
        }
        if case.outcome != Outcome::Passed {
            // who looks at something else finds nothing there
            reads(&case.wants).lines().for_each(|line| _ = writeln!(text, "      it reads of {line}"));
        }
        if !case.log.is_empty() && (log || case.outcome != Outcome::Passed) {
            let _ = writeln!(text, "      the plugin's log:");
            case.log.lines().for_each(|line| _ = writeln!(text, "        {line}"));
        }
    }
    text
}
