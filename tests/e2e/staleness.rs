//! When series end, as a Prometheus that weir writes to shows it, against a Prometheus that scrapes the same history itself.
//!
//! Each of the two has an exporter of its own, which gives its n-th scrape the n-th page of one script. Then both are asked at the
//! times of their own scrapes which series there are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tempfile::TempDir;
use weir_rig::prometheus::{Prometheus, query, samples};
use weir_rig::target::Target;
use weir_rig::{Weir, eventually, until};

const RECEIVER: &str = "global: { scrape_interval: 1h }\n";

/// The series of the script.
const SERIES: [&str; 4] = ["a", "b", "c", "explicit"];

/// Here the two differ: Prometheus (2.42) keeps what it had noted of the page before the fault as seen, and leaves those series
/// without a marker, though nothing of the page is kept. weir ends every series of a failed scrape.
const HALF: &str = "a page that cannot be parsed from the middle on";

/// What follows the last page of the script, for as long as anybody asks.
const STEADY: &str = "a 1\nc 1\n";

/// The script, with a word for what happens; `None` is an answer with status 500.
fn script() -> Vec<(&'static str, Option<String>)> {
    let some = |page: &str| Some(page.to_owned());
    // before the scrape, so that a look at the scrape's time finds it
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() - 500;
    let many = (0..30).map(|i| format!("many{{i=\"{i}\"}} 1\n")).collect::<Vec<_>>().concat();
    vec![
        ("all there", some("a 1\nb 1\nc 1\n")),
        ("b leaves", some("a 1\nc 1\n")),
        ("b is back", some("a 1\nb 1\nc 1\n")),
        ("another order", some("c 1\nb 1\na 1\n")),
        ("the scrape fails", None),
        ("and recovers", some("a 1\nb 1\nc 1\n")),
        ("a page that cannot be parsed", some("b{ 1\na 1\nc 1\n")),
        ("a good one", some("a 1\nb 1\nc 1\n")),
        (HALF, some("a 1\nb{ 1\nc 1\n")),
        ("a good one", some("a 1\nb 1\nc 1\n")),
        ("too many samples", Some(many + "a 1\n")),
        ("few again", some("a 1\nb 1\nc 1\n")),
        ("a series with a time of its own", Some(format!("a 1\nb 1\nc 1\nexplicit 1 {now}\n"))),
        ("it leaves without a marker, b with one", some("a 1\nc 1\n")),
        ("an empty page", some("")),
        ("not empty", some("a 1\nb 1\nc 1\n")),
        ("two failures", None),
        ("in a row", None),
        ("back, without b", some(STEADY)),
    ]
}

async fn exporter() -> Target {
    Target::answering(|n| {
        let page = script().into_iter().nth(n as usize - 1).map_or(Some(STEADY.to_owned()), |(_, page)| page);
        answer(page)
    })
    .await
}

fn answer(page: Option<String>) -> Response {
    match page {
        Some(page) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A file of discovery that names the target, or nothing.
fn put_target(file: &Path, address: Option<&str>) {
    let targets = address.map(|a| format!("\"{a}\"")).unwrap_or_default();
    let beside = file.with_extension("tmp");
    std::fs::write(&beside, format!("[{{\"targets\": [{targets}], \"labels\": {{\"instance\": \"x\"}}}}]")).unwrap();
    std::fs::rename(beside, file).unwrap();
}

fn prometheus_config(file: &Path, more: &str) -> String {
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n- job_name: script\n  sample_limit: 20\n  \
         file_sd_configs: [{{ files: ['{}'], refresh_interval: 1s }}]\n{more}",
        file.display()
    )
}

fn weir_config(file: &Path, write_url: &str, more: &str) -> String {
    format!(
        "[[scrape_configs]]\njob_name = \"script\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\nsample_limit = 20\n\
         file_sd_configs = [{{ files = [\"{}\"], refresh_interval = \"1s\" }}]\n{more}\n\
         [[remote_write]]\nname = \"receiver\"\nurl = \"{write_url}\"\nqueue_config = {{ batch_send_deadline = \"100ms\" }}\n",
        file.display()
    )
}

/// When the target was scraped, in milliseconds.
async fn scrapes(base: &str) -> Vec<i64> {
    let all = samples(base, r#"up{job="script"}[30m]"#).await.unwrap();
    all.first().map(|(_, points)| points.iter().map(|p| p.0).collect()).unwrap_or_default()
}

/// Which of the script's series there are at a time.
async fn there(base: &str, at: i64) -> Vec<String> {
    let any = format!(r#"{{job="script", __name__=~"{}|new_.*"}}"#, SERIES.join("|"));
    let all = query(base, &any, Some(at as f64 / 1000.0)).await.unwrap();
    let mut names: Vec<String> = all.into_iter().map(|(labels, _)| labels["__name__"].clone()).collect();
    names.sort();
    names
}

/// Both sides: weir with what it writes to, and the reference.
struct Sides {
    dir: TempDir,
    weir: Weir,
    ours: Prometheus,
    theirs: Prometheus,
    targets: [Target; 2],
}

impl Sides {
    async fn start(targets: [Target; 2]) -> Self {
        let dir = TempDir::new().unwrap();
        let file = |side: &str| dir.path().join(format!("{side}.json"));
        put_target(&file("ours"), Some(&targets[0].address));
        put_target(&file("theirs"), Some(&targets[1].address));
        let ours = Prometheus::start(&dir.path().join("receiver"), RECEIVER).await;
        let reference = prometheus_config(&file("theirs"), "");
        let theirs = Prometheus::start(&dir.path().join("reference"), &reference).await;
        let weir = Weir::start_in(dir.path(), &weir_config(&file("ours"), &ours.write_url(), "")).await;
        Self { dir, weir, ours, theirs, targets }
    }

    fn urls(&self) -> [String; 2] {
        [self.ours.url(""), self.theirs.url("")]
    }

    fn point_to(&self, there: bool) {
        for (side, target) in ["ours", "theirs"].into_iter().zip(&self.targets) {
            put_target(&self.dir.path().join(format!("{side}.json")), there.then_some(&target.address));
        }
    }

    /// Waits until both have been scraped so often in all.
    async fn scraped(&self, times: usize) {
        for base in self.urls() {
            eventually("scrapes", async || {
                let n = scrapes(&base).await.len();
                if n >= times { Ok(()) } else { Err(format!("{n} of {times}")) }
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_end_and_return_when_a_prometheus_of_the_same_history_shows_it() {
    let mut sides = Sides::start([exporter().await, exporter().await]).await;
    let script = script();
    sides.scraped(script.len() + 1).await;
    let urls = sides.urls();
    let mut table: Vec<BTreeMap<&str, Vec<String>>> = vec![];
    for (k, (what, _)) in script.iter().enumerate() {
        let mut row = BTreeMap::new();
        for (side, base) in ["weir", "prometheus"].into_iter().zip(&urls) {
            row.insert(side, there(base, scrapes(base).await[k]).await);
        }
        println!("{:>2} {what}: {row:?}", k + 1);
        table.push(row);
    }
    for (row, (what, _)) in table.iter().zip(&script) {
        if *what == HALF {
            assert_eq!((row["weir"].len(), &row["prometheus"]), (0, &vec!["a".to_owned()]), "{what}");
        } else {
            assert_eq!(row["weir"], row["prometheus"], "{what}");
        }
    }
    // and what they agree on is no accident
    assert_eq!(table[1]["weir"], ["a", "c"]);
    assert_eq!(table[4]["weir"], [""; 0]);
    assert!(table[14]["weir"].contains(&"explicit".to_owned()));

    // the target leaves: a marker where its next scrape would have been; and it comes back
    let before = scrapes(&urls[0]).await.len().max(scrapes(&urls[1]).await.len());
    sides.point_to(false);
    let mut seen = vec![];
    for base in &urls {
        // no new scrape for a while: the target is gone
        let last = eventually("scraping ends", async || {
            let first = *scrapes(base).await.last().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            if now > first + 5_000 { Ok(first) } else { Err(first) }
        })
        .await;
        eventually("the series end", async || {
            let left = there(base, last + 1_500).await;
            if left.contains(&"a".to_owned()) { Err(left) } else { Ok(()) }
        })
        .await;
        let (half, later) = (there(base, last + 500).await, there(base, last + 1_500).await);
        let up = query(base, r#"up{job="script"}"#, Some((last + 1_500) as f64 / 1000.0)).await.unwrap().len();
        seen.push((half, later, up));
    }
    println!("half an interval behind the last scrape, one and a half behind it, and `up`: {seen:?}");
    assert_eq!(seen[0], seen[1], "a target that left");
    assert_eq!(seen[0].0, ["a", "c", "explicit"]);
    sides.point_to(true);
    sides.scraped(before + 4).await;
    for base in &urls {
        let last = *scrapes(base).await.last().unwrap();
        assert!(there(base, last).await.contains(&"a".to_owned()), "the target is back");
    }
    assert_eq!(sides.weir.program().terminate().await, Some(0));
}

/// Where weir goes further than Prometheus (2.42): there, a reload with other rules, or without a job, forgets what was
/// written before, and the series stand for another five minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_renames_or_removes_ends_series_at_once_where_a_prometheus_lets_them_stand() {
    let steady = async || Target::answering(|_| answer(Some(STEADY.to_owned()))).await;
    let mut sides = Sides::start([steady().await, steady().await]).await;
    sides.scraped(3).await;
    let urls = sides.urls();
    let file = |side: &str| sides.dir.path().join(format!("{side}.json"));
    let rename = "metric_relabel_configs = [{ source_labels = [\"__name__\"], regex = \"a\", target_label = \"__name__\", replacement = \"new_a\" }]";
    Weir::write_config(sides.dir.path(), &weir_config(&file("ours"), &sides.ours.write_url(), rename));
    assert_eq!(sides.weir.reload().await.0, 200);
    let rename = "  metric_relabel_configs: [{ source_labels: [__name__], regex: a, target_label: __name__, replacement: new_a }]\n";
    std::fs::write(sides.dir.path().join("reference/prometheus.yml"), prometheus_config(&file("theirs"), rename))
        .unwrap();
    sides.theirs.program.signal(libc::SIGHUP);
    let mut shown = vec![];
    for base in &urls {
        let first = eventually("the new name", async || {
            let all = samples(base, r#"new_a{job="script"}[30m]"#).await?;
            all.first().and_then(|(_, points)| points.first().map(|p| p.0)).ok_or("none".to_owned())
        })
        .await;
        shown.push((there(base, first - 1).await, there(base, first).await));
    }
    println!("before and at the first sample of the new name: {shown:?}");
    assert_eq!(shown[0], (vec!["a".to_owned(), "c".to_owned()], vec!["c".to_owned(), "new_a".to_owned()]));
    assert_eq!(shown[1].1, ["a", "c", "new_a"], "Prometheus has changed its ways: weir's documentation is to follow");

    // the job goes
    let without = weir_config(&file("ours"), &sides.ours.write_url(), "");
    let sink = &without[without.find("[[remote_write]]").unwrap()..];
    Weir::write_config(sides.dir.path(), sink);
    assert_eq!(sides.weir.reload().await.0, 200);
    until("the series of the removed job end", async || {
        let last = *scrapes(&urls[0]).await.last().unwrap();
        there(&urls[0], last + 1_500).await.is_empty() && there(&urls[0], last + 500).await.len() == 2
    })
    .await;
    // weir stops: no series of a live target ends by that
    let file = file("ours");
    Weir::write_config(sides.dir.path(), &weir_config(&file, &sides.ours.write_url(), ""));
    assert_eq!(sides.weir.reload().await.0, 200);
    let before = scrapes(&urls[0]).await.len();
    until("scrapes again", async || scrapes(&urls[0]).await.len() > before + 2).await;
    assert_eq!(sides.weir.program().terminate().await, Some(0));
    let last = *scrapes(&urls[0]).await.last().unwrap();
    // longer than a series of a target that left is held
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(there(&urls[0], last + 3_000).await, ["a", "c"], "a marker at shutdown");
}
