//! Versions of remote write: which one is sent, and what happens where the backend does not understand it.

use weir_model::{Metadata, MetricKind};
use weir_receive::{Answer, Versions};
use weir_relabel::{Action, RuleSettings, Rules};

use super::rig::*;
use crate::settings::RemoteWriteVersion;

fn version_2(preview: &Preview) -> Vec<RemoteWriteSettings> {
    vec![RemoteWriteSettings { version: RemoteWriteVersion::Two, ..remote_write(preview, "a") }]
}

impl Rig {
    async fn version_2() -> Self {
        Self::with(version_2, |_| vec![]).await
    }

    /// The versions by which stored requests came, each once as long as it does not change.
    fn came_as(&self) -> Vec<String> {
        let version = |h: &http::HeaderMap| h["x-prometheus-remote-write-version"].to_str().unwrap().to_owned();
        let mut versions: Vec<_> = self.recorder.headers().iter().map(version).collect();
        versions.dedup();
        versions
    }

    fn fallback(&self) -> bool {
        let text = self.metrics.encode().unwrap();
        let line = text.lines().find(|l| l.starts_with("weir_remote_write_fallback{")).unwrap();
        line.ends_with(" 1")
    }
}

/// Scrapes at these times, each a request of its own.
fn scrape(rig: &Rig, target: &mut Target, times: std::ops::RangeInclusive<i64>) {
    for time in times {
        target.scrape(time);
        rig.sinks.flush();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_arrive_as_2_0_with_what_is_known_of_them() {
    let drop = RuleSettings {
        source_labels: vec!["__name__".into()],
        regex: "gone".into(),
        action: Action::Drop,
        ..RuleSettings::default()
    };
    let settings = |preview: &Preview| {
        let mut one = version_2(preview).remove(0);
        one.external_labels = [("cluster", "c")].iter().collect();
        one.write_relabel = Rules::compile(std::slice::from_ref(&drop)).unwrap();
        vec![one]
    };
    let rig = Rig::with(settings, |_| vec![]).await;
    let to = Arc::new(Destinations::new(&["a".into()]));
    let mut sink = rig.sinks.remote_write_target(&to, 3, &from());
    let about =
        |help: &str| Arc::new(Metadata { kind: MetricKind::Counter, help: help.into(), unit: "seconds".into() });
    let mut births = Births::default();
    for (slot, name) in [(0, "up"), (1, "gone"), (2, "down")] {
        let labels: LabelSet = [("__name__", name), ("job", "x")].iter().collect();
        births.push_described(slot, labels.as_labels(), (slot < 2).then(|| about("first")));
    }
    let sample = |slot, time| Sample { slot, own_time: false, time, value: f64::from_bits(time as u64) };
    let samples = |time| [sample(0, time), sample(1, time), sample(2, time)];
    sink.accept(&Page { time: 1, deaths: &[], births: &births, samples: &samples(1) });
    rig.sinks.flush();
    let name = r#"up{cluster="c", job="x"}"#;
    // what is known of a series is kept a moment after its samples
    rig.arrived(|r| r.sample_count() == 2 && r.metadata(name).is_some()).await;
    let metadata = rig.recorder.metadata(name).unwrap();
    assert_eq!((metadata.kind, metadata.help.as_str(), metadata.unit.as_str()), (1, "first", "seconds"));
    assert_eq!(rig.recorder.metadata(r#"down{cluster="c", job="x"}"#), None);

    let mut changed = Births::default();
    changed.describe(0, about("second"));
    changed.describe(1, about("nobody sends this series"));
    sink.accept(&Page { time: 2, deaths: &[], births: &changed, samples: &samples(2) });
    rig.sinks.flush();
    rig.arrived(|r| r.sample_count() == 4 && r.metadata(name).is_some_and(|m| m.help == "second")).await;
    assert_eq!(times(&rig.recorder, name), [1, 2]);
    let headers = rig.recorder.headers();
    assert_eq!(headers[0]["x-prometheus-remote-write-version"], "2.0.0");
    assert_eq!(headers[0]["content-type"], "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    assert_eq!(headers[0]["content-encoding"], "snappy");
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    assert_eq!((account.delivered.get(), account.dropped_so_far("write_relabel")), (4, 2));
    balance(&account, 2);
    assert!(!rig.fallback());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_of_1_0_gets_1_0_of_what_is_queued_as_2_0() {
    for versions in [Versions::One, Versions::OneUnaware] {
        let rig = Rig::version_2().await;
        rig.preview.faults().understand(versions);
        let mut target = Target::new(&rig.sinks, &["a"], 3);
        scrape(&rig, &mut target, 1..=5);
        rig.arrived(|r| r.sample_count() == 15).await;
        for series in ["m0", "m1", "m2"] {
            assert_eq!(times(&rig.recorder, series), [1, 2, 3, 4, 5], "{versions:?}");
        }
        rig.sinks.shutdown(BOUND).await;
        assert_eq!(rig.came_as().last().unwrap(), "0.1.0");
        // one request too many, and then no more
        assert_eq!(rig.preview.counters().requests(), 6, "{versions:?}");
        assert!(rig.fallback());
        let account = rig.account("remote_write.a");
        assert_eq!(account.delivered.get(), 15);
        balance(&account, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_outlives_failures_and_splits() {
    let rig = Rig::version_2().await;
    rig.preview.faults().understand(Versions::One);
    rig.preview.faults().next(Answer::status(503));
    rig.preview.faults().next(Answer::status(413));
    let mut target = Target::new(&rig.sinks, &["a"], 4);
    scrape(&rig, &mut target, 1..=2);
    rig.arrived(|r| r.sample_count() == 8).await;
    assert_eq!((times(&rig.recorder, "m0"), times(&rig.recorder, "m3")), (vec![1, 2], vec![1, 2]));
    rig.sinks.shutdown(BOUND).await;
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2_0_request_too_large_is_split() {
    let rig = Rig::version_2().await;
    rig.preview.faults().rule(|asked| (asked.records > 4).then(|| Answer::status(413)));
    let mut target = Target::new(&rig.sinks, &["a"], 8);
    scrape(&rig, &mut target, 1..=1);
    rig.arrived(|r| r.sample_count() == 8).await;
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(rig.came_as(), ["2.0.0"]);
    balance(&rig.account("remote_write.a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_as_1_0_goes_out_as_it_is_or_as_the_backend_wants_it() {
    for (versions, want) in [(Versions::Both, &["0.1.0", "2.0.0"][..]), (Versions::Two, &["2.0.0"])] {
        let rig = Rig::with(|preview| vec![remote_write(preview, "a")], |_| vec![]).await;
        rig.preview.faults().always(Answer::status(503));
        let mut target = Target::new(&rig.sinks, &["a"], 2);
        scrape(&rig, &mut target, 1..=3);
        rig.asked(1).await;
        rig.preview.faults().understand(versions);
        rig.sinks.apply(version_2(&rig.preview), vec![]).await.unwrap();
        target.renew(4);
        rig.sinks.flush();
        scrape(&rig, &mut target, 5..=6);
        rig.preview.faults().heal();
        rig.arrived(|r| r.sample_count() == 12).await;
        rig.sinks.shutdown(BOUND).await;
        // and no marker, for nothing has ended
        assert_eq!(times(&rig.recorder, "m1"), [1, 2, 3, 4, 5, 6], "{versions:?}");
        assert_eq!(rig.came_as(), want);
        assert!(!rig.fallback(), "what is set up is what is understood");
        balance(&rig.account("remote_write.a"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_2_0_backend_says_it_did_not_write_is_counted() {
    let rig = Rig::version_2().await;
    let mut target = Target::new(&rig.sinks, &["a"], 5);
    rig.preview.faults().next(Answer::status(200).written(3));
    scrape(&rig, &mut target, 1..=1);
    rig.asked(1).await;
    rig.preview.faults().next(Answer::status(400).written(1));
    scrape(&rig, &mut target, 2..=3);
    rig.arrived(|r| times(r, "m0").contains(&3)).await;
    rig.sinks.shutdown(BOUND).await;
    let account = rig.account("remote_write.a");
    assert_eq!(account.delivered.get(), 3 + 1 + 5);
    assert_eq!((account.dropped_so_far("not_written"), account.dropped_so_far("http_400")), (2, 4));
    balance(&account, 6);
    assert!(!rig.fallback());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_understands_nothing_costs_each_record_once() {
    let rig = Rig::version_2().await;
    rig.preview.faults().always(Answer::status(415));
    let mut target = Target::new(&rig.sinks, &["a"], 2);
    scrape(&rig, &mut target, 1..=2);
    rig.asked(4).await;
    rig.preview.faults().heal();
    scrape(&rig, &mut target, 3..=3);
    rig.arrived(|r| r.sample_count() == 2).await;
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(rig.came_as(), ["2.0.0"]);
    let account = rig.account("remote_write.a");
    assert_eq!((account.delivered.get(), account.dropped_so_far("http_415")), (2, 4));
    balance(&account, 4);
}
