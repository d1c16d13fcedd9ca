//! Several samples of a series in a request, against an encoder that writes each sample by itself.

use std::collections::BTreeMap;

use weir_model::{Metadata, MetricKind};
use weir_receive::decode::{self, Limits};
use weir_receive::symbols::resolve;

use super::*;
use crate::protocol::Protocol;
use crate::split;

/// A sample as a receiver sees it: its time, its value's bits, and what is known of the family.
type Seen = (i64, u64, Option<String>);

/// What a receiver sees of each series, in order.
type Series = BTreeMap<String, Vec<Seen>>;

/// Adds what a body holds to what came before; how many samples it holds. Messages' samples must ascend.
fn see(protocol: Protocol, body: &[u8], seen: &mut Series) -> u32 {
    let (request, metadata) = if protocol == Protocol::RemoteWrite2 {
        // this checks that no symbol is there twice
        resolve(&decode::remote_write_2(body, Limits::default()).unwrap()).unwrap()
    } else {
        (decode::remote_write(body, Limits::default()).unwrap(), vec![])
    };
    let mut samples = 0;
    for (i, series) in request.timeseries.iter().enumerate() {
        assert!(series.samples.is_sorted_by(|a, b| a.timestamp < b.timestamp), "{series:?}");
        let known = metadata.get(i).cloned().flatten().map(|m| m.help);
        let of = seen.entry(series_name(series)).or_default();
        of.extend(series.samples.iter().map(|p| (p.timestamp, p.value.to_bits(), known.clone())));
        samples += series.samples.len() as u32;
    }
    samples
}

/// The same without what is known of families, of which 1.0 says nothing.
fn plain(series: &Series) -> Series {
    let plain = |samples: &Vec<Seen>| samples.iter().map(|(time, bits, _)| (*time, *bits, None)).collect();
    series.iter().map(|(name, samples)| (name.clone(), plain(samples))).collect()
}

fn about(n: u8) -> Option<Arc<Metadata>> {
    let known = |n| Metadata { kind: MetricKind::Gauge, help: format!("help {n}").into(), unit: Box::default() };
    (n > 0).then(|| Arc::new(known(n)))
}

#[derive(Clone, Debug)]
enum Step {
    /// With its target's next page: a series of this slot, in place of what there was.
    Born {
        target: usize,
        slot: u32,
        series: u8,
        about: u8,
    },
    Described {
        target: usize,
        slot: u32,
        about: u8,
    },
    /// With a marker.
    Dies {
        target: usize,
        slot: u32,
    },
    /// The target is scraped so much later than last time, and has all its series but the slots of `skip`.
    Page {
        target: usize,
        later: i64,
        skip: u8,
    },
    /// A marker by labels.
    Mark {
        series: u8,
        later: i64,
    },
    /// A target starts over: its series are born again, in an encoder of their own.
    Renewed {
        target: usize,
    },
    Seal,
}

fn step() -> impl Strategy<Value = Step> {
    let (target, slot) = (0usize..3, 0u32..5);
    let later = prop_oneof![8 => 1i64..4, 1 => Just(0), 1 => -3i64..0];
    prop_oneof![
        4 => (target.clone(), slot.clone(), 0u8..9, 0u8..3)
            .prop_map(|(target, slot, series, about)| Step::Born { target, slot, series, about }),
        1 => (target.clone(), slot.clone(), 1u8..3).prop_map(|(target, slot, about)| Step::Described { target, slot, about }),
        2 => (target.clone(), slot).prop_map(|(target, slot)| Step::Dies { target, slot }),
        12 => (target.clone(), later, any::<u8>(), any::<bool>())
            .prop_map(|(target, later, skip, all)| Step::Page { target, later, skip: if all { 0 } else { skip } }),
        1 => (0u8..9, 1i64..3).prop_map(|(series, later)| Step::Mark { series, later }),
        1 => target.prop_map(|target| Step::Renewed { target }),
        1 => Just(Step::Seal),
    ]
}

/// A target and what it is to say with its next page.
struct Target {
    encoder: TargetEncoder,
    living: BTreeMap<u32, (u8, u8)>,
    born: BTreeMap<u32, (u8, u8)>,
    described: BTreeMap<u32, u8>,
    dying: Vec<u32>,
    time: i64,
}

fn series(n: u8) -> LabelSet {
    set(&[("__name__", &format!("m{}", n % 3)), ("n", &n.to_string())])
}

fn name(n: u8) -> String {
    format!(r#"m{}{{n="{n}"}}"#, n % 3)
}

impl Target {
    fn new(group: &Arc<Group>) -> Self {
        let encoder = TargetEncoder::new(group.clone(), Arc::new(ScratchPool::default()), 6, from());
        let (living, born, described) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { encoder, living, born, described, dying: vec![], time: 1_700_000_000_000 }
    }

    /// Scrapes; `naive` gets every sample by itself.
    fn page(&mut self, skip: u8, value: &mut f64, naive: &mut Series) {
        let mut births = Births::default();
        let deaths: Vec<u32> = std::mem::take(&mut self.dying);
        let mut samples = vec![];
        let mut put = |slot, (series, known): (u8, u8), time, value: f64| {
            samples.push(sample(slot, time, value));
            let help = about(known).map(|m| m.help.to_string());
            naive.entry(name(series)).or_default().push((time, value.to_bits(), help));
        };
        for slot in &deaths {
            put(*slot, self.living.remove(slot).unwrap(), self.time, STALE_NAN);
        }
        for (slot, (number, known)) in std::mem::take(&mut self.born) {
            births.push_described(slot, series(number).as_labels(), about(known));
            self.living.insert(slot, (number, known));
        }
        for (slot, known) in std::mem::take(&mut self.described) {
            if let Some((_, now)) = self.living.get_mut(&slot) {
                *now = known;
                births.describe(slot, about(known).unwrap());
            }
        }
        for (slot, what) in self.living.iter().filter(|(slot, _)| skip & (1 << *slot) == 0) {
            *value += 1.0;
            put(*slot, *what, self.time, *value);
        }
        self.encoder.accept(&Page { time: self.time, deaths: &deaths, births: &births, samples: &samples });
    }
}

/// Runs a history; the sink with what came of it, and what a naive encoder would have sent.
fn run(steps: &[Step], encoding: Encoding) -> (Arc<Memory>, Series) {
    let Rig { sink, group, .. } = rig(encoding);
    let mut targets: Vec<Target> = (0..3).map(|_| Target::new(&group)).collect();
    let (mut naive, mut value) = (Series::new(), 0.0);
    for step in steps {
        match *step {
            Step::Born { target, slot, series, about } => {
                let target = &mut targets[target];
                if !target.dying.contains(&slot) {
                    target.born.insert(slot, (series, about));
                }
            }
            Step::Described { target, slot, about } => drop(targets[target].described.insert(slot, about)),
            Step::Dies { target, slot } => {
                let target = &mut targets[target];
                if target.living.contains_key(&slot) && !target.dying.contains(&slot) {
                    target.born.remove(&slot);
                    target.described.remove(&slot);
                    target.dying.push(slot);
                }
            }
            Step::Page { target, later, skip } => {
                targets[target].time += later;
                targets[target].page(skip, &mut value, &mut naive);
            }
            Step::Mark { series: number, later } => {
                let time = targets.iter().map(|t| t.time).max().unwrap() + later;
                let labels = series(number);
                group.mark(group.lane_of(6), [labels.as_labels().as_bytes()].into_iter(), time);
                naive.entry(name(number)).or_default().push((time, STALE_NAN.to_bits(), None));
            }
            Step::Renewed { target } => {
                let mut new = Target::new(&group);
                let former = &mut targets[target];
                new.time = former.time;
                new.born = std::mem::take(&mut former.living);
                *former = new;
            }
            Step::Seal => group.flush(),
        }
    }
    group.flush();
    (sink, naive)
}

proptest! {
    #[test]
    fn a_receiver_sees_what_it_would_see_of_a_message_for_each_sample(
        steps in prop::collection::vec(step(), 1..120),
        max_records in 1u32..200,
        two in any::<bool>(),
    ) {
        let protocol = if two { Protocol::RemoteWrite2 } else { Protocol::RemoteWrite1 };
        let mut encoding = Encoding { protocol, ..encoding() };
        encoding.batch.max_records = max_records;
        let (sink, naive) = run(&steps, encoding);
        let naive = if two { naive } else { plain(&naive) };
        let (mut seen, mut as_1, mut split) = (Series::new(), Series::new(), Series::new());
        for (_, meta, body) in sink.parcels.lock().unwrap().iter() {
            prop_assert_eq!(see(protocol, body, &mut seen), meta.entries);
            if two {
                let other = transcode(protocol, Protocol::RemoteWrite1, body).unwrap();
                prop_assert_eq!(see(Protocol::RemoteWrite1, &other, &mut as_1), meta.entries);
            }
            let halves = split::halves(protocol, body).into_iter().flatten().collect::<Vec<_>>();
            prop_assert_eq!(halves.is_empty(), meta.entries == 1);
            for half in &halves {
                prop_assert_eq!(see(protocol, &half.body, &mut split), half.entries);
            }
            if halves.is_empty() {
                see(protocol, body, &mut split);
            }
        }
        prop_assert_eq!(&seen, &naive);
        prop_assert_eq!(&split, &naive);
        if two {
            prop_assert_eq!(as_1, plain(&naive));
        }
    }
}

/// Scrapes a target with so many series so often; how many bytes each request has before it is compressed.
fn sizes(protocol: Protocol, series: u32, scrapes: i64, max_bytes: usize) -> (Arc<Memory>, Vec<usize>) {
    let mut encoding = Encoding { protocol, ..encoding() };
    encoding.batch.max_bytes = max_bytes;
    let mut rig = rig(encoding);
    let sets: Vec<_> = (0..series).map(|i| (i, set(&[("__name__", "up"), ("n", &i.to_string())]))).collect();
    let mut born = births(&sets);
    for time in 1..=scrapes {
        let samples: Vec<_> = (0..series).map(|slot| sample(slot, time, f64::from(slot))).collect();
        rig.page(&born, &[], &samples);
        born.clear();
    }
    rig.group.flush();
    let parcels = rig.sink.parcels.lock().unwrap();
    let sizes = parcels.iter().map(|(_, _, body)| snap::raw::decompress_len(body).unwrap()).collect();
    drop(parcels);
    (rig.sink, sizes)
}

#[test]
fn scrapes_in_one_request_share_their_series_messages() {
    for protocol in [Protocol::RemoteWrite1, Protocol::RemoteWrite2] {
        let (sink, sizes) = sizes(protocol, 4, 3, 1 << 20);
        assert_eq!(sizes.len(), 1);
        let parcels = sink.parcels.lock().unwrap();
        let (_, meta, body) = &parcels[0];
        assert_eq!((meta.entries, meta.time_min_ms, meta.time_max_ms), (12, 1, 3));
        let request = if protocol == Protocol::RemoteWrite2 {
            resolve(&decode::remote_write_2(body, Limits::default()).unwrap()).unwrap().0
        } else {
            decode::remote_write(body, Limits::default()).unwrap()
        };
        let times: Vec<Vec<i64>> =
            request.timeseries.iter().map(|s| s.samples.iter().map(|p| p.timestamp).collect()).collect();
        assert_eq!(times, vec![vec![1, 2, 3]; 4], "{protocol:?}");
    }
}

#[test]
fn later_samples_count_towards_a_requests_bytes() {
    for protocol in [Protocol::RemoteWrite1, Protocol::RemoteWrite2] {
        let (_, sizes) = sizes(protocol, 20, 100, 5_000);
        let (last, full) = sizes.split_last().unwrap();
        assert!(full.len() > 3 && *last < 5_100, "{sizes:?}");
        // one message over the limit at most, and no more than a byte a series under it
        assert!(full.iter().all(|size| (4_980..5_100).contains(size)), "{protocol:?}: {sizes:?}");
    }
}
