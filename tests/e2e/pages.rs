//! The plugins that stand on pages, built as the page says and run in weir.

use crate::author;
use tempfile::TempDir;
use weir_rig::example::{Example, code};
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, build, eventually, until};

#[tokio::test(flavor = "multi_thread")]
async fn first_plugin() {
    let dir = TempDir::new().unwrap();
    let example = Example::read("first-plugin");
    let page = example.file("README.md");
    for (language, part, file) in
        [("rust", "weir_sdk::export!", "src/lib.rs"), ("toml", "[[case]]", "tests/quiet.toml")]
    {
        let there = std::fs::read_to_string(example.file(file)).unwrap();
        assert_eq!(code(&page, language, part), there, "{file} is what stands on the page");
    }
    let folder = example.file("");
    let told = author::good(&author::weir_in(&folder, &["plugin", "test"]));
    assert!(told.contains("2 cases passed"), "{told}");
    let plugin = dir.path().join("plugins/quiet.wasm");
    author::good(&author::weir_in(&folder, &["plugin", "build", "-o", plugin.to_str().unwrap()]));

    let log = dir.path().join("access.log");
    std::fs::write(&log, "GET /healthz 200 2ms\nGET /healthz 503 9ms\nGET /readyz 200 1ms\nGET /cart 200 7ms\n")
        .unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let example = example.with("/var/log/nginx/access.log", log.to_str().unwrap());
    let url = format!("http://{}", preview.address());
    let mut weir = Weir::start_with(dir.path(), example.text(), &[("LOKI_URL", &url)]).await;
    let lines = || recorder.streams().iter().flat_map(|s| recorder.lines(s)).collect::<Vec<_>>();
    eventually("the lines that matter", async || {
        if lines() == ["GET /healthz 503 9ms", "GET /cart 200 7ms"] { Ok(()) } else { Err(lines()) }
    })
    .await;
    let metrics = weir.metrics().await;
    let counted = metrics.sum("weir_plugin_custom_health_checks_total", &[("plugin", "quiet")]);
    assert_eq!(counted, 2.0, "as the page says");
    assert_eq!(weir.program().terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_plugin_in_five_minutes() {
    let dir = TempDir::new().unwrap();
    let page = build::root().join("README.md");
    let tidy = dir.path().join("tidy");
    author::good(&author::weir_in(dir.path(), &["plugin", "new", "--lang", "rust", "tidy"]));
    std::fs::copy(build::root().join("Cargo.lock"), tidy.join("Cargo.lock")).unwrap();
    std::fs::write(tidy.join("src/lib.rs"), code(&page, "rust", "weir_sdk::export!")).unwrap();
    let told = author::good(&author::weir_in(&tidy, &["plugin", "test", "--release"]));
    assert!(told.contains("3 cases passed"), "{told}");
    build::put(&tidy.join("build/tidy.wasm"), &dir.path().join("plugins"), "tidy");

    let target = Target::start(|n| format!("load {n}\ncontainer_tasks_state {n}\n")).await;
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let config = author::with_plugin(&code(&page, "toml", "[plugins.tidy]"), &target, &preview);
    let mut weir = Weir::start_in(dir.path(), &config).await;
    let load = format!("load{{cluster=\"eu-1\", instance=\"{}\", job=\"node\"}}", target.address);
    until("samples", async || recorder.samples(&load).len() > 2).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    assert!(!recorder.series().iter().any(|s| s.contains("container_tasks_state")));
}
