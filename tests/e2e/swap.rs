//! A plugin replaced under load.

use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;
use weir_rig::build::put_mark;
use weir_rig::config::{file_logs, job, loki, plugin_dir, remote_write};
use weir_rig::lines::Writer;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, eventually, until};

const SERIES: usize = 200;

fn page(number: u64) -> String {
    let line = |i| format!("seq{{i=\"{i}\"}} {number}\n");
    (0..SERIES).map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_loses_and_doubles_nothing_and_shows_at_one_moment() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    put_mark(&plugins, "one");
    let target = Target::start(page).await;
    let mut weir = Weir::start_in(
        dir.path(),
        &[
            plugin_dir(&plugins),
            job("seq", &target.address, ""),
            file_logs("app", &logs),
            remote_write("preview", &preview.remote_write_url()),
            loki("preview", &preview.loki_url()),
        ]
        .concat(),
    )
    .await;
    let mut writer = Writer::new(&logs, "app");
    let marked = |version: &str| {
        let prefix = format!("{version} ");
        recorder.streams().iter().any(|s| recorder.lines(s).iter().any(|l| l.starts_with(&prefix)))
    };
    let series_of = |version: &str| {
        let label = format!("version=\"{version}\"");
        recorder.series().iter().filter(|s| s.starts_with("seq{") && s.contains(&label)).count()
    };

    until("data of the first version", async || {
        writer.write(10);
        marked("one") && series_of("one") == SERIES
    })
    .await;
    put_mark(&plugins, "two");
    until("data of the second version", async || {
        writer.write(10);
        marked("two") && series_of("two") == SERIES
    })
    .await;
    let last = target.served();
    until("some more of it", async || target.served() > last + 3).await;
    assert_eq!(weir.program().terminate().await, Some(0));

    // Samples: each page whole, of one version; no value lost or doubled; the old series end where the new begin.
    let mut versions: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for i in 0..SERIES {
        let find = |version: &str| {
            let all = recorder.series();
            let ends = [format!("i=\"{i}\","), format!("version=\"{version}\"")];
            let name = all.iter().find(|s| ends.iter().all(|e| s.contains(e))).expect("both versions").clone();
            recorder.samples(&name)
        };
        let (one, two) = (find("one"), find("two"));
        let stale = one.last().unwrap();
        assert!(stale.value.is_nan(), "the old series ends with a marker");
        assert_eq!(stale.time, two[0].time, "at the page where the new one begins");
        let values: Vec<f64> = one.iter().chain(&two).map(|p| p.value).filter(|v| !v.is_nan()).collect();
        assert!(values.windows(2).all(|w| w[1] == w[0] + 1.0), "a sample is lost or doubled: {values:?}");
        for (version, points) in [("one", &one), ("two", &two)] {
            for point in points.iter().filter(|p| !p.value.is_nan()) {
                versions.entry(point.time).or_default().insert(version.to_owned());
            }
        }
    }
    assert!(versions.values().all(|v| v.len() == 1), "a page of two versions");

    // Lines: each once, first all of the one, then all of the other version.
    let lines: Vec<String> = recorder.streams().iter().flat_map(|s| recorder.lines(s)).collect();
    assert_eq!(lines.len() as u64, writer.written());
    let split = lines.iter().position(|l| l.starts_with("two ")).unwrap();
    for (n, line) in lines.iter().enumerate() {
        let version = if n < split { "one" } else { "two" };
        assert!(line.starts_with(&format!("{version} app-{n:06}")), "line {n}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_old_plugin_running_and_a_new_or_removed_one_takes_effect() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let plugins = dir.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let target = Target::start(|n| format!("seq {n}\n")).await;
    let weir = Weir::start_in(
        dir.path(),
        &[plugin_dir(&plugins), job("seq", &target.address, ""), remote_write("preview", &preview.remote_write_url())]
            .concat(),
    )
    .await;
    let series = |version: &str| match version {
        "" => format!("seq{{instance=\"{0}\", job=\"seq\"}}", target.address),
        v => format!("seq{{instance=\"{0}\", job=\"seq\", version=\"{v}\"}}", target.address),
    };
    let flows = async |version: &str| {
        let name = series(version);
        let before = recorder.samples(&name).len();
        until("samples", async || recorder.samples(&name).len() > before + 2).await;
    };
    flows("").await;
    put_mark(&plugins, "one"); // added
    flows("one").await;
    std::fs::write(plugins.join("mark.wasm"), b"\0asm this is none").unwrap(); // broken
    eventually("the failed reload is counted", async || {
        let failed = weir.metrics().await.sum("weir_plugin_reloads_total", &[("plugin", "mark"), ("result", "error")]);
        if failed > 0.0 { Ok(()) } else { Err("not counted") }
    })
    .await;
    flows("one").await;
    std::fs::remove_file(plugins.join("mark.wasm")).unwrap(); // removed
    flows("").await;
}
