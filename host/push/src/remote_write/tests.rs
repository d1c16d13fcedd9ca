use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;
use weir_model::{Births, LabelSet, Page, PageSink, STALE_NAN, Sample};
use weir_receive::recorder::series_name;
use weir_relabel::{Action, RuleSettings, Rules};

mod later;

use super::*;
use crate::batch::BatchSettings;
use crate::intake::testing::{Memory, from};
use crate::scratch::ScratchPool;

fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().collect()
}

fn encoding() -> Encoding {
    Encoding {
        protocol: crate::protocol::Protocol::RemoteWrite1,
        exemplars: false,
        native_histograms: false,
        external_labels: LabelSet::default(),
        write_relabel: Rules::default(),
        batch: BatchSettings::REMOTE_WRITE,
        lanes: 4,
    }
}

struct Rig {
    sink: Arc<Memory>,
    group: Arc<Group>,
    target: TargetEncoder,
}

fn rig(encoding: Encoding) -> Rig {
    let sink = Arc::new(Memory::default());
    let group = Arc::new(Group::new(encoding, vec![sink.clone()]));
    let target = TargetEncoder::new(group.clone(), Arc::new(ScratchPool::default()), 6, from());
    Rig { sink, group, target }
}

fn births(sets: &[(u32, LabelSet)]) -> Births {
    let mut births = Births::default();
    for (slot, set) in sets {
        births.push(*slot, set.as_labels());
    }
    births
}

fn sample(slot: u32, time: i64, value: f64) -> Sample {
    Sample { slot, own_time: false, time, value }
}

impl Rig {
    fn page(&mut self, births: &Births, deaths: &[u32], samples: &[Sample]) {
        self.target.accept(&Page { time: samples.first().map_or(0, |s| s.time), deaths, births, samples });
    }

    /// All samples so far as (series, time, bits).
    fn sent(&self) -> Vec<(String, i64, u64)> {
        self.group.flush();
        let requests = self.sink.remote_write();
        let series = requests.iter().flat_map(|r| &r.timeseries);
        series.flat_map(|s| s.samples.iter().map(|p| (series_name(s), p.timestamp, p.value.to_bits()))).collect()
    }
}

#[test]
fn a_marker_of_a_dying_slot_is_written_before_the_slot_is_free() {
    let mut rig = rig(encoding());
    let (a, b) = (set(&[("__name__", "a")]), set(&[("__name__", "b")]));
    rig.page(&births(&[(0, a.clone()), (1, b)]), &[], &[sample(0, 1, 1.0), sample(1, 1, -0.0)]);
    rig.page(&Births::default(), &[0], &[sample(0, 2, STALE_NAN), sample(1, 2, 0.0)]);
    let c = set(&[("__name__", "c")]);
    rig.page(&births(&[(0, c)]), &[], &[sample(0, 3, 5.0)]);
    let want = [
        ("a", 1, 1.0f64.to_bits()),
        ("a", 2, STALE_NAN.to_bits()),
        ("b", 1, (-0.0f64).to_bits()),
        ("b", 2, 0),
        ("c", 3, 5.0f64.to_bits()),
    ];
    assert_eq!(rig.sent(), want.map(|(s, t, v)| (s.to_owned(), t, v)));
    let parcels = rig.sink.parcels.lock().unwrap();
    let (lane, meta, _) = &parcels[0];
    assert_eq!((*lane, meta.entries, meta.time_min_ms, meta.time_max_ms), (2, 5, 1, 3));
}

#[test]
fn external_labels_fill_gaps_and_rules_drop() {
    let rule = RuleSettings {
        source_labels: vec!["__name__".into()],
        regex: "go_.*".into(),
        action: Action::Drop,
        ..RuleSettings::default()
    };
    let unname = RuleSettings { regex: "__name__".into(), action: Action::LabelDrop, ..RuleSettings::default() };
    let rules = |list: &[RuleSettings]| Rules::compile(list).unwrap();
    let mut encoding = encoding();
    encoding.external_labels = set(&[("job", "x"), ("zone", "z")]);
    encoding.write_relabel = rules(&[rule]);
    let mut first = rig(encoding.clone());
    let born = births(&[(0, set(&[("__name__", "up"), ("job", "node")])), (1, set(&[("__name__", "go_threads")]))]);
    first.page(&born, &[], &[sample(0, 1, 1.0), sample(1, 1, 2.0)]);
    assert_eq!(first.sent(), [(r#"up{job="node", zone="z"}"#.to_owned(), 1, 1.0f64.to_bits())]);
    assert_eq!(*first.sink.dropped.lock().unwrap(), [("write_relabel", 1)]);

    encoding.write_relabel = rules(&[unname]);
    let mut nameless = rig(encoding);
    nameless.page(&born, &[], &[sample(0, 1, 1.0), sample(1, 1, 2.0)]);
    assert!(nameless.sent().is_empty());
    assert_eq!(*nameless.sink.dropped.lock().unwrap(), [("write_relabel", 2)]);
}

#[test]
fn requests_are_cut_by_count_by_bytes_and_by_age() {
    let mut by_count = encoding();
    by_count.batch.max_records = 3;
    let mut rig_count = rig(by_count);
    let born = births(&[(0, set(&[("__name__", "a")]))]);
    rig_count.page(&born, &[], &(0..7).map(|t| sample(0, t, 1.0)).collect::<Vec<_>>());
    assert_eq!(rig_count.sink.parcels.lock().unwrap().len(), 2);

    let mut by_bytes = encoding();
    by_bytes.batch.max_bytes = 1;
    let mut rig_bytes = rig(by_bytes);
    rig_bytes.page(&born, &[], &[sample(0, 1, 1.0), sample(0, 2, 1.0)]);
    assert_eq!(rig_bytes.sink.parcels.lock().unwrap().len(), 2);

    let mut rig_age = rig(encoding());
    rig_age.page(&born, &[], &[sample(0, 1, 1.0)]);
    let now = Instant::now();
    rig_age.group.tick(now - Duration::from_millis(1));
    assert!(rig_age.sink.parcels.lock().unwrap().is_empty());
    rig_age.group.tick(now + Duration::from_secs(1));
    assert_eq!(rig_age.sink.parcels.lock().unwrap().len(), 1);
    assert!(rig_age.group.is_idle());
}

#[test]
fn a_retired_group_seals_at_once() {
    let mut rig = rig(encoding());
    rig.page(&births(&[(0, set(&[("__name__", "a")]))]), &[], &[sample(0, 1, 1.0)]);
    rig.group.retire();
    assert_eq!(rig.sink.parcels.lock().unwrap().len(), 1);
    rig.page(&Births::default(), &[], &[sample(0, 2, 1.0)]);
    assert_eq!(rig.sink.parcels.lock().unwrap().len(), 2);
}

#[test]
fn parcels_without_a_place_wait_in_order_and_then_the_oldest_go() {
    let mut encoding = encoding();
    encoding.batch.max_records = 1;
    let mut rig = rig(encoding);
    rig.sink.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let samples: Vec<_> = (0..20).map(|t| sample(0, t, 1.0)).collect();
    rig.page(&births(&[(0, set(&[("__name__", "a")]))]), &[], &samples);
    assert_eq!(*rig.sink.dropped.lock().unwrap(), [("storage", 1); 4]);
    rig.sink.free();
    rig.group.tick(Instant::now());
    let times: Vec<_> = rig.sent().into_iter().map(|(_, time, _)| time).collect();
    assert_eq!(times, (4..20).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        sets in prop::collection::vec(prop::collection::btree_map("[a-z]{1,8}", "\\PC{1,200}", 1..12), 1..20),
        values in prop::collection::vec((any::<u64>(), any::<i64>()), 1..200),
    ) {
        let mut rig = rig(encoding());
        let sets: Vec<(u32, LabelSet)> = sets.iter().enumerate().map(|(slot, map)| {
            let pairs: Vec<_> = map.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
            (slot as u32, pairs.iter().collect())
        }).collect();
        let samples: Vec<_> = values.iter().enumerate()
            .map(|(i, (bits, time))| sample((i % sets.len()) as u32, *time, f64::from_bits(*bits))).collect();
        rig.page(&births(&sets), &[], &samples);
        rig.group.flush();
        let requests = rig.sink.remote_write();
        let got: Vec<_> = requests.iter().flat_map(|r| &r.timeseries).collect();
        prop_assert_eq!(got.len(), samples.len());
        for (series, sample) in got.iter().zip(&samples) {
            let want: Vec<_> = sets[sample.slot as usize].1.as_labels().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            let labels: Vec<_> = series.labels.iter().map(|l| (l.name.clone(), l.value.clone())).collect();
            prop_assert_eq!(labels, want);
            prop_assert_eq!(series.samples.len(), 1);
            prop_assert_eq!(series.samples[0].timestamp, sample.time);
            prop_assert_eq!(series.samples[0].value.to_bits(), sample.value.to_bits());
        }
    }
}
