//! The manager against a real server: what an outlet gets, for every way in which a target can behave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio::sync::mpsc;
use weir_discovery::{DiscoverySettings, TargetGroup};
use weir_model::{LabelSet, Page, Slot};
use weir_relabel::{Action, RuleSettings, Rules};
use weir_scrape::{BoxFuture, End, Health, JobSettings, Outlets, ScrapeManager, TargetInfo, TargetOutlet};
use weir_telemetry::{Ledger, Metrics};

/// Of the scrapes, and their time-out: long enough for an answer on a machine that is busy with other things.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a target answers.
#[derive(Clone)]
enum Reply {
    Text(String),
    Gzip(Vec<u8>),
    Status(u16),
    /// A line, and then nothing for ever.
    Drip,
}

/// A target whose answers a test sets.
struct Server {
    address: String,
    reply: Arc<Mutex<Reply>>,
    headers: Arc<Mutex<HeaderMap>>,
}

impl Server {
    async fn start(reply: Reply) -> Self {
        let reply = Arc::new(Mutex::new(reply));
        let headers = Arc::new(Mutex::new(HeaderMap::new()));
        let (r, h) = (reply.clone(), headers.clone());
        let handler = move |got: HeaderMap| async move {
            *h.lock().unwrap() = got;
            answer(r.lock().unwrap().clone())
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = axum::Router::new().route("/metrics", axum::routing::get(handler));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, reply, headers }
    }

    fn set(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }
}

fn answer(reply: Reply) -> Response {
    match reply {
        Reply::Text(text) => text.into_response(),
        Reply::Gzip(bytes) => ([("content-encoding", "gzip")], bytes).into_response(),
        Reply::Status(code) => StatusCode::from_u16(code).unwrap().into_response(),
        Reply::Drip => {
            let first = futures::stream::iter([Ok::<_, std::convert::Infallible>("a 1\n")]);
            Body::from_stream(first.chain(futures::stream::pending())).into_response()
        }
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What an outlet was told.
#[derive(Debug)]
enum Event {
    Open(TargetInfo),
    Page(Seen),
    Close { removed: bool },
}

/// A page, with labels for slots.
#[derive(Debug)]
struct Seen {
    time: i64,
    born: Vec<String>,
    died: Vec<String>,
    samples: BTreeMap<String, f64>,
}

impl Seen {
    fn reported(&self, name: &str) -> Option<f64> {
        self.samples.iter().find(|(labels, _)| labels.contains(&format!("__name__=\"{name}\""))).map(|s| *s.1)
    }

    fn value(&self, labels: &str) -> Option<f64> {
        self.samples.get(labels).copied()
    }
}

struct Recorder {
    events: mpsc::UnboundedSender<Event>,
    generation: Arc<Mutex<u64>>,
}

struct Outlet {
    events: mpsc::UnboundedSender<Event>,
    generation: Arc<Mutex<u64>>,
    last: Option<u64>,
    known: BTreeMap<Slot, LabelSet>,
}

impl Outlets for Recorder {
    fn open(&self, target: &TargetInfo) -> Box<dyn TargetOutlet> {
        let _ = self.events.send(Event::Open(target.clone()));
        let generation = self.generation.clone();
        Box::new(Outlet { events: self.events.clone(), generation, last: None, known: BTreeMap::new() })
    }
}

impl TargetOutlet for Outlet {
    fn begin(&mut self) -> BoxFuture<'_, u64> {
        let now = *self.generation.lock().unwrap();
        if self.last.replace(now) != Some(now) {
            self.known.clear();
        }
        Box::pin(std::future::ready(now))
    }

    fn page(&mut self, page: &Page<'_>) {
        let died = page.deaths.iter().map(|s| self.known.remove(s).unwrap().to_string()).collect();
        for (slot, labels) in page.births.iter() {
            assert!(self.known.insert(slot, labels.to_owned()).is_none());
        }
        let seen = Seen {
            time: page.time,
            born: page.births.iter().map(|b| b.1.to_string()).collect(),
            died,
            samples: page.samples.iter().map(|s| (self.known[&s.slot].to_string(), s.value)).collect(),
        };
        assert_eq!(seen.samples.len(), page.samples.len());
        let _ = self.events.send(Event::Page(seen));
    }

    fn close(&mut self, end: End) {
        let removed = matches!(end, End::Removed { .. });
        let _ = self.events.send(Event::Close { removed });
    }
}

struct Rig {
    manager: ScrapeManager,
    events: mpsc::UnboundedReceiver<Event>,
    generation: Arc<Mutex<u64>>,
    metrics: Metrics,
}

impl Rig {
    fn new() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (metrics, generation) = (Metrics::new(), Arc::new(Mutex::new(1)));
        let recorder = Recorder { events: sender, generation: generation.clone() };
        let ledger = Ledger::new(&metrics);
        Self { manager: ScrapeManager::new(Arc::new(recorder), &metrics, ledger), events, generation, metrics }
    }

    async fn event(&mut self) -> Event {
        // a bound for a broken build, not a measurement
        tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await.expect("an event").unwrap()
    }

    async fn opened(&mut self) -> TargetInfo {
        match self.event().await {
            Event::Open(info) => info,
            other => panic!("{other:?}"),
        }
    }

    async fn page(&mut self) -> Seen {
        match self.event().await {
            Event::Page(seen) => seen,
            other => panic!("{other:?}"),
        }
    }

    /// The first page for which something holds; a scrape may be on its way while a test changes the target.
    async fn page_where(&mut self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        loop {
            let page = self.page().await;
            if wanted(&page) {
                return page;
            }
        }
    }

    async fn closed(&mut self) -> bool {
        loop {
            if let Event::Close { removed } = self.event().await {
                return removed;
            }
        }
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.encode().unwrap().lines().any(|l| l.starts_with(line))
    }
}

fn job(server: &Server) -> JobSettings {
    job_at(std::slice::from_ref(&server.address))
}

fn job_at(addresses: &[String]) -> JobSettings {
    let group = TargetGroup { targets: addresses.to_vec(), ..TargetGroup::default() };
    JobSettings {
        job_name: "j".into(),
        scrape_interval: INTERVAL,
        scrape_timeout: INTERVAL,
        relabel_configs: relabel("__address__", ".*", "instance", Action::Replace),
        discovery: vec![DiscoverySettings::Static(vec![group])],
        ..JobSettings::default()
    }
}

/// One rule. The replacement is `i`, so that labels do not change with the port.
fn relabel(source: &str, regex: &str, target: &str, action: Action) -> Rules {
    Rules::compile(&[RuleSettings {
        source_labels: vec![source.into()],
        regex: regex.into(),
        target_label: target.into(),
        replacement: "i".into(),
        action,
        ..RuleSettings::default()
    }])
    .unwrap()
}

fn series(name: &str) -> String {
    format!(r#"{{__name__="{name}", instance="i", job="j"}}"#)
}

#[tokio::test]
async fn a_page_is_handed_on_and_only_what_changes_is_born_or_dies() {
    let server = Server::start(Reply::Text("a 1\nb{job=\"x\"} 2\n".into())).await;
    let mut rig = Rig::new();
    rig.manager.apply(vec![job(&server)]).unwrap();
    let info = rig.opened().await;
    assert_eq!((info.job.as_str(), info.url), ("j", format!("http://{}/metrics", server.address)));
    assert_eq!(info.labels.to_string(), r#"{instance="i", job="j"}"#);

    let first = rig.page().await;
    assert_eq!((first.born.len(), first.value(&series("a"))), (7, Some(1.0)));
    assert_eq!(first.value(r#"{__name__="b", exported_job="x", instance="i", job="j"}"#), Some(2.0));
    assert_eq!((first.reported("up"), first.reported("scrape_series_added")), (Some(1.0), Some(2.0)));
    assert_eq!(first.reported("scrape_samples_scraped"), Some(2.0));
    assert!(first.reported("scrape_duration_seconds").is_some_and(|d| d > 0.0));

    let second = rig.page().await;
    assert!(second.born.is_empty() && second.died.is_empty() && second.time > first.time);

    server.set(Reply::Text("a 5\nc 3".into()));
    let third = rig.page_where(|p| p.value(&series("a")) == Some(5.0)).await;
    assert_eq!((third.born, third.died.len()), (vec![series("c")], 1));

    let headers = server.headers.lock().unwrap().clone();
    let sent = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(sent("accept"), "text/plain;version=0.0.4;q=1,*/*;q=0.1");
    assert_eq!(sent("accept-encoding"), "gzip");
    assert_eq!(sent("x-prometheus-scrape-timeout-seconds"), "0.5");
    assert!(sent("user-agent").starts_with("weir/"));

    let status = &rig.manager.targets()[0];
    assert_eq!((status.health, status.last_error.as_deref()), (Health::Up, None));
    assert!(rig.shows("weir_records_total{signal=\"samples\",source=\"scrape.j\",stage=\"read\""));
    assert!(rig.shows("prometheus_target_scrape_pool_targets{scrape_job=\"j\"} 1"));

    rig.manager.stop().await;
    assert!(!rig.closed().await, "no markers at shutdown");
    assert!(rig.manager.apply(vec![]).is_err());
}

#[tokio::test]
async fn every_failure_is_a_target_that_is_down_for_a_reason() {
    let bomb = gzip(&vec![b'\n'; 4 << 20]);
    let cut = gzip(b"a 1\n")[..12].to_vec();
    let labels = Reply::Text("a{much=\"too long a value\"} 1\n".into());
    let cases = [
        (Reply::Status(500), "status", "HTTP status 500"),
        (Reply::Status(204), "status", "HTTP status 204"),
        (Reply::Text("<html>\n".into()), "syntax", "line 1, column 1: expected a metric name"),
        (Reply::Text("a 1\nb 2\nc oops\n".into()), "syntax", "line 3, column 3: not a number"),
        (Reply::Gzip(bomb), "body_size_limit", "the body reached 65536 bytes"),
        (Reply::Text("\n".repeat(70_000)), "body_size_limit", "the body reached 65536 bytes"),
        (Reply::Gzip(b"a 1\n".to_vec()), "gzip", "the body is not valid gzip"),
        (Reply::Gzip(cut), "gzip", "the body is not valid gzip"),
        (Reply::Drip, "timeout", "took longer than scrape_timeout, 500ms"),
        (Reply::Text("a 1\nb 1\nc 1\nd 1\n".into()), "sample_limit", "4 samples after metric_relabel_configs are over"),
        (labels, "label_limit", "label_value_length_limit is 12, and there are 16 in a{much="),
    ];
    futures::future::join_all(cases.map(|(reply, reason, message)| fails(reply, reason, message))).await;
}

/// A target is up, then fails, then is up again.
async fn fails(reply: Reply, reason: &str, message: &str) {
    let server = Server::start(Reply::Text("a 1\n".into())).await;
    let mut rig = Rig::new();
    let mut settings = job(&server);
    settings.body_size_limit = 64 * 1024;
    settings.sample_limit = 3;
    settings.label_limits.value_length = 12;
    settings.extra_scrape_metrics = true;
    rig.manager.apply(vec![settings]).unwrap();
    rig.opened().await;
    let is_up = |p: &Seen| p.reported("up") == Some(1.0);
    rig.page_where(is_up).await;
    server.set(reply);
    let down = rig.page_where(|p| !is_up(p)).await;
    assert_eq!(down.samples.len(), 8, "only what is reported: {reason}");
    assert_eq!(down.died, [series("a")], "{reason}");
    let size = down.reported("scrape_body_size_bytes").unwrap();
    assert_eq!(size < 0.0, reason == "body_size_limit", "{reason}: {size}");
    let status = rig.manager.targets().remove(0);
    assert_eq!(status.health, Health::Down);
    assert!(status.last_error.as_deref().is_some_and(|e| e.starts_with(message)), "{reason}: {status:?}");
    assert!(rig.shows(&format!("weir_scrape_failures_total{{scrape_job=\"j\",reason=\"{reason}\"}}")), "{reason}");
    server.set(Reply::Gzip(gzip(b"a 1\n")));
    let back = rig.page_where(is_up).await;
    assert_eq!((back.reported("scrape_series_added"), back.born), (Some(0.0), vec![series("a")]));
    assert_eq!(rig.shows("prometheus_target_scrapes_exceeded_sample_limit_total 1"), reason == "sample_limit");
    rig.manager.stop().await;
}

#[tokio::test]
async fn nobody_listening_is_down_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut rig = Rig::new();
    rig.manager.apply(vec![job_at(&[address])]).unwrap();
    rig.opened().await;
    let page = rig.page().await;
    assert_eq!((page.reported("up"), page.born.len(), page.samples.len()), (Some(0.0), 5, 5));
    assert!(rig.shows("weir_scrape_failures_total{scrape_job=\"j\",reason=\"connection\"}"));
    rig.manager.stop().await;
}

#[tokio::test]
async fn a_reload_touches_only_what_it_changes() {
    let server = Server::start(Reply::Text("a 1\nb 2\n".into())).await;
    let mut rig = Rig::new();
    rig.manager.apply(vec![job(&server)]).unwrap();
    rig.opened().await;
    rig.page().await;
    rig.manager.apply(vec![job(&server)]).unwrap();
    let next = rig.page().await;
    assert!(next.born.is_empty() && next.died.is_empty(), "nothing has changed");

    let rules = relabel("__name__", "b", "", Action::Drop);
    let changed = JobSettings { metric_relabel_configs: rules, ..job(&server) };
    rig.manager.apply(vec![changed.clone()]).unwrap();
    let without = rig.page_where(|p| p.value(&series("b")).is_none()).await;
    assert_eq!((without.born.len(), &without.died), (0, &vec![series("b")]));
    assert_eq!(without.reported("scrape_samples_post_metric_relabeling"), Some(1.0));

    *rig.generation.lock().unwrap() = 2;
    let anew = rig.page_where(|p| !p.born.is_empty()).await;
    assert_eq!((anew.born.len(), anew.died.len()), (6, 0), "another generation knows no slot");

    // one more target, then the first one goes
    let other = Server::start(Reply::Text("z 1\n".into())).await;
    let both = JobSettings {
        discovery: job_at(&[server.address.clone(), other.address.clone()]).discovery,
        ..changed.clone()
    };
    rig.manager.apply(vec![both]).unwrap();
    loop {
        if let Event::Open(info) = rig.event().await {
            break assert!(info.url.contains(&other.address));
        }
    }
    rig.page_where(|p| p.value(&series("z")).is_some()).await;
    assert_eq!(rig.manager.targets().len(), 2);
    rig.manager.apply(vec![JobSettings { discovery: job(&other).discovery, ..changed }]).unwrap();
    assert!(rig.closed().await, "a removed target's series end");
    rig.page_where(|p| p.value(&series("z")).is_some() && p.born.is_empty()).await;
    rig.manager.apply(vec![]).unwrap();
    assert!(rig.closed().await, "and so do a removed job's");
    assert!(rig.manager.targets().is_empty());
    rig.manager.stop().await;
}

#[tokio::test]
async fn targets_are_merged_dropped_and_limited() {
    let server = Server::start(Reply::Text("a 1\n".into())).await;
    let mut rig = Rig::new();
    let address = &server.address;
    let addresses = [address.clone(), address.clone(), "drop:1".into(), "http://wrong".into()];
    let settings =
        JobSettings { relabel_configs: relabel("__address__", "drop.*", "", Action::Drop), ..job_at(&addresses) };
    rig.manager.apply(vec![settings.clone()]).unwrap();
    rig.opened().await;
    rig.page().await;
    assert_eq!(rig.manager.targets().len(), 1, "the same target twice is one");
    let dropped = rig.manager.dropped_targets();
    assert_eq!(dropped.len(), 2);
    assert_eq!(dropped[0].discovered.as_labels().get("__address__"), Some("drop:1"));
    assert!(dropped[0].error.is_none() && dropped[1].error.is_some());

    let two = JobSettings {
        target_limit: 1,
        relabel_configs: Rules::default(),
        ..job_at(&[address.clone(), "127.0.0.1:1".into()])
    };
    rig.manager.apply(vec![two]).unwrap();
    loop {
        if let Event::Page(page) = rig.event().await
            && page.reported("up") == Some(0.0)
        {
            break;
        }
    }
    assert!(rig.shows("weir_scrape_failures_total{scrape_job=\"j\",reason=\"target_limit\"}"));
    let same_name = vec![settings.clone(), settings];
    assert!(rig.manager.apply(same_name).is_err());
    rig.manager.stop().await;
}
