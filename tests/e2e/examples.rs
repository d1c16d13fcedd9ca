//! The configurations of `examples/` at work, with weir's preview receiver where they have Mimir and Loki.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::Command;
use weir_receive::{Answer, Strict};
use weir_rig::example::{Example, code};
use weir_rig::node_exporter::NodeExporter;
use weir_rig::process::{Program, free_port, installed};
use weir_rig::target::Target;
use weir_rig::tls::{Authority, Front};
use weir_rig::{Receiver, Weir, build, eventually, http, until};

/// A backend that keeps what it gets.
struct Backend {
    recorder: Arc<Strict>,
    preview: Receiver,
}

impl Backend {
    async fn start() -> Self {
        let preview = Receiver::start().await;
        Self { recorder: preview.judge(), preview }
    }

    fn url(&self) -> String {
        format!("http://{}", self.preview.address())
    }

    fn lines(&self) -> Vec<String> {
        self.recorder.streams().iter().flat_map(|s| self.recorder.lines(s)).collect()
    }

    /// The values of a series, in the order of arrival.
    fn values(&self, series: &str) -> Vec<f64> {
        self.recorder.samples(series).iter().map(|p| p.value).collect()
    }

    /// What the stored requests had in a header, once each.
    fn header(&self, name: &str) -> Vec<String> {
        let mut all: Vec<_> = (self.recorder.headers().iter())
            .map(|h| h.get(name).map_or("none", |v| v.to_str().unwrap()).to_owned())
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

fn append(path: &Path, lines: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(lines.as_bytes()).unwrap();
}

/// Starts `custom_exporter.sh serve` for a directory and waits until it answers; `path` is what it finds programs in.
async fn custom_exporter(dir: &Path, watched: &Path, path: Option<&Path>) -> (Program, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(Example::read("node-and-app").file("custom_exporter.sh"));
    command.args(["serve", &address]).arg(watched);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut program = Program::start("custom_exporter.sh", &mut command, &dir.join("custom_exporter.log"));
    until("custom_exporter.sh", async || {
        program.assert_runs();
        http::get(&format!("http://{address}/metrics")).await.is_ok_and(|(status, _)| status == 200)
    })
    .await;
    (program, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_app() {
    let dir = TempDir::new().unwrap();
    let (logs, watched) = (dir.path().join("logs"), dir.path().join("we\"ird"));
    std::fs::create_dir(&watched).unwrap();
    for name in ["a", "b", "c"] {
        std::fs::write(watched.join(name), "x").unwrap();
    }
    append(&logs.join("app.log"), "started\n");
    let node = NodeExporter::start(dir.path()).await;
    let (_exporter, custom) = custom_exporter(dir.path(), &watched, None).await;
    let (mimir, loki) = (Backend::start().await, Backend::start().await);
    let example = Example::read("node-and-app")
        .fast("15s")
        .with("localhost:9100", &node.address)
        .with("localhost:9150", &custom)
        .with("/var/log/app", logs.to_str().unwrap())
        // the preview takes it where Prometheus does
        .with("MIMIR_URL}/api/v1/push", "MIMIR_URL}/api/v1/write");
    let environment = [("MIMIR_URL", &*mimir.url()), ("LOKI_URL", &*loki.url())];
    let mut weir = Weir::start_with(dir.path(), example.text(), &environment).await;

    let of = |name: &str, more: &str, job: &str, instance: &str| {
        format!("{name}{{cluster=\"demo\", {more}instance=\"{instance}\", job=\"{job}\"}}")
    };
    let directory = format!("directory={:?}, ", watched.to_str().unwrap());
    let load = of("node_load1", "", "node", &node.address);
    let files = of("custom_directory_files", &directory, "custom", &custom);
    eventually("metrics of both targets", async || {
        let all = [&load, &files, &of("up", "", "node", &node.address), &of("up", "", "custom", &custom)];
        let missing: Vec<_> = all.iter().filter(|s| mimir.values(s).last().is_none_or(|v| v.is_nan())).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} of {:?}", mimir.recorder.series().len())) }
    })
    .await;
    append(&logs.join("app.log"), "order 17 taken\n");
    let stream = format!("{{cluster=\"demo\", filename=\"{}/app.log\", job=\"app\"}}", logs.display());
    eventually("the application's lines", async || {
        let lines = loki.recorder.lines(&stream);
        if lines == ["started", "order 17 taken"] { Ok(()) } else { Err((lines, loki.recorder.streams())) }
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));

    // a scrape that took too long on a busy machine may be among them: 0 and a marker
    assert!(mimir.values(&of("up", "", "custom", &custom)).contains(&1.0));
    let counts: Vec<f64> = mimir.values(&files).into_iter().filter(|v| !v.is_nan()).collect();
    assert!(counts.iter().all(|v| *v == 3.0), "the files that are there: {counts:?}");
    let series = mimir.recorder.series();
    let node_series: Vec<_> = series.iter().filter(|s| s.starts_with("node_")).collect();
    assert!(node_series.len() > 100, "{} series of the node exporter", node_series.len());
    assert!(node_series.iter().all(|s| s.contains("cluster=\"demo\"") && s.contains("job=\"node\"")));
    for name in ["custom_directory_bytes{", "custom_exporter_last_run_timestamp_seconds{"] {
        assert!(series.iter().any(|s| s.starts_with(name) && s.contains("job=\"custom\"")), "{name}");
    }
    assert_eq!(loki.lines().len(), 2);
    for backend in [&mimir, &loki] {
        assert_eq!(backend.header("x-scope-orgid"), ["demo"]);
    }
}

/// The script takes the first listener it finds: each must do, where it is the only one.
#[tokio::test(flavor = "multi_thread")]
async fn the_custom_exporter_serves_by_socat_and_by_perl() {
    for (listener, package) in [("socat", "socat"), ("perl", "perl-base")] {
        let dir = TempDir::new().unwrap();
        let (bin, watched) = (dir.path().join("bin"), dir.path().join("watched"));
        std::fs::create_dir(&bin).unwrap();
        append(&watched.join("file"), "x");
        let tools = ["sh", "sed", "tr", "find", "wc", "du", "cut", "date", "dirname", "basename"];
        for (program, package) in tools.map(|tool| (tool, "coreutils")).into_iter().chain([(listener, package)]) {
            std::os::unix::fs::symlink(installed(program, package), bin.join(program)).unwrap();
        }
        let (_exporter, address) = custom_exporter(dir.path(), &watched, Some(&bin)).await;
        let (_, text) = http::get(&format!("http://{address}/metrics?x=y")).await.unwrap();
        assert!(text.contains("\ncustom_directory_files{directory=\""), "by {listener}:\n{text}");
        assert_eq!(http::get(&format!("http://{address}/")).await.unwrap().0, 404);
        assert_eq!(http::post(&format!("http://{address}/metrics"), "text/plain", "x").await.unwrap().0, 405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redaction() {
    let dir = TempDir::new().unwrap();
    let (logs, plugins) = (dir.path().join("logs"), dir.path().join("plugins"));
    for plugin in ["redact", "level"] {
        build::put(&build::shipped(plugin), &plugins, plugin);
    }
    let loki = Backend::start().await;
    let example = Example::read("redaction").with("/var/log/app", logs.to_str().unwrap());
    // the line that the page tells to write
    let command = code(&example.file("README.md"), "sh", "echo 'level=warn");
    let line = command.split('\'').nth(1).unwrap();
    append(&logs.join("debug.log"), "level=debug msg=\"everything about jane@example.com\"\n");
    append(
        &logs.join("app.log"),
        &format!(
            "{line}\nlevel=info authorization: Bearer s3cr3t.t0k3n.s1gnature from 203.0.113.7\nlevel=info order=4111111111111112\n"
        ),
    );
    let mut weir = Weir::start_with(dir.path(), example.text(), &[("LOKI_URL", &loki.url())]).await;
    eventually("the lines", async || {
        let lines = loki.lines();
        if lines.len() >= 3 { Ok(()) } else { Err(lines) }
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));

    let stream = |level: &str| {
        format!("{{env=\"prod\", filename=\"{}/app.log\", job=\"app\", level=\"{level}\"}}", logs.display())
    };
    assert_eq!(
        loki.recorder.lines(&stream("warn")),
        ["level=warn msg=\"payment refused\" mail=<email> card=<pan> customer=<id>"]
    );
    let info = loki.recorder.lines(&stream("info"));
    assert_eq!(info[1], "level=info order=4111111111111112", "no card has that check digit");
    assert!(info[0].starts_with("level=info authorization: "), "{info:?}");
    assert_eq!(loki.lines().len(), 3, "excluded files stay unread");
    for secret in ["jane", "4111111111111111", "77", "s3cr3t", "s1gnature", "203.0.113.7"] {
        assert!(!loki.lines().iter().any(|l| l.contains(secret)), "{secret} left the machine: {:?}", loki.lines());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_metrics() {
    let dir = TempDir::new().unwrap();
    let (logs, plugins) = (dir.path().join("logs"), dir.path().join("plugins"));
    build::put(&build::shipped("log-metrics"), &plugins, "log-metrics");
    let (loki, mimir) = (Backend::start().await, Backend::start().await);
    let example = Example::read("log-metrics")
        .with("/var/log/nginx", logs.to_str().unwrap())
        .with("MIMIR_URL}/api/v1/push", "MIMIR_URL}/api/v1/write")
        .with("interval = \"15s\"", "interval = \"1s\"");
    // the line that the page tells to write
    let command = code(&example.file("README.md"), "sh", "echo '203");
    let line = command.split('\'').nth(1).unwrap();
    append(&logs.join("access.log"), &format!("{line}\nno request\n{line}\n"));
    let urls = [("LOKI_URL", loki.url()), ("MIMIR_URL", mimir.url())];
    let urls = urls.each_ref().map(|(name, url)| (*name, url.as_str()));
    let mut weir = Weir::start_with(dir.path(), example.text(), &urls).await;
    let last = |series: &str| mimir.values(series).last().copied();
    for (series, value) in [
        ("http_requests_total{job=\"nginx\", status=\"503\"}", 2.0),
        ("http_request_duration_seconds_bucket{le=\"0.1\"}", 0.0),
        ("http_request_duration_seconds_bucket{le=\"1\"}", 2.0),
        ("http_request_duration_seconds_sum", 0.5),
    ] {
        eventually(series, async || match last(series) {
            Some(last) if last == value => Ok(()),
            last => Err((last, mimir.recorder.series())),
        })
        .await;
    }
    until("the lines", async || loki.lines().len() == 3).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    assert!(loki.recorder.series().is_empty() && mimir.lines().is_empty(), "each kind has its own way");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_backends() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    append(&logs.join("app/app.log"), "an order\n");
    append(&logs.join("audit/audit.log"), "a login\n");
    let target = Target::start(|n| format!("node_load1 {n}\nnode_cpu_seconds_total {n}\nnode_boot {n}\n")).await;
    let (mimir, victoria) = (Backend::start().await, Backend::start().await);
    let (loki, security) = (Backend::start().await, Backend::start().await);
    mimir.preview.faults().always(Answer::status(503));
    loki.preview.faults().always(Answer::hang());
    let example = Example::read("several-backends")
        .fast("30s")
        .with("localhost:9100", &target.address)
        .with("/var/log", logs.to_str().unwrap())
        .with("MIMIR_URL}/api/v1/push", "MIMIR_URL}/api/v1/write");
    let mut weir = Weir::start_with(
        dir.path(),
        example.text(),
        &[
            ("MIMIR_URL", &mimir.url()),
            ("VICTORIA_URL", &victoria.url()),
            ("LOKI_URL", &loki.url()),
            ("SECURITY_LOKI_URL", &security.url()),
        ],
    )
    .await;
    let series = |name: &str| format!("{name}{{cluster=\"eu-1\", instance=\"{}\", job=\"node\"}}", target.address);
    let (load, cpu, boot) = (series("node_load1"), series("node_cpu_seconds_total"), series("node_boot"));

    // One of each kind is away. The other gets what comes meanwhile.
    until("requests to the backends that are away", async || {
        mimir.preview.counters().requests() > 0 && loki.preview.counters().requests() > 0
    })
    .await;
    let away = target.served();
    append(&logs.join("audit/audit.log"), "a logout\n");
    append(&logs.join("app/app.log"), "a payment\n");
    until("the others' samples", async || victoria.values(&load).last().is_some_and(|v| *v > away as f64 + 5.0)).await;
    eventually("the others' lines", async || {
        let lines = security.lines();
        if lines == ["a login", "a logout"] { Ok(()) } else { Err(lines) }
    })
    .await;
    assert_eq!((mimir.recorder.sample_count(), loki.recorder.line_count()), (0, 0), "all that is delivered so far");
    let retried = weir.metrics().await.sum("prometheus_remote_storage_samples_retried_total", &[]);
    assert!(retried > 0.0, "what is refused for a while is sent again");

    // They come back, and get what came meanwhile.
    mimir.preview.faults().heal();
    loki.preview.faults().heal();
    let back = target.served() as f64;
    until("all samples in the one that was away", async || mimir.values(&boot).last().is_some_and(|v| *v >= back))
        .await;
    eventually("all lines in the one that was away", async || {
        let lines = loki.lines();
        if lines == ["an order", "a payment"] { Ok(()) } else { Err(lines) }
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));
    for (backend, series) in [(&mimir, &load), (&mimir, &cpu), (&mimir, &boot), (&victoria, &load), (&victoria, &cpu)] {
        let values = backend.values(series);
        let want: Vec<f64> = (1..=values.len()).map(|n| n as f64).collect();
        assert_eq!(values, want, "each once, in order: {series}");
    }
    assert_eq!(victoria.values(&boot), [0.0; 0], "not selected");
    assert!(!victoria.values(&series("up")).is_empty(), "selected");
    assert_eq!(security.header("x-scope-orgid"), ["security"]);
    assert_eq!(loki.header("x-scope-orgid"), ["none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_auth_tls() {
    let dir = TempDir::new().unwrap();
    let (secrets, tls) = (dir.path().join("secrets"), dir.path().join("tls"));
    for folder in [&secrets, &tls] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(secrets.join("cloud-token"), "t0ken").unwrap();
    std::fs::write(secrets.join("api-token"), "4p1").unwrap();
    let (public, internal, clients) = (Authority::new(), Authority::new(), Authority::new());
    std::fs::write(tls.join("internal-ca.pem"), internal.pem()).unwrap();
    let identity = clients.issue("weir");
    std::fs::write(tls.join("weir.pem"), identity.cert).unwrap();
    std::fs::write(tls.join("weir.key"), identity.key).unwrap();
    // stands in for the system's certificate authorities; at first it lacks the one that matters
    let system = dir.path().join("system.pem");
    std::fs::write(&system, Authority::new().pem()).unwrap();

    let (prometheus, loki) = (Backend::start().await, Backend::start().await);
    let metrics_front = Front::start(prometheus.preview.address(), &public, None).await;
    let logs_front = Front::start(loki.preview.address(), &public, None).await;
    let (node, api) =
        (Target::start(|n| format!("node_load1 {n}\n")).await, Target::start(|n| format!("api_requests {n}\n")).await);
    let api_front = Front::start(api.address.parse().unwrap(), &internal, Some(&clients)).await;
    let syslog = dir.path().join("syslog");
    append(&syslog, "a line\n");
    let example = Example::read("cloud-auth-tls")
        .fast("60s")
        .with("localhost:9100", &node.address)
        .with("api.internal.example:8443", &api_front.address)
        .with("/var/log/syslog", syslog.to_str().unwrap())
        .with(
            "prometheus-prod-01-eu-west-0.grafana.example/api/prom/push",
            &format!("{}/api/v1/write", metrics_front.address),
        )
        .with("logs-prod-eu-west-0.grafana.example", &logs_front.address);
    let environment = [("HOSTNAME", "host-1"), ("SSL_CERT_FILE", system.to_str().unwrap())];
    let mut weir = Weir::start_with(dir.path(), example.text(), &environment).await;

    eventually("certificates that are refused", async || {
        let metrics = weir.metrics().await;
        let counts = ["prometheus_remote_storage_samples_retried_total", "loki_write_retried_entries_total"]
            .map(|name| metrics.sum(name, &[]));
        if counts.iter().all(|n| *n > 0.0) { Ok(()) } else { Err(counts) }
    })
    .await;
    assert!(metrics_front.refused() > 0 && logs_front.refused() > 0);
    for (backend, front) in [(&prometheus, &metrics_front), (&loki, &logs_front)] {
        assert_eq!(backend.preview.counters().requests(), 0, "nothing goes to a stranger");
        assert_eq!(front.heard(), "", "least of all the token");
    }

    weir.program().kill().await;
    std::fs::write(&system, public.pem()).unwrap();
    weir.restart().await;
    let of = |name: &str, job: &str, address: &str| {
        format!("{name}{{cluster=\"eu-1\", instance=\"{address}\", job=\"{job}\", replica=\"host-1\"}}")
    };
    let api_requests = of("api_requests", "api", &api_front.address);
    eventually("everything", async || {
        let load = prometheus.values(&of("node_load1", "node", &node.address)).len();
        let requests = prometheus.values(&api_requests).len();
        let lines = loki.lines();
        if load > 0 && requests > 0 && !lines.is_empty() { Ok(()) } else { Err((load, requests, lines)) }
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));
    assert_eq!(loki.lines()[0], "a line", "it was waiting on disk");
    // 123456:t0ken and 654321:t0ken
    assert_eq!(prometheus.header("authorization"), ["Basic MTIzNDU2OnQwa2Vu"]);
    assert_eq!(loki.header("authorization"), ["Basic NjU0MzIxOnQwa2Vu"]);
    let asked = api_front.heard().to_lowercase();
    assert!(asked.contains("authorization: bearer 4p1\r\n"), "{asked}");
}
