//! The command line, reload and bad input, as an operator meets them.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tempfile::TempDir;
use weir_receive::{Preview, Strict};
use weir_rig::config::{job, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, build, http, until};

fn weir(args: &[&str]) -> Output {
    Command::new(build::weir()).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sink(preview: &Preview) -> String {
    remote_write("preview", &preview.remote_write_url())
}

async fn preview() -> (Arc<Strict>, Receiver) {
    let receiver = Receiver::start().await;
    (receiver.judge(), receiver)
}

#[test]
fn check_shows_all_errors_with_their_places() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("weir.toml");
    std::fs::write(
        &path,
        "[[scrape_configs]]\njob_nam = \"node\"\nscrape_interval = \"15 parsecs\"\n\n[[remote_write]]\nurl = \"ftp://x\"\n",
    )
    .unwrap();
    let output = weir(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for part in ["weir.toml:2:1", "did you mean `job_name`", "weir.toml:3:", "15 parsecs", "weir.toml:6:", "ftp"] {
        assert!(errors.contains(part), "{part:?} is not in:\n{errors}");
    }
}

#[test]
fn check_says_what_would_run() {
    let dir = TempDir::new().unwrap();
    let plugins = dir.path().join("plugins");
    build::put(&build::shipped("redact"), &plugins, "redact");
    let path = dir.path().join("weir.toml");
    std::fs::write(
        &path,
        "plugin_dir = \"plugins\"\n[[file_logs]]\nname = \"app\"\npaths = [\"/var/log/app/*.log\"]\n\
         [[loki]]\nname = \"main\"\nurl = \"http://localhost:3100/loki/api/v1/push\"\n",
    )
    .unwrap();
    let output = weir(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    for part in ["is valid", "file_logs.app", "redact", "loki.main"] {
        assert!(out.contains(part), "{part:?} is not in:\n{out}");
    }
}

#[test]
fn components_that_are_no_plugins_are_refused_with_the_reason() {
    let dir = TempDir::new().unwrap();
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let path = dir.path().join("weir.toml");
    std::fs::write(
        &path,
        "plugin_dir = \"plugins\"\n[plugins.odd]\n[[scrape_configs]]\njob_name = \"a\"\n\
         static_configs = [{ targets = [\"localhost:1\"] }]\n[[remote_write]]\nurl = \"http://localhost:1/\"\n",
    )
    .unwrap();
    let refused = |why: &str| {
        let output = weir(&["check", "--config", path.to_str().unwrap()]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("odd") && errors.contains(why), "{why:?} is not in:\n{errors}");
    };
    refused("odd.wasm"); // the file is missing
    std::fs::write(plugins.join("odd.wasm"), "garbage").unwrap();
    refused("not a WebAssembly");
    build::put(&build::hostile("clock"), &plugins, "odd");
    refused("wasi:clocks");
}

#[test]
fn an_unusable_start_ends_with_code_1() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("none.toml");
    let output = weir(&["run", "--config", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("none.toml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_a_good_configuration_and_refuses_a_bad_one() {
    let (recorder, preview) = preview().await;
    let (a, b) = (Target::start(|n| format!("a {n}\n")).await, Target::start(|n| format!("b {n}\n")).await);
    let one = format!("{}{}", job("a", &a.address, ""), sink(&preview));
    let mut weir = Weir::start(&one).await;
    let (series_a, series_b) =
        (format!("a{{instance=\"{}\", job=\"a\"}}", a.address), format!("b{{instance=\"{}\", job=\"b\"}}", b.address));
    until("samples", async || recorder.samples(&series_a).len() > 3).await;

    Weir::write_config(weir.dir(), "[[scrape_configs]]\nnonsense = 1\n");
    let (status, answer) = weir.reload().await;
    assert_eq!(status, 500);
    assert!(answer.contains("nonsense"), "{answer}");
    let successful = weir.metrics().await.sum("prometheus_config_last_reload_successful", &[]);
    assert_eq!(successful, 0.0);

    Weir::write_config(
        weir.dir(),
        &format!("{}{}{}", job("a", &a.address, ""), job("b", &b.address, ""), sink(&preview)),
    );
    weir.program().signal(libc::SIGHUP);
    until("samples of the new job", async || recorder.samples(&series_b).len() > 3).await;
    assert_eq!(weir.metrics().await.sum("prometheus_config_last_reload_successful", &[]), 1.0);
    assert_eq!(weir.program().terminate().await, Some(0));
    let values: Vec<f64> = recorder.samples(&series_a).iter().map(|p| p.value).collect();
    assert!(values.windows(2).all(|w| w[1] == w[0] + 1.0), "a reload interrupts nothing: {values:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_the_ledger() {
    let (recorder, preview) = preview().await;
    let target = Target::start(|n| format!("a {n}\nb {n}\n")).await;
    let mut weir = Weir::start(&format!("{}{}", job("a", &target.address, ""), sink(&preview))).await;
    assert_eq!(http::get(&weir.url("/-/healthy")).await.unwrap().0, 200);
    assert_eq!(http::get(&weir.url("/-/ready")).await.unwrap().0, 200);
    until("samples", async || recorder.sample_count() > 30).await;
    let ledger = balanced(&weir).await;
    assert!(ledger.sink("remote_write.preview").read > 30, "{ledger:?}");
    assert_eq!(ledger.source("scrape.a").handed_on_in_all(), ledger.pipeline("metrics").read);
    let metrics = weir.metrics().await;
    assert!(metrics.sum("weir_records_total", &[("source", "scrape.a"), ("stage", "read")]) > 5.0);
    assert_eq!(weir.program().terminate().await, Some(0));
}

/// A page for a target that misbehaves.
fn raw(body: Body) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response()
}

async fn up_is_zero(target: Target, more: &str, reason: &str) {
    let (recorder, preview) = preview().await;
    let good = Target::start(|n| format!("good {n}\n")).await;
    let mut weir = Weir::start(&format!(
        "{}{}{}",
        job("bad", &target.address, more),
        job("good", &good.address, ""),
        sink(&preview)
    ))
    .await;
    let up = format!("up{{instance=\"{}\", job=\"bad\"}}", target.address);
    until("up of 0", async || recorder.samples(&up).iter().any(|p| p.value == 0.0)).await;
    assert!(recorder.samples(&up).iter().all(|p| p.value == 0.0));
    let metrics = weir.metrics().await;
    let counted = metrics.sum("weir_scrape_failures_total", &[("scrape_job", "bad"), ("reason", reason)]);
    let all: Vec<_> = metrics.matching("weir_scrape_failures_total", &[]).collect();
    assert!(counted > 0.0, "{reason} is not among {all:?}");
    let good = format!("good{{instance=\"{}\", job=\"good\"}}", good.address);
    until("the good target's samples", async || recorder.samples(&good).len() > 3).await;
    assert_eq!(weir.program().terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_answers_rubbish_is_down() {
    let target = Target::start(|_| "<html>\u{7f}{{{ not metrics\n".to_owned()).await;
    up_is_zero(target, "", "syntax").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_an_endless_body_is_down() {
    let target = Target::answering(|_| {
        let line = axum::body::Bytes::from_static(b"endless_metric_without_a_limit 1\n");
        raw(Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(line.clone()))))
    })
    .await;
    up_is_zero(target, "body_size_limit = \"64KiB\"", "body_size_limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_sends_a_gzip_bomb_is_down() {
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, "bomb 1\n".repeat(10_000_000).as_bytes()).unwrap();
    let bomb = gzip.finish().unwrap();
    let target = Target::answering(move |_| {
        let mut response = raw(Body::from(bomb.clone()));
        response.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        response
    })
    .await;
    up_is_zero(target, "body_size_limit = \"1MiB\"", "body_size_limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_what_was_read_and_what_arrived() {
    let output = tokio::process::Command::new(build::weir()).args(["demo", "--for", "12s"]).output().await.unwrap();
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", text(&output.stderr));
    let last = &out[out.rfind("  read").unwrap_or_else(|| panic!("no picture:\n{out}"))..];
    for part in ["scrape.weir", "file_logs.weir", "relabel", "redact", "remote write 1.0", "Loki push"] {
        assert!(last.contains(part), "{part:?} is not in:\n{last}");
    }
    let count = |what: &str| {
        let line = last.lines().find(|l| l.contains(what)).unwrap();
        let number = line.trim_start().trim_start_matches(what).split_whitespace().next().unwrap();
        number.replace(',', "").parse::<u64>().unwrap()
    };
    assert!(count("remote write 1.0") > 0 && count("Loki push") > 0, "{last}");
    assert!(out.lines().all(|l| l.chars().count() <= 100), "readable in a terminal:\n{out}");
}

#[test]
fn the_demo_prints_its_configuration() {
    let output = weir(&["demo", "--print-config"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("[[remote_write]]"));
    assert!(!Path::new("weir-data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_one_component_refuses_changes_nothing_at_all() {
    let (recorder, preview) = preview().await;
    let (a, b) = (Target::start(|n| format!("a {n}\n")).await, Target::start(|n| format!("b {n}\n")).await);
    let mut weir = Weir::start(&format!("{}{}", job("a", &a.address, ""), sink(&preview))).await;
    let broken = job("b", &b.address, "tls_config = { ca_file = \"/nonexistent/ca.pem\" }");
    Weir::write_config(weir.dir(), &format!("{broken}{}", sink(&preview)));
    let (status, answer) = weir.reload().await;
    assert_eq!(status, 500);
    assert!(answer.contains("/nonexistent/ca.pem") && answer.contains("\"b\""), "{answer}");
    let series = format!("a{{instance=\"{}\", job=\"a\"}}", a.address);
    let before = recorder.samples(&series).len();
    until("the old job's samples", async || recorder.samples(&series).len() > before + 2).await;
    assert_eq!(b.served(), 0);
    assert_eq!(weir.program().terminate().await, Some(0));
}
