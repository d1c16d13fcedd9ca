//! Reloads under load: nothing is lost, nothing comes twice, and the last configuration is the one in force.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tempfile::TempDir;
use weir_receive::{Answer, Strict};
use weir_rig::build::put_mark;
use weir_rig::config::{file_logs, job, loki, plugin_dir, remote_write};
use weir_rig::ledger::balanced;
use weir_rig::lines::{Writer, arrivals, missing};
use weir_rig::random::Random;
use weir_rig::receiver::Receiver;
use weir_rig::target::Target;
use weir_rig::{Weir, eventually, until};

/// How many reloads: dozens, within CI's time.
const RELOADS: u64 = 36;

/// Series of a page.
const SERIES: usize = 20;

fn page(number: u64) -> String {
    let lines: Vec<_> = (0..SERIES).map(|i| format!("seq{{i=\"{i}\"}} {number}\n")).collect();
    lines.concat()
}

/// Everything about the configuration that the test changes.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is one independent change
struct Plan {
    /// The job `stay` has a second target.
    second_target: bool,
    /// There is a job `more`, scraped so often.
    more: Option<u64>,
    /// There is a sink `extra`, and the pipelines write there.
    extra: bool,
    /// `extra` is there and no pipeline of metrics writes there.
    extra_idle: bool,
    /// Metrics go through two pipelines in place of one.
    parted: bool,
    /// A label for all that leaves.
    generation: u64,
    /// The main sinks' lanes.
    lanes: u16,
    /// Their queues' budget.
    mebibytes: u64,
    /// Their URLs' host, of two names for one.
    host: &'static str,
    /// A header for them.
    header: u64,
    /// There is a source of lines `other`.
    other: bool,
    /// The source `app` has these more files.
    more_paths: bool,
    /// The sink drops a series that nobody asks about.
    dropping: bool,
}

impl Plan {
    fn new() -> Self {
        Self {
            second_target: false,
            more: None,
            extra: false,
            extra_idle: false,
            parted: false,
            generation: 0,
            lanes: 8,
            mebibytes: 64,
            host: "127.0.0.1",
            header: 0,
            other: true,
            more_paths: false,
            dropping: false,
        }
    }

    fn change(&mut self, random: &mut Random) -> &'static str {
        match random.below(13) {
            0 => flip("second target", &mut self.second_target),
            1 => {
                self.more = [None, Some(1), Some(2)][random.below(3) as usize];
                "another job"
            }
            2 => flip("extra sink", &mut self.extra),
            3 => flip("extra sink without metrics", &mut self.extra_idle),
            4 => flip("two pipelines", &mut self.parted),
            5 => {
                self.generation += 1;
                "external_labels"
            }
            6 => {
                self.lanes = [8, 4, 5, 3][random.below(4) as usize];
                "lanes"
            }
            7 => {
                self.mebibytes = 16 + random.below(64);
                "budgets"
            }
            8 => {
                self.host = if self.host == "localhost" { "127.0.0.1" } else { "localhost" };
                "URLs"
            }
            9 => {
                self.header += 1;
                "headers"
            }
            10 => flip("another source", &mut self.other),
            11 => flip("more paths", &mut self.more_paths),
            _ => flip("write_relabel_configs", &mut self.dropping),
        }
    }
}

fn flip(name: &'static str, what: &mut bool) -> &'static str {
    *what = !*what;
    name
}

struct Rig {
    dir: TempDir,
    main: Receiver,
    extra: Receiver,
    stay: Target,
    second: Target,
    more: Target,
}

impl Rig {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["app", "app2", "other", "plugins"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let (main, extra) = (Receiver::start().await, Receiver::start().await);
        let (stay, second, more) = (Target::start(page).await, Target::start(page).await, Target::start(page).await);
        Self { dir, main, extra, stay, second, more }
    }

    fn folder(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self, plan: &Plan) -> String {
        let mut text = plugin_dir(&self.folder("plugins"));
        let generation = plan.generation;
        let second = if plan.second_target { format!(", \"{}\"", self.second.address) } else { String::new() };
        let head = format!(
            "[global]\nexternal_labels = {{ generation = \"{generation}\" }}\n\
             [[scrape_configs]]\njob_name = \"stay\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\n\
             static_configs = [{{ targets = [\"{}\"{second}] }}]\n",
            self.stay.address
        );
        text += &head;
        if let Some(interval) = plan.more {
            text += &job("more", &self.more.address, "").replace("\"1s\"", &format!("\"{interval}s\""));
        }
        let mut app = file_logs("app", &self.folder("app"));
        if plan.more_paths {
            let more = format!(", \"{}/*.log\"]\nlabels", self.folder("app2").display());
            app = app.replace("]\nlabels", &more);
        }
        text += &app;
        if plan.other {
            text += &file_logs("other", &self.folder("other"));
        }
        let at = |url: String| url.replace("127.0.0.1", plan.host);
        let more = format!(
            "queue = {{ lanes = {}, max_bytes = \"{}MiB\" }}\nheaders = {{ X-Test = \"{}\" }}\n",
            plan.lanes, plan.mebibytes, plan.header
        );
        text += &remote_write("main", &at(self.main.remote_write_url()));
        text += &more;
        if plan.dropping {
            text += "write_relabel_configs = [{ source_labels = [\"i\"], regex = \"0\", action = \"drop\" }]\n";
        }
        text += &loki("main", &at(self.main.loki_url()));
        text += &more;
        let mut metric_sinks = vec!["remote_write.main"];
        let mut log_sinks = vec!["loki.main"];
        if plan.extra {
            text += &remote_write("extra", &self.extra.remote_write_url());
            text += &loki("extra", &self.extra.loki_url());
            log_sinks.push("loki.extra");
            // a sink in no pipeline is a warning, not an error
            if !plan.extra_idle || plan.parted {
                metric_sinks.push("remote_write.extra");
            }
        }
        let list = |names: &[&str]| names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        let mut pipeline = |name: &str, from: &[&str], to: &[&str]| {
            let table = format!("[pipelines.{name}]\nfrom = [{}]\nto = [{}]\n", list(from), list(to));
            text += &table;
        };
        pipeline("logs", &["file_logs.*"], &log_sinks);
        match (plan.parted, plan.more) {
            (true, Some(_)) => {
                pipeline("stay", &["scrape.stay"], &["remote_write.main"]);
                pipeline("metrics", &["scrape.more"], &metric_sinks);
            }
            (true, None) => pipeline("stay", &["scrape.stay"], &metric_sinks),
            (false, _) => pipeline("metrics", &["scrape.*"], &metric_sinks),
        }
        text
    }
}

/// A plugin comes, changes or goes, beside the configuration.
fn change_plugin(dir: &Path, random: &mut Random) -> &'static str {
    match random.below(3) {
        0 => put_mark(dir, "one"),
        1 => put_mark(dir, "two"),
        _ => _ = std::fs::remove_file(dir.join("mark.wasm")),
    }
    "plugin"
}

/// The samples of the series `seq` of a target, number by number: time, the rest of the labels, value (`None`: a marker).
fn history(judge: &Strict, address: &str) -> BTreeMap<String, Vec<(i64, String, Option<u64>)>> {
    let instance = format!("instance=\"{address}\"");
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    judge.with_samples(|name, points| {
        if !name.starts_with("seq{") || !name.contains(&instance) {
            return;
        }
        let labels: Vec<&str> = name.trim_start_matches("seq{").trim_end_matches('}').split(", ").collect();
        let is_number = |l: &&&str| l.starts_with("i=");
        let number = labels.iter().find(is_number).unwrap().to_string();
        let rest = labels.iter().filter(|l| !is_number(l)).copied().collect::<Vec<_>>().join(",");
        let of = all.entry(number).or_default();
        of.extend(points.iter().map(|p| (p.time, rest.clone(), (!p.value.is_nan()).then_some(p.value as u64))));
    });
    for points in all.values_mut() {
        // of one time, markers first
        points.sort_by_key(|p| (p.0, p.2.is_some()));
    }
    all
}

/// Each page of the target is there once, and a change of labels shows as a marker of the old at the page that has the new.
/// Returns pages and markers.
fn check_target(judge: &Strict, address: &str, served: u64) -> (usize, usize) {
    let (mut pages, mut markers) = (0, 0);
    for (number, points) in history(judge, address) {
        let values: Vec<u64> = points.iter().filter_map(|p| p.2).collect();
        pages = values.len();
        if number != "i=\"0\"" {
            // the last may have been cut short by the end; the one dropped by rules is not counted
            let first_missing = values.iter().zip(1..).find(|(value, want)| **value != *want);
            assert!(first_missing.is_none(), "{number}: a page is lost or doubled at {first_missing:?}: {values:?}");
            assert!(values.len() as u64 + 1 >= served, "{number}: {} of {served} pages", values.len());
        }
        let mut alive: Option<&String> = None;
        for (time, labels, value) in &points {
            match (value, alive) {
                (None, _) => {
                    assert_eq!(alive, Some(labels), "{number}: a marker at {time} of what does not live");
                    markers += 1;
                    alive = None;
                }
                (Some(_), None) => alive = Some(labels),
                (Some(_), Some(before)) => assert_eq!(before, labels, "{number}: no marker before {time}"),
            }
        }
    }
    (pages, markers)
}

/// The longest time between two samples of a target, in milliseconds.
fn longest_gap(judge: &Strict, address: &str) -> i64 {
    let all = history(judge, address);
    let times: BTreeSet<i64> = all["i=\"1\""].iter().filter(|p| p.2.is_some()).map(|p| p.0).collect();
    times.iter().zip(times.iter().skip(1)).map(|(a, b)| b - a).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn dozens_of_reloads_under_load_lose_and_double_nothing() {
    let mut random = Random::seeded();
    let rig = Rig::new().await;
    let (mut app, mut other) = (Writer::new(&rig.folder("app"), "app"), Writer::new(&rig.folder("other"), "other"));
    let mut plan = Plan::new();
    let mut weir = Weir::start_in(rig.dir.path(), &rig.config(&plan)).await;
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..RELOADS {
        // some pages and lines between two reloads, sometimes hardly any
        let served = rig.stay.served() + random.below(3);
        until("the next page", async || {
            app.write(20);
            other.write(5);
            rig.stay.served() >= served
        })
        .await;
        for _ in 0..=random.below(3) {
            *done.entry(plan.change(&mut random)).or_default() += 1;
        }
        if random.below(4) == 0 {
            *done.entry(change_plugin(&rig.folder("plugins"), &mut random)).or_default() += 1;
        }
        Weir::write_config(weir.dir(), &rig.config(&plan));
        if random.below(3) == 0 {
            weir.program().signal(libc::SIGHUP);
            *done.entry("by SIGHUP").or_default() += 1;
        } else {
            let (status, answer) = weir.reload().await;
            assert_eq!(status, 200, "{plan:?}: {answer}");
            *done.entry("by POST").or_default() += 1;
        }
    }
    // all sources are there in the end, for what they have not read yet
    plan.other = true;
    Weir::write_config(weir.dir(), &rig.config(&plan));
    let (status, answer) = weir.reload().await;
    assert_eq!(status, 200, "{answer}");
    let judge = rig.main.judge();
    let all_lines = (app.written() + other.written()) as usize;
    until("all lines", async || judge.line_count() >= all_lines).await;
    let served = rig.stay.served();
    until("two more pages", async || rig.stay.served() >= served + 2).await;
    balanced(&weir).await;
    assert_eq!(weir.program().terminate().await, Some(0));

    let lines = rig.main.lines();
    for writer in [&app, &other] {
        let counts = arrivals(lines.iter().map(String::as_str), writer.name());
        assert_eq!(missing(&counts, writer.written()), [0; 0], "{}", writer.name());
        let twice: Vec<_> = counts.iter().filter(|(_, n)| **n != 1).collect();
        assert!(twice.is_empty(), "{}: more than once: {twice:?}", writer.name());
    }
    let (pages, markers) = check_target(&judge, &rig.stay.address, rig.stay.served());
    println!(
        "reloads: {done:?}\nlines: {all_lines}, each once; pages: {pages} of {} series, each once; markers: {markers}; \
         longest time between two pages: {} ms",
        SERIES,
        longest_gap(&judge, &rig.stay.address)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_signals_at_once_the_last_configuration_wins() {
    let receiver = Receiver::start().await;
    let mut targets = vec![];
    for _ in 0..8 {
        targets.push(Target::start(page).await);
    }
    let config = |i: usize| {
        job(&format!("job{i}"), &targets[i].address, "") + &remote_write("main", &receiver.remote_write_url())
    };
    let mut weir = Weir::start(&config(0)).await;
    for i in 1..8 {
        Weir::write_config(weir.dir(), &config(i));
        weir.program().signal(libc::SIGHUP);
    }
    // one more, over HTTP, at the same time as the signals
    let (status, _) = weir.reload().await;
    assert_eq!(status, 200);
    until("the last job's pages", async || targets[7].served() > 1).await;
    let others: Vec<u64> = targets[..7].iter().map(Target::served).collect();
    let last = targets[7].served();
    until("more of them", async || targets[7].served() > last + 1).await;
    assert_eq!(targets[..7].iter().map(Target::served).collect::<Vec<_>>(), others, "jobs of before are scraped");
    assert_eq!(weir.program().terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_refused_by_name_and_all_else_takes_effect() {
    let receiver = Receiver::start().await;
    let target = Target::start(page).await;
    let base = job("seq", &target.address, "") + &remote_write("main", &receiver.remote_write_url());
    let mut weir = Weir::start(&base).await;
    let path = weir.dir().join("weir.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let last_reload = async |weir: &Weir| weir.metrics().await.sum("prometheus_config_last_reload_successful", &[]);
    let data = weir.dir().join("data").display().to_string();
    for (key, old, new) in [
        ("data_dir", format!("data_dir = '{data}'"), "data_dir = '/nonexistent'".to_owned()),
        ("admin.listen", "listen = \"127.0.0.1:0\"".to_owned(), "listen = \"127.0.0.1:1\"".to_owned()),
        ("log.format", "format = \"json\"".to_owned(), "format = \"text\"".to_owned()),
    ] {
        assert!(good.contains(&old), "{old} in {good}");
        std::fs::write(&path, good.replace(&old, &new)).unwrap();
        let (status, answer) = weir.reload().await;
        assert_eq!(status, 500);
        assert!(answer.contains(&format!("{key} cannot change from ")) && answer.contains("restart"), "{answer}");
        assert_eq!(last_reload(&weir).await, 0.0);
        let served = target.served();
        until("the running configuration goes on", async || target.served() > served + 1).await;
    }
    std::fs::write(&path, &good).unwrap();
    assert_eq!(weir.reload().await.0, 200);
    assert_eq!(last_reload(&weir).await, 1.0);

    // the log's level
    let debug = |output: String| output.lines().filter(|l| l.contains("\"level\":\"DEBUG\"")).count();
    assert_eq!(debug(weir.program().output()), 0);
    std::fs::write(&path, good.replace("level = \"info\"", "level = \"debug\"")).unwrap();
    assert_eq!(weir.reload().await.0, 200);
    let output = async |weir: &mut Weir| weir.program().output();
    eventually(
        "lines of the new level",
        async || {
            if debug(output(&mut weir).await) > 0 { Ok(()) } else { Err("none") }
        },
    )
    .await;
    // global defaults reach the jobs
    std::fs::write(
        &path,
        good.replace(
            "[[scrape_configs]]",
            "[global]\nexternal_labels = { site = \"x\" }\nextra_scrape_metrics = true\n[[scrape_configs]]",
        ),
    )
    .unwrap();
    assert_eq!(weir.reload().await.0, 200);
    let judge = receiver.judge();
    until("the new labels and series", async || {
        judge.series().iter().any(|s| s.starts_with("scrape_body_size_bytes{") && s.contains("site=\"x\""))
    })
    .await;
    assert_eq!(weir.program().terminate().await, Some(0));
}

/// A backend is down, a queue that blocks is full, and a tail waits for it: a reload is over all the same, and once the backend
/// is back everything arrives once.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_while_a_queue_is_full_and_a_backend_down_neither_hangs_nor_loses() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let receiver = Receiver::start().await;
    let target = Target::start(page).await;
    let config = |header: u32, more: &str| {
        let loki = loki("main", &receiver.loki_url()) + "queue = { max_bytes = \"1MiB\", when_full = \"block\" }\n";
        job("seq", &target.address, more)
            + &file_logs("app", &logs)
            + &remote_write("main", &receiver.remote_write_url())
            + &format!("headers = {{ X-Test = \"{header}\" }}\n")
            + &loki
            + &format!("headers = {{ X-Test = \"{header}\" }}\n")
    };
    let mut weir = Weir::start_in(dir.path(), &config(0, "")).await;
    receiver.faults().rule(|_| Some(Answer::status(503)));
    // lines that do not compress, so that the small queue is full soon
    let mut random = Random::seeded();
    let mut writer = std::fs::OpenOptions::new().create(true).append(true).open(logs.join("app.log")).unwrap();
    let mut written = 0u64;
    for _ in 0..6_000 {
        use std::io::Write as _;
        writeln!(writer, "app-{written:06} {}", random.hex(1_000)).unwrap();
        written += 1;
    }
    let paused = async |weir: &Weir| {
        let page = weir.metrics().await;
        page.sum("weir_records_total", &[("source", "file_logs.app"), ("stage", "read")])
    };
    // the tail stands still well before the end of the file
    let mut last = (-1.0, 0);
    until("the tail waits", async || {
        let read = paused(&weir).await;
        last = if read == last.0 { (read, last.1 + 1) } else { (read, 0) };
        read > 0.0 && last.1 > 10
    })
    .await;
    assert!(paused(&weir).await < written as f64, "the queue held it all");
    for step in 1..=3u32 {
        // other headers restart the senders; the job changes as well
        let more = if step == 2 { "honor_labels = true" } else { "" };
        Weir::write_config(weir.dir(), &config(step, more));
        let (status, answer) = weir.reload().await;
        assert_eq!(status, 200, "{answer}");
    }
    receiver.faults().rule(|_| None);
    let judge = receiver.judge();
    until("all lines", async || judge.line_count() as u64 >= written).await;
    balanced(&weir).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    let lines = receiver.lines();
    let counts = arrivals(lines.iter().map(String::as_str), "app");
    assert_eq!(missing(&counts, written), [0; 0]);
    assert!(counts.values().all(|n| *n == 1), "lines came more than once");
    let (pages, _) = check_target(&judge, &target.address, target.served());
    println!("lines: {written}, each once; pages: {pages}, each once");
}
