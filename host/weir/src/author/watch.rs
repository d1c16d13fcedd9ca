//! `weir plugin build --watch`: each change goes live in a weir that runs.

use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, Uri};
use serde_json::Value;
use sha2::{Digest, Sha256};
use weir_author::build::Built;
use weir_author::language::Mode;
use weir_author::watch::Sources;
use weir_author::{AuthorError, Project, build};
use weir_client::Client;

use super::{print, warn};
use crate::failure::Failure;

/// How long weir may take over a new file before we stop waiting: copying settles in 0.2 s, and an interpreter of 18 MB compiles
/// in some 5, on a slow core in 20.
const PATIENCE: Duration = Duration::from_secs(30);
/// When the same problem as before is taken for this file's: weir has long looked by then.
const SAME: Duration = Duration::from_secs(3);
/// How often weir is asked: what an author does not notice.
const ASK: Duration = Duration::from_millis(25);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// The page of plugins has a few hundred bytes for each.
const MAX_PAGE: usize = 1 << 20;

/// Builds the project at each change and puts the component into `plugin_dir`. Ends when it is interrupted.
pub(super) fn watch(dir: &Path, plugin_dir: &Path, admin: &str, mode: Mode) -> Result<(), Failure> {
    if !plugin_dir.is_dir() {
        return Err(Failure::new(format!("error: there is no plugin directory {}", plugin_dir.display())));
    }
    let url = if admin.contains("://") { admin.to_owned() } else { format!("http://{admin}") };
    let page: Uri = format!("{}/api/v1/plugins", url.trim_end_matches('/'))
        .parse()
        .map_err(|e| Failure::new(format!("error: --admin {admin}: {e}: give a URL such as http://127.0.0.1:9470")))?;
    let weir = Weir { client: Client::new(&weir_client::Settings::default())?, page, runtime: crate::runtime()? };
    let mut placed = String::new();
    let mut called: Option<String> = None;
    let mut begin = Instant::now();
    let mut sources = Sources::watch(&Project::open(dir)?)?;
    loop {
        // the manifest may be what has changed
        match Project::open(dir).and_then(|project| Ok((build::build(&project, mode)?, project))) {
            Ok((Built { component, said }, project)) => {
                warn(&said)?;
                let sha256 = format!("{:x}", Sha256::digest(&component));
                if sha256 == placed {
                    print("as it was\n")?;
                } else {
                    let built = begin.elapsed();
                    let before = weir.problem(project.name());
                    build::place(&plugin_dir.join(format!("{}.wasm", project.name())), &component)?;
                    if let Some(old) = called.replace(project.name().to_owned()).filter(|old| old != project.name()) {
                        let old = plugin_dir.join(format!("{old}.wasm"));
                        print(&format!("{} is still there, and runs too: remove it\n", old.display()))?;
                    }
                    let size = component.len().div_ceil(1000);
                    print(&format!("built in {:.1} s ({size} KB) … ", built.as_secs_f64()))?;
                    print(&weir.outcome(project.name(), &sha256, before.as_deref(), begin))?;
                    placed = sha256;
                }
            }
            Err(error @ (AuthorError::Toolchain(_) | AuthorError::NoProject(_))) => return Err(error.into()),
            Err(error) => print(&format!("{error}\nthe plugin stays as it was\n"))?,
        }
        match sources.changed()? {
            Some(seen) => begin = seen,
            None => return Ok(()),
        }
    }
}

/// A weir that runs, by its admin server.
struct Weir {
    client: Client,
    page: Uri,
    runtime: tokio::runtime::Runtime,
}

impl Weir {
    /// What the running weir made of a new file, in words.
    fn outcome(&self, name: &str, sha256: &str, before: Option<&str>, begin: Instant) -> String {
        let placed = Instant::now();
        while placed.elapsed() < PATIENCE {
            let plugin = match self.plugin(name) {
                Ok(plugin) => plugin,
                Err(error) => {
                    return format!(
                        "in place; whether weir took it cannot be seen at {}: {error}\n(--admin says where yours answers)\n",
                        self.page
                    );
                }
            };
            let problem = plugin["problem"].as_str();
            if plugin["sha256"] == sha256 && problem.is_none() {
                return format!("live after {:.2} s\n", begin.elapsed().as_secs_f64());
            }
            // the same words as before may be about this file or still about the last
            if let Some(problem) = problem.filter(|p| Some(*p) != before || placed.elapsed() > SAME) {
                let hint = if problem.contains("refused its configuration") {
                    format!(
                        "(weir's configuration has it in [plugins.{name}]; a reload of weir, by SIGHUP, takes it)\n"
                    )
                } else {
                    String::new()
                };
                return format!("refused: {problem}\n{hint}");
            }
            std::thread::sleep(ASK);
        }
        format!("in place, but not live after {} s: does this weir look into this directory?\n", PATIENCE.as_secs())
    }

    fn problem(&self, name: &str) -> Option<String> {
        self.plugin(name).ok()?["problem"].as_str().map(str::to_owned)
    }

    /// What the page says of a plugin; null where it says nothing.
    fn plugin(&self, name: &str) -> Result<Value, String> {
        let asked = async {
            let deadline = tokio::time::Instant::now() + ANSWER;
            let response = self.client.get(&self.page, HeaderMap::new(), deadline).await.map_err(|e| e.to_string())?;
            Ok::<_, String>(response.text_limited(MAX_PAGE).await)
        };
        let text = self.runtime.block_on(asked)?;
        let page: Value = serde_json::from_str(&text).map_err(|_| "it has no such page".to_owned())?;
        let plugins = page["data"]["plugins"].as_array().cloned().unwrap_or_default();
        Ok(plugins.into_iter().find(|p| p["name"] == name).unwrap_or_default())
    }
}
