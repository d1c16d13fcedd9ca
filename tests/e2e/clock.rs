//! The clock jumps an hour either way while weir runs (row 16). Debian's libfaketime gives weir the clock, and leaves the
//! monotonic one alone, as a jump does.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use weir_receive::Answer;
use weir_receive::strict::Rules;
use weir_rig::config::{file_logs, job};
use weir_rig::lines::{Writer, complete};
use weir_rig::prometheus::{Prometheus, samples};
use weir_rig::target::Target;
use weir_rig::{Receiver, Weir, eventually, ledger, until};

/// Where Debian keeps the library; `faketime` is the package's name.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// A clock that a test sets, by seconds ahead of the real one.
struct Clock(PathBuf);

impl Clock {
    fn new(dir: &Path) -> Self {
        assert!(Path::new(LIBRARY).is_file(), "libfaketime is not installed: apt-get install faketime");
        let clock = Self(dir.join("clock"));
        clock.set(0);
        clock
    }

    fn set(&self, ahead: i64) {
        // as a whole, for it is read at any time
        let fresh = self.0.with_extension("new");
        std::fs::write(&fresh, format!("{ahead:+}\n")).unwrap();
        std::fs::rename(fresh, &self.0).unwrap();
    }

    fn environment(&self) -> [(&str, &str); 5] {
        [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", self.0.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // the times of files stay what they are
            ("NO_FAKE_STAT", "1"),
        ]
    }
}

struct Site {
    weir: Weir,
    receiver: Receiver,
    writer: Writer,
    clock: Clock,
    series: String,
    begin_ms: i64,
}

impl Site {
    /// The clock jumps while the backend fails; then the backend is well again.
    async fn jump(&mut self, ahead: i64) {
        self.receiver.faults().always(Answer::status(503));
        self.clock.set(ahead);
        self.writer.write(100);
        let weir = &self.weir;
        eventually("lines that wait while sending is tried again", async || {
            let retried = weir.metrics().await.sum("loki_write_retried_entries_total", &[]);
            let held = weir.books("loki.a").await.held();
            if held >= 100 && retried >= 100.0 { Ok(()) } else { Err((held, retried)) }
        })
        .await;
        self.receiver.faults().heal();
        // no wait was frozen, and none of the lines' times is one that was there before
        complete(&self.receiver, [&self.writer]).await;
    }

    /// Waits for a sample of at least so many seconds after the test's begin.
    async fn sample_after(&self, seconds: i64) {
        let judge = self.receiver.judge();
        eventually("a sample by the clock's new time", async || {
            let newest = judge.samples(&self.series).last().map_or(0, |p| p.time - self.begin_ms);
            if newest >= seconds * 1000 { Ok(()) } else { Err(newest) }
        })
        .await;
    }

    async fn skipped(&self) -> f64 {
        self.weir.metrics().await.sum("weir_scrapes_skipped_total", &[("reason", "clock")])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_jumps_an_hour_either_way() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let clock = Clock::new(dir.path());
    // what is ahead of the judge's clock is what the test is about; how old a sample is cannot matter to it
    let ahead = Duration::from_hours(4);
    let receiver = Receiver::by(Rules { sample_age: None, ahead, ..Rules::default() }).await;
    let target = Target::start(|n| format!("seq {n}\n")).await;
    let config = format!(
        "{}{}[[remote_write]]\nname = \"a\"\nurl = \"{}\"\n\
         queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"100ms\" }}\n\
         [[loki]]\nname = \"a\"\nurl = \"{}\"\nbatch_wait = \"50ms\"\n\
         backoff_config = {{ min_period = \"10ms\", max_period = \"100ms\" }}\n",
        job("seq", &target.address, ""),
        file_logs("app", &logs),
        receiver.remote_write_url(),
        receiver.loki_url(),
    );
    let writer = Writer::new(&logs, "a");
    let weir = Weir::start_with(dir.path(), &config, &clock.environment()).await;
    let begin_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let series = format!("seq{{instance=\"{}\", job=\"seq\"}}", target.address);
    let mut site = Site { weir, receiver, writer, clock, series, begin_ms };
    site.writer.write(100);
    complete(&site.receiver, [&site.writer]).await;
    site.sample_after(0).await;
    assert_eq!(site.skipped().await, 0.0);

    site.jump(3600).await;
    site.sample_after(3_500).await;

    // two hours back: no sample can be newer than the last, each scrape says so, and the loop goes on
    site.jump(-3600).await;
    let skipped = eventually("scrapes that are counted", async || {
        let skipped = site.skipped().await;
        if skipped >= 3.0 { Ok(skipped) } else { Err(skipped) }
    })
    .await;

    site.jump(7200).await;
    site.sample_after(7_100).await;

    let books = ledger::settled(&site.weir).await;
    let sink = books.sink("loki.a");
    assert_eq!((sink.delivered, sink.dropped_in_all()), (400, 0));
    assert_eq!(books.sink("remote_write.a").dropped_in_all(), 0);
    assert_eq!(site.weir.program().terminate().await, Some(0));
    let judge = site.receiver.judge();
    for stream in judge.streams() {
        let times: Vec<_> = judge.entries(&stream).iter().map(|e| e.timestamp.map(|t| (t.seconds, t.nanos))).collect();
        assert!(times.windows(2).all(|w| w[0] < w[1]), "times go up in {stream}");
    }
    let times: Vec<_> = judge.samples(&site.series).iter().map(|p| p.time).collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
    println!("clock: {} samples, {} lines, {skipped} scrapes skipped", times.len(), sink.delivered);
}

/// An outage of three hours (row 9), by a clock that weir is given: a real Prometheus whose own samples are of now takes all
/// of the backlog, in order, where its `out_of_order_time_window` is long enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_hours_is_made_good_where_the_window_allows_it() {
    let dir = TempDir::new().unwrap();
    let clock = Clock::new(dir.path());
    let target = Target::start(|n| format!("seq {n}\n")).await;
    // what it scrapes itself brings its storage to the present
    let present = Target::start(|_| "present 1\n".to_owned()).await;
    let window = format!(
        "storage: {{ tsdb: {{ out_of_order_time_window: 6h }} }}\nglobal: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: present, static_configs: [{{ targets: [\"{}\"] }}] }}]\n",
        present.address
    );
    let mut prometheus = Prometheus::start(&dir.path().join("prometheus"), &window).await;
    assert_eq!(prometheus.program.terminate().await, Some(0));
    let config = format!(
        "{}[[remote_write]]\nname = \"p\"\nurl = \"{}\"\n\
         queue_config = {{ batch_send_deadline = \"50ms\", max_backoff = \"200ms\" }}\n",
        job("seq", &target.address, ""),
        prometheus.write_url(),
    );
    clock.set(-3 * 3600);
    let mut weir = Weir::start_with(dir.path(), &config, &clock.environment()).await;
    for hours in [-3, -2, -1, 0] {
        clock.set(hours * 3600);
        let from = target.served();
        until("pages", async || target.served() >= from + 4).await;
    }
    weir.program().signal(libc::SIGSTOP);
    prometheus.restart().await;
    eventually("a sample of now", async || match samples(&prometheus.url(""), "present[1m]").await?.len() {
        0 => Err("none".to_owned()),
        _ => Ok(()),
    })
    .await;
    weir.program().signal(libc::SIGCONT);
    let newest = target.served();
    let points = eventually("the backlog", async || {
        let series = samples(&prometheus.url(""), "seq[6h]").await?;
        let points = series.into_iter().next().map(|(_, points)| points).unwrap_or_default();
        if points.last().is_some_and(|(_, v)| *v >= newest as f64) { Ok(points) } else { Err(format!("{points:?}")) }
    })
    .await;
    let values: Vec<u64> = points.iter().map(|(_, v)| *v as u64).collect();
    assert_eq!(values, (1..=values.len() as u64).collect::<Vec<_>>(), "every page once, in order");
    let hours = (points[points.len() - 1].0 - points[0].0) as f64 / 3_600_000.0;
    assert!(hours > 2.9, "{hours}");
    let books = weir.books("remote_write.p").await;
    assert_eq!(books.dropped_in_all(), 0, "{books:?}");
    println!("an outage of {hours:.2} hours: {} samples, each once and in order", values.len());
}
