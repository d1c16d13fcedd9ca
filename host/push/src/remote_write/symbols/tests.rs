use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_model::LabelSet;
use weir_receive::decode::{self, Limits};
use weir_receive::symbols::{SeriesMetadata, resolve};

use super::*;

fn about(kind: MetricKind, help: &str) -> Metadata {
    Metadata { kind, help: help.into(), unit: Box::default() }
}

/// What a receiver reads of a request: each series as text, and what is known of it.
fn read(head: &[u8], raw: &[u8]) -> Vec<(String, Option<SeriesMetadata>)> {
    let body = snap::raw::Encoder::new().compress_vec(&[head, raw].concat()).unwrap();
    let request = decode::remote_write_2(&body, Limits::default()).unwrap();
    let (plain, metadata) = resolve(&request).unwrap();
    let used: std::collections::BTreeSet<u32> = request.timeseries.iter().flat_map(|s| s.labels_refs.clone()).collect();
    let about = request.timeseries.iter().filter_map(|s| s.metadata).flat_map(|m| [m.help_ref, m.unit_ref]);
    let used: std::collections::BTreeSet<u32> = used.into_iter().chain(about).chain([0]).collect();
    assert_eq!(used.len(), request.symbols.len(), "no symbol that nobody needs");
    plain.timeseries.iter().map(weir_receive::recorder::series_name).zip(metadata).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// A series of this slot, in place of what there was.
    Born(u8, Vec<(u8, u8)>, u8),
    Described(u8, u8),
    Dies(u8),
    /// All living series are written.
    Page,
    Request,
}

fn step() -> impl Strategy<Value = Step> {
    let labels = prop::collection::vec((0u8..6, 0u8..6), 1..6);
    prop_oneof![
        4 => (0u8..12, labels, 0u8..4).prop_map(|(slot, labels, about)| Step::Born(slot, labels, about)),
        1 => (0u8..12, 1u8..4).prop_map(|(slot, about)| Step::Described(slot, about)),
        2 => (0u8..12).prop_map(Step::Dies),
        2 => Just(Step::Page),
        1 => Just(Step::Request),
    ]
}

proptest! {
    #[test]
    fn every_request_says_what_its_series_are(steps in prop::collection::vec(step(), 1..80)) {
        let mut table = SymbolTable::default();
        let mut series: BTreeMap<u8, (Numbers, LabelSet, Option<Metadata>)> = BTreeMap::new();
        let (mut head, mut raw, mut want) = (vec![], vec![], vec![]);
        let known = |n: u8| (n > 0).then(|| about(MetricKind::Gauge, &"h".repeat(usize::from(n) - 1)));
        table.begin(&mut head);
        for step in steps.iter().chain([&Step::Page, &Step::Request]) {
            match step {
                Step::Born(slot, labels, metadata) => {
                    let pairs = labels.iter().map(|(n, v)| (format!("n{n}"), format!("v{v}"))).collect::<Vec<_>>();
                    let labels: LabelSet = pairs.iter().collect();
                    let mut numbers = Numbers::default();
                    table.take(labels.as_labels(), known(*metadata).as_ref(), &mut numbers);
                    if let Some((old, ..)) = series.insert(*slot, (numbers, labels, known(*metadata))) {
                        table.release(old.as_bytes());
                    }
                }
                Step::Described(slot, metadata) => {
                    if let Some((numbers, _, about)) = series.get_mut(slot) {
                        let mut new = Numbers::default();
                        *about = known(*metadata);
                        table.redescribe(numbers.as_bytes(), about.as_ref().unwrap(), &mut new);
                        table.release(std::mem::replace(numbers, new).as_bytes());
                    }
                }
                Step::Dies(slot) => {
                    if let Some((old, ..)) = series.remove(slot) {
                        table.release(old.as_bytes());
                    }
                }
                Step::Page => {
                    for (numbers, labels, metadata) in series.values() {
                        let sample = [0x12, 2, 0x10, 1];
                        prop_assert!(table.put_series(numbers.as_bytes(), &sample, &mut head, &mut raw));
                        let mut same = vec![];
                        table.labels_of(numbers.as_bytes(), &mut same);
                        prop_assert_eq!(&LabelSet::from_canonical(&same).unwrap(), labels);
                        let name: Vec<_> = labels.as_labels().iter().map(|(n, v)| format!("{n}={v:?}")).collect();
                        let metadata = metadata.as_ref().map(|m| SeriesMetadata {
                            kind: m.kind as i32,
                            help: m.help.to_string(),
                            unit: m.unit.to_string(),
                        });
                        want.push((format!("{{{}}}", name.join(", ")), metadata));
                    }
                }
                Step::Request => {
                    prop_assert_eq!(read(&head, &raw), std::mem::take(&mut want));
                    (head, raw) = (vec![], vec![]);
                    table.begin(&mut head);
                }
            }
        }
        for (numbers, ..) in series.values() {
            table.release(numbers.as_bytes());
        }
        table.begin(&mut head);
        prop_assert_eq!(table.in_use(), (1, 0, 0), "what nobody uses is forgotten");
    }
}

#[test]
fn many_symbols_have_long_references_and_the_dead_make_room() {
    let mut table = SymbolTable::default();
    let (mut head, mut raw) = (vec![], vec![]);
    table.begin(&mut head);
    let mut kept = vec![];
    for i in 0..20_000 {
        let labels: LabelSet = [("__name__", format!("a_long_enough_name_{i}")), ("n", "x".into())].iter().collect();
        let mut numbers = Numbers::default();
        table.take(labels.as_labels(), Some(&about(MetricKind::Counter, &format!("help {i}"))), &mut numbers);
        table.put_series(numbers.as_bytes(), &[0x12, 2, 0x10, 1], &mut head, &mut raw);
        if i % 10 == 0 {
            kept.push((numbers, format!("a_long_enough_name_{i}{{n=\"x\"}}")));
        } else {
            table.release(numbers.as_bytes());
        }
    }
    assert_eq!(read(&head, &raw).len(), 20_000);
    (head, raw) = (vec![], vec![]);
    table.begin(&mut head);
    for (numbers, _) in &kept {
        table.put_series(numbers.as_bytes(), &[0x12, 2, 0x10, 1], &mut head, &mut raw);
    }
    let got: Vec<_> = read(&head, &raw).into_iter().map(|(name, _)| name).collect();
    assert_eq!(got, kept.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>());
}

#[test]
fn numbers_of_requests_begin_anew_after_the_last() {
    let mut table = SymbolTable::default();
    let mut numbers = Numbers::default();
    let labels: LabelSet = [("__name__", "up")].iter().collect();
    table.take(labels.as_labels(), None, &mut numbers);
    table.request = u32::MAX - 1;
    for _ in 0..4 {
        let (mut head, mut raw) = (vec![], vec![]);
        table.begin(&mut head);
        assert!(table.put_series(numbers.as_bytes(), &[0x12, 2, 0x10, 1], &mut head, &mut raw));
        assert_eq!(read(&head, &raw), [("up".to_owned(), None)]);
    }
}
