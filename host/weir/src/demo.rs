//! `weir demo`: the main job on embedded defaults, with a receiver inside that shows what arrives.

mod arrivals;
mod summary;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_config::{Environment, System};
use weir_exposition::{Line, Series, lines};
use weir_plugin::PluginSource;
use weir_receive::Preview;
use weir_telemetry::{Metrics, logging};

use crate::failure::Failure;
use crate::run::Running;
use crate::serve;
use arrivals::Arrivals;
use summary::{Arrived, Numbers};

const CONFIG: &str = include_str!("demo/demo.toml");
const RELABEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/relabel.wasm"));
const REDACT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/redact.wasm"));

/// How often the picture is drawn anew on a terminal, and how often one more is printed elsewhere.
const REDRAW: Duration = Duration::from_secs(1);
const REPRINT: Duration = Duration::from_secs(5);

/// Prints the embedded configuration.
pub(crate) fn print_config() -> Result<(), Failure> {
    Ok(std::io::stdout().write_all(CONFIG.as_bytes())?)
}

/// Runs the demo for `run_for`, or until interrupted.
pub(crate) async fn run(run_for: Option<Duration>) -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("weir-demo-").tempdir()?;
    let log = dir.path().join("weir.log");
    let _level = logging::init_to_file("info", logging::Format::Text, std::fs::File::create(&log)?)?;
    let arrivals = Arc::new(Arrivals::default());
    let preview = Preview::local(arrivals.clone()).await?;
    let listener = serve::listen(([127, 0, 0, 1], 0).into()).await?;
    let admin = listener.local_addr()?;
    let environment = DemoEnvironment(BTreeMap::from([
        ("WEIR_DEMO_ADMIN", admin.to_string()),
        ("WEIR_DEMO_LOG", log.display().to_string()),
        ("WEIR_DEMO_PREVIEW", format!("http://{}", preview.address())),
    ]));
    let (mut config, _) = weir_config::parse("demo.toml", CONFIG, &environment).map_err(|d| Failure::config(&d))?;
    config.data_dir = dir.path().join("data");
    let metrics = Metrics::new();
    let running = Running::start(config, None, embedded(), listener, metrics.clone()).await?;
    say(&format!(
        "weir demo: metrics at http://{admin}/metrics, log in {}\n{}",
        log.display(),
        if run_for.is_none() { "Ctrl-C ends it.\n" } else { "" }
    ))?;
    let started = Instant::now();
    let picture = {
        let counters = preview.counters().clone();
        move || picture(&metrics, &counters, &arrivals, started.elapsed())
    };
    let show = tokio::spawn(show(picture.clone()));
    running.until(end_after(run_for)).await?;
    show.abort();
    // after the drain: what it shows is what there is to show
    say(&picture())?;
    preview.stop().await;
    Ok(())
}

async fn end_after(run_for: Option<Duration>) {
    match run_for {
        Some(run_for) => tokio::time::sleep(run_for).await,
        None => std::future::pending().await,
    }
}

fn embedded() -> Vec<PluginSource> {
    [("relabel", RELABEL), ("redact", REDACT)]
        .map(|(name, bytes)| PluginSource { name: name.to_owned(), bytes: Cow::Borrowed(bytes) })
        .into()
}

/// Draws the picture in place on a terminal, and below each other elsewhere.
async fn show(picture: impl Fn() -> String) {
    let terminal = std::io::stdout().is_terminal();
    let mut drawn = 0;
    loop {
        tokio::time::sleep(if terminal { REDRAW } else { REPRINT }).await;
        let text = picture();
        let back = if terminal && drawn > 0 { format!("\x1b[{drawn}A\x1b[J") } else { String::new() };
        drawn = text.lines().count();
        if say(&format!("{back}{text}")).is_err() {
            return;
        }
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn picture(metrics: &Metrics, counters: &weir_receive::Counters, arrivals: &Arrivals, elapsed: Duration) -> String {
    let mut numbers = Numbers::default();
    if let Ok(page) = metrics.encode() {
        read(page.as_bytes(), &mut numbers);
    }
    numbers.arrived = arrivals.look(|seen| Arrived {
        requests: counters.requests(),
        bytes: counters.bytes(),
        samples: counters.samples(),
        series: seen.series(),
        lines: counters.lines(),
        streams: seen.streams(),
        last_sample: seen.last_sample.clone(),
        last_line: seen.last_line.clone(),
    });
    numbers.render(elapsed)
}

/// Takes a page of weir's own metrics into account.
fn read(page: &[u8], numbers: &mut Numbers) {
    let mut series = Series::default();
    for line in lines(page).map_while(Result::ok) {
        if let Line::Sample(text, tail) = line
            && series.parse(text).is_ok()
        {
            let label = |name: &str| series.labels().find(|(n, _)| *n == name).map(|(_, v)| v.to_owned());
            numbers.add(series.name(), label, tail.value);
        }
    }
}

/// The process' environment and the demo's own variables.
struct DemoEnvironment(BTreeMap<&'static str, String>);

impl Environment for DemoEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().or_else(|| System.var(name))
    }

    fn read(&self, path: &Path) -> std::io::Result<String> {
        System.read(path)
    }

    fn list(&self, folder: &Path) -> std::io::Result<Vec<String>> {
        System.list(folder)
    }

    fn plugins(&self) -> Vec<String> {
        embedded().into_iter().map(|p| p.name).collect()
    }
}
