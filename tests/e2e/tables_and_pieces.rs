//! Shipped plugins where time passes between two batches: `enrich` while its table changes, `parse` between the pieces of a line.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;

use tempfile::TempDir;
use weir_rig::config::{file_logs, job, loki, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::lines::Writer;
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, build, until};

use crate::author::{good, weir_in};

#[tokio::test(flavor = "multi_thread")]
async fn labels_follow_a_table_that_changes_while_weir_runs() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let recorder = preview.judge();
    let target = Target::start(|_| "up_and_running 1\n".to_owned()).await;
    let (plugins, logs, tables) = (dir.path().join("plugins"), dir.path().join("logs"), dir.path().join("tables"));
    fs::create_dir(&logs).unwrap();
    fs::create_dir(&tables).unwrap();
    build::put(&build::shipped("enrich"), &plugins, "enrich");
    let put = |table: &str| {
        fs::write(dir.path().join("beside"), table).unwrap();
        fs::rename(dir.path().join("beside"), tables.join("jobs.csv")).unwrap();
    };
    put("job,owner\napp,web\n");
    let config = [
        plugin_dir(&plugins),
        job("app", &target.address, ""),
        file_logs("app", &logs),
        remote_write("preview", &preview.remote_write_url()),
        loki("preview", &preview.loki_url()),
        format!(
            "[plugins.enrich]\ngrant = [{{ kind = \"fs.read\", path = '{}', mount = \"/data\" }}]\n\
             config = {{ file = \"/data/jobs.csv\", key = [\"job\"], labels = {{ team = \"owner\" }}, refresh_interval = \"1s\" }}\n",
            tables.display()
        ),
    ];
    let mut weir = Weir::start_in(dir.path(), &config.concat()).await;
    let mut writer = Writer::new(&logs, "app");
    let series = |team: &str| {
        let of = format!("team=\"{team}\"");
        recorder.series().into_iter().find(|s| s.starts_with("up_and_running") && s.contains(&of))
    };
    let lines = |team: &str| {
        let of = format!("team=\"{team}\"");
        recorder.streams().iter().filter(|s| s.contains(&of)).map(|s| recorder.lines(s).len()).sum::<usize>()
    };
    writer.write(1);
    until("the first table's labels", async || series("web").is_some() && lines("web") == 1).await;
    let web = series("web").unwrap();

    put("job,owner\napp,core\n");
    until("the second table's labels on samples", async || series("core").is_some()).await;
    let ended = || recorder.samples(&web).last().is_some_and(|p| p.value.is_nan());
    until("the end of the series under the old labels", async || ended()).await;
    until("the second table's labels on lines", async || {
        writer.write(1);
        lines("core") > 0
    })
    .await;

    // a broken file: weir says so, and goes on with what it has
    put("job,owner\napp,web,extra\n");
    let program = weir.program();
    until("a warning", async || {
        let said = "/data/jobs.csv: line 2: has 3 cells where the first row has 2; the old table stays, with 1 rows";
        program.output().contains(said)
    })
    .await;
    let page = weir.metrics().await;
    assert_eq!(page.sum("weir_plugin_custom_enrich_table_outdated", &[("plugin", "enrich")]), 1.0);
    let before = recorder.samples(&series("core").unwrap()).len();
    until("samples under the labels that stay", async || recorder.samples(&series("core").unwrap()).len() > before + 1)
        .await;

    put("job,owner\napp,ops\n");
    until("the mended table's labels", async || series("ops").is_some()).await;
    balanced(&weir).await;
    // by the pipeline of samples and by that of lines, for each table that was good
    until("both pipelines have the mended table", async || {
        weir.metrics().await.sum("weir_plugin_verdicts_forgotten_total", &[("plugin", "enrich")]) == 4.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_line_wait_for_its_end_over_batches_and_a_new_configuration() {
    let dir = TempDir::new().unwrap();
    let preview = Receiver::start().await;
    let (plugins, logs) = (dir.path().join("plugins"), dir.path().join("logs"));
    fs::create_dir(&logs).unwrap();
    fs::create_dir(&plugins).unwrap();
    // with its manifest, by which it has one instance
    let component = plugins.join("parse.wasm");
    good(&weir_in(&build::root(), &["plugin", "build", "plugins/parse", "-o", component.to_str().unwrap()]));
    let config = |malformed: &str| {
        [
            plugin_dir(&plugins),
            file_logs("app", &logs),
            loki("preview", &preview.loki_url()),
            format!(
                "[plugins.parse.config]\nformats = [\"cri\", \"json\"]\noutput = \"msg\"\nmalformed = \"{malformed}\"\n"
            ),
        ]
        .concat()
    };
    let weir = Weir::start_in(dir.path(), &config("mark")).await;
    let mut file = File::create(logs.join("app.log")).unwrap();
    let mut write = |rest: &str| writeln!(file, "{} stdout {rest}", now()).unwrap();
    let held = async |pieces: u64| {
        until("the pieces are held", async || balanced(&weir).await.pipeline("logs").dropped("filtered") == pieces)
            .await;
    };

    write(r#"P {"msg":"one "#);
    held(1).await;
    write("P two ");
    held(2).await;
    // another instance, which finds the pieces where the first left them
    Weir::write_config(dir.path(), &config("keep"));
    let (status, text) = weir.reload().await;
    assert_eq!(status, 200, "{text}");
    write("P three ");
    held(3).await;
    write(r#"F four"}"#);
    write("F and no JSON");
    until("the whole line", async || preview.lines().len() == 2).await;
    assert_eq!(preview.lines(), ["one two three four", "and no JSON"]);
    let ledger = balanced(&weir).await;
    assert_eq!((ledger.pipeline("logs").read, ledger.pipeline("logs").dropped("filtered")), (5, 3));
}

/// As a container runtime writes it.
fn now() -> String {
    let output = Command::new("date").args(["-u", "+%FT%T.%NZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
