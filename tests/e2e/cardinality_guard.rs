//! The shipped plugin `cardinality-guard`: a label explodes, the limit holds, nothing of the rest is touched, and the sum of what has no
//! place is exact, over a reload as well.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use weir_rig::build::{put, shipped};
use weir_rig::config::{job, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, eventually, until};

const LIMIT: usize = 100;
const OLD: usize = 1000;
const CALM: usize = 50;

/// What the page shows: so many users, the first of them with this count, the others with 1.
type Shown = Arc<Mutex<(usize, u32)>>;

fn page(shown: &Shown) -> String {
    let (users, count) = *shown.lock().unwrap();
    let mut page = String::from("# TYPE requests_total counter\n");
    for user in 0..users {
        writeln!(page, "requests_total{{user=\"u{user}\"}} {}", if user < OLD { count } else { 1 }).unwrap();
    }
    for i in 0..CALM {
        writeln!(page, "calm{{i=\"{i}\"}} 1").unwrap();
    }
    page
}

fn config(plugins: &Path, target: &str, sink: &str, more: &str) -> String {
    [
        plugin_dir(plugins),
        format!(
            "[plugins.cardinality-guard.config]\ninterval = \"1s\"\naggregate = [\"user\"]\n{more}\n\
             metrics = [{{ name = \"requests_total\", series = {LIMIT} }}]\n"
        ),
        job("shop", target, ""),
        remote_write("preview", sink),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_explodes_and_the_limit_holds_and_the_sum_of_the_rest_is_exact() {
    let dir = TempDir::new().unwrap();
    let shown: Shown = Arc::new(Mutex::new((OLD, 10)));
    let show = |users, count| *shown.lock().unwrap() = (users, count);
    let pages = shown.clone();
    let target = Target::start(move |_| page(&pages)).await;
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let plugins = dir.path().join("plugins");
    put(&shipped("cardinality-guard"), &plugins, "cardinality-guard");
    let config = |more: &str| config(&plugins, &target.address, &preview.remote_write_url(), more);
    let weir = Weir::start_in(dir.path(), &config("")).await;
    let of =
        |metric: &str| -> Vec<String> { recorder.series().into_iter().filter(|s| s.starts_with(metric)).collect() };
    let sums = || -> Vec<f64> {
        let series = of("requests_total").into_iter().find(|s| s.contains("user=\"other\""));
        series.map_or(vec![], |s| recorder.samples(&s).iter().map(|p| p.value).collect())
    };
    let sum = async |wanted: u32| {
        eventually("the sum", async || match sums().last() {
            Some(value) if *value == f64::from(wanted) => Ok(()),
            other => Err(format!("{wanted} wanted, {other:?}")),
        })
        .await;
    };
    let rest = (OLD - LIMIT) as u32;

    until("the sum's beginning is behind it", async || sums().len() > 3).await;
    assert!(
        sums().iter().all(|value| *value == 0.0),
        "what counters had come to before is not theirs to add: {:?}",
        sums()
    );
    show(OLD, 13);
    sum(rest * 3).await;
    // fourfold in one page, and the page is cut into several calls
    show(5 * OLD, 13);
    sum(rest * 3 + 4 * OLD as u32).await;
    let admitted = of("requests_total");
    assert_eq!(admitted.len(), LIMIT + 1, "the limit and the sum");
    assert_eq!(of("calm").len(), CALM);

    // with another configuration the same series pass, and the sum goes on
    Weir::write_config(dir.path(), &config("idle = \"10m\""));
    let (before, served) = (sums().len(), target.served());
    assert_eq!(weir.reload().await.0, 200);
    until("ticks and pages of the next version", async || sums().len() > before + 3 && target.served() > served + 3)
        .await;
    show(5 * OLD, 15);
    sum(rest * 5 + 4 * OLD as u32).await;
    assert!(sums().windows(2).all(|w| w[0] <= w[1]), "it never falls: {:?}", sums());
    assert_eq!(of("requests_total"), admitted);

    let ledger = balanced(&weir).await;
    let (pipeline, sums) = (ledger.pipeline("metrics"), ledger.source("plugin.cardinality-guard"));
    assert!(sums.generated > 0 && sums.dropped_in_all() == 0, "{sums:?}");
    let limited = weir.metrics().await.sum("weir_plugin_custom_limited_samples_total", &[("metric", "requests_total")]);
    assert!(pipeline.dropped("filtered") > 0);
    assert_eq!(pipeline.dropped_in_all(), pipeline.dropped("filtered"), "{pipeline:?}");
    println!(
        "{} of {} samples without a place ({limited} told), {} sums emitted",
        pipeline.dropped("filtered"),
        pipeline.read,
        sums.generated
    );
}
