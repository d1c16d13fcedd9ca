//! What ends where when sinks, their rules or the choice of sinks change.

use weir_relabel::{Action, RuleSettings, Rules};

use super::rig::*;

/// What has arrived of a series: times, a marker as its time below zero.
fn marked(recorder: &Recorder, series: &str) -> Vec<i64> {
    let stale = weir_model::STALE_NAN.to_bits();
    recorder.samples(series).iter().map(|p| if p.value.to_bits() == stale { -p.time } else { p.time }).collect()
}

impl Target {
    /// The page that is the first after a reload.
    pub(super) fn renew(&mut self, time: i64) {
        let mut births = Births::default();
        for slot in 0..self.series {
            let labels: LabelSet = [("__name__", format!("m{slot}"))].iter().collect();
            births.push(slot, labels.as_labels());
        }
        let samples: Vec<_> = (0..self.series).map(|slot| Sample { slot, own_time: false, time, value: 1.0 }).collect();
        self.sink.renew(&Page { time, deaths: &[], births: &births, samples: &samples }, &|_| false);
    }
}

/// Settings whose series say which sink they came to.
fn named(preview: &Preview, name: &str, rules: &[RuleSettings]) -> RemoteWriteSettings {
    RemoteWriteSettings {
        external_labels: [("sink", name)].iter().collect(),
        write_relabel: Rules::compile(rules).unwrap(),
        ..remote_write(preview, name)
    }
}

fn drop_m0() -> RuleSettings {
    RuleSettings {
        source_labels: vec!["__name__".into()],
        regex: "m0".into(),
        action: Action::Drop,
        ..RuleSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sinks_new_rules_drop_or_rename_ends_there_and_nowhere_else() {
    let both = |p: &Preview| vec![named(p, "a", &[]), named(p, "b", &[])];
    let rig = Rig::with(both, |_| vec![]).await;
    let mut target = Target::new(&rig.sinks, &["a", "b"], 2);
    target.scrape(1);
    let rename = RuleSettings { target_label: "zone".into(), replacement: "eu".into(), ..RuleSettings::default() };
    let dropping = vec![named(&rig.preview, "a", &[drop_m0()]), named(&rig.preview, "b", &[])];
    rig.sinks.apply(dropping, vec![]).await.unwrap();
    target.renew(2);
    target.scrape(3);
    let renaming = vec![named(&rig.preview, "a", &[drop_m0(), rename]), named(&rig.preview, "b", &[])];
    rig.sinks.apply(renaming, vec![]).await.unwrap();
    target.renew(4);
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(marked(&rig.recorder, r#"m0{sink="a"}"#), [1, -2]);
    assert_eq!(marked(&rig.recorder, r#"m1{sink="a"}"#), [1, 2, 3, -4]);
    assert_eq!(marked(&rig.recorder, r#"m1{sink="a", zone="eu"}"#), [4]);
    assert_eq!(marked(&rig.recorder, r#"m0{sink="b"}"#), [1, 2, 3, 4]);
    assert_eq!(marked(&rig.recorder, r#"m1{sink="b"}"#), [1, 2, 3, 4]);
    for (component, dropped) in [("remote_write.a", 3), ("remote_write.b", 0)] {
        balance(&rig.account(component), dropped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_end_at_a_sink_that_their_pipeline_leaves_and_go_on_at_the_others() {
    let all = |p: &Preview| ["a", "b", "c"].map(|name| named(p, name, &[])).to_vec();
    let rig = Rig::with(all, |_| vec![]).await;
    let mut target = Target::new(&rig.sinks, &["a", "b"], 1);
    target.scrape(1);
    target.to.set(&["b".into(), "c".into()]);
    rig.sinks.reroute();
    target.renew(2);
    target.scrape(3);
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(marked(&rig.recorder, r#"m0{sink="a"}"#), [1, -2]);
    assert_eq!(marked(&rig.recorder, r#"m0{sink="b"}"#), [1, 2, 3]);
    assert_eq!(marked(&rig.recorder, r#"m0{sink="c"}"#), [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_of_one_encoding_part_without_a_marker_at_the_one_that_stays() {
    // equal but for the name: they share a group, whose labels cannot tell them apart
    let pair = |p: &Preview| vec![remote_write(p, "a"), remote_write(p, "b")];
    let rig = Rig::with(pair, |_| vec![]).await;
    let mut target = Target::new(&rig.sinks, &["a", "b"], 1);
    target.scrape(1);
    target.to.set(&["b".into()]);
    rig.sinks.reroute();
    target.renew(2);
    rig.sinks.shutdown(BOUND).await;
    // two of the first page, one marker, one sample
    assert_eq!(rig.account("remote_write.a").generated.get(), 1);
    assert_eq!(rig.account("remote_write.b").generated.get(), 0);
    let mut all = marked(&rig.recorder, "m0");
    all.sort_unstable();
    assert_eq!(all, [-2, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_gone_gets_no_marker_and_series_end_at_one_sink_alone() {
    let pair = |p: &Preview| vec![named(p, "a", &[]), named(p, "b", &[])];
    let rig = Rig::with(pair, |_| vec![]).await;
    let mut target = Target::new(&rig.sinks, &["a", "b"], 2);
    target.scrape(1);
    rig.sinks.flush();
    // what is queued for a sink that goes need not have been sent
    rig.arrived(|r| r.sample_count() == 4).await;
    target.sink.end(2, &[0], "b");
    rig.sinks.apply(vec![named(&rig.preview, "b", &[])], vec![]).await.unwrap();
    target.renew(3);
    target.sink.end(4, &[0, 1], "a");
    target.sink.end(4, &[0, 1], "b");
    rig.sinks.shutdown(BOUND).await;
    assert_eq!(marked(&rig.recorder, r#"m0{sink="a"}"#), [1]);
    assert_eq!(marked(&rig.recorder, r#"m1{sink="a"}"#), [1]);
    assert_eq!(marked(&rig.recorder, r#"m0{sink="b"}"#), [1, -2, 3, -4]);
    assert_eq!(marked(&rig.recorder, r#"m1{sink="b"}"#), [1, 3, -4]);
}
