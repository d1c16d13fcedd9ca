use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use weir_model::{Ack, AckWatch, LabelSet, LogBatch};
use weir_receive::proto::loki::Entry;

use super::*;
use crate::batch::BatchSettings;
use crate::intake::testing::{Memory, from};

fn encoding() -> Encoding {
    let external_labels = [("zone", "z")].iter().collect();
    Encoding { external_labels, structured_metadata: true, batch: BatchSettings::LOKI, lanes: 3 }
}

fn rig(encoding: Encoding) -> (Arc<Memory>, Group) {
    let sink = Arc::new(Memory::default());
    let group = Group::new(encoding, vec![sink.clone()]);
    (sink, group)
}

fn stream(name: &str) -> LabelSet {
    [("file", name)].iter().collect()
}

fn batch(streams: &[&str], rows: &[(u32, i64, &str)]) -> LogBatch {
    let mut batch = LogBatch { streams: streams.iter().map(|s| stream(s)).collect(), ..LogBatch::default() };
    for (stream, time, line) in rows {
        batch.push(*time, line);
        batch.stream_of_line.push(*stream);
    }
    batch
}

/// A stream's entries over all requests so far.
fn entries(sink: &Memory, labels: &str) -> Vec<Entry> {
    let streams = sink.loki().into_iter().flat_map(|r| r.streams);
    streams.filter(|s| s.labels == labels).flat_map(|s| s.entries).collect()
}

#[derive(Default)]
struct Settled(Mutex<Vec<bool>>, AtomicU64);

impl AckWatch for Settled {
    fn settled(&self, _: u64, safe: bool) {
        self.0.lock().unwrap().push(safe);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn lines_are_grouped_by_stream_and_times_rise_strictly() {
    let (sink, group) = rig(encoding());
    group.write(&batch(&["a", "b"], &[(0, 10, "1"), (1, 5, "x"), (0, 10, "2"), (0, 3, "3"), (1, 6, "y")]), &from());
    group.write(&batch(&["a"], &[(0, 11, "4"), (0, 900, "5")]), &from());
    group.flush();
    let seen = |labels| -> Vec<_> { entries(&sink, labels).into_iter().map(|e| (e.nanos(), e.line)).collect() };
    let pair = |(time, line): (i64, &str)| (time, line.to_owned());
    assert_eq!(seen(r#"{file="a", zone="z"}"#), [(10, "1"), (11, "2"), (12, "3"), (13, "4"), (900, "5")].map(pair));
    assert_eq!(seen(r#"{file="b", zone="z"}"#), [(5, "x"), (6, "y")].map(pair));
    let messages = sink.loki().into_iter().flat_map(|r| r.streams).count();
    assert_eq!(messages, 3, "one message for each stream in each batch");
    assert_eq!(sink.routed.load(Ordering::SeqCst), 7);
}

#[test]
fn a_time_that_is_far_ahead_is_nows_and_takes_no_line_along() {
    let (sink, group) = rig(encoding());
    group.write(&batch(&["a"], &[(0, i64::MAX, "1"), (0, i64::MAX - 1, "2"), (0, 1, "3")]), &from());
    group.write(&batch(&["a"], &[(0, 4_102_444_800_000_000_000, "in 2100"), (0, i64::MAX, "4")]), &from());
    group.flush();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as i64;
    let seen = entries(&sink, r#"{file="a", zone="z"}"#);
    assert_eq!(seen.iter().map(|e| e.line.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "in 2100", "4"]);
    let times: Vec<i64> = seen.iter().map(weir_receive::proto::loki::Entry::nanos).collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
    assert!(times.iter().all(|t| (now - 600_000_000_000..=now).contains(t)), "{times:?}");
    assert_eq!(sink.retimed.load(Ordering::SeqCst), 4);
    // a clock that is a little ahead is left alone
    group.write(&batch(&["b"], &[(0, now + 1_000_000_000, "soon")]), &from());
    group.flush();
    assert_eq!(entries(&sink, r#"{file="b", zone="z"}"#)[0].nanos(), now + 1_000_000_000);
    assert_eq!(sink.retimed.load(Ordering::SeqCst), 4);
}

#[test]
fn label_sets_that_are_one_stream_when_sent_share_a_clock() {
    let (sink, group) = rig(encoding());
    let both: LabelSet = [("file", "a"), ("zone", "z")].iter().collect();
    let mut other = batch(&[], &[(0, 7, "2")]);
    other.streams = vec![both];
    group.write(&batch(&["a"], &[(0, 7, "1")]), &from());
    group.write(&other, &from());
    group.flush();
    let times: Vec<_> = entries(&sink, r#"{file="a", zone="z"}"#).iter().map(Entry::nanos).collect();
    assert_eq!(times, [7, 8]);
}

#[test]
fn a_batch_is_acknowledged_when_all_its_lanes_are_durable() {
    let (sink, group) = rig(encoding());
    let settled = Arc::new(Settled::default());
    let mut batch = batch(&["a", "b", "c", "d"], &[(0, 1, "1"), (1, 1, "2"), (2, 1, "3"), (3, 1, "4")]);
    let ack = Ack::new(settled.clone(), 1);
    batch.ack = Some(ack.clone());
    sink.full.store(true, Ordering::SeqCst);
    group.write(&batch, &from());
    batch.ack.take().unwrap().done();
    ack.done();
    group.flush();
    assert!(settled.0.lock().unwrap().is_empty());
    sink.free();
    group.tick(tokio::time::Instant::now());
    assert_eq!(*settled.0.lock().unwrap(), [true]);
}

#[test]
fn a_batch_whose_parcels_are_lost_is_not_acknowledged() {
    let (sink, group) = rig(encoding());
    let settled = Arc::new(Settled::default());
    let mut batch = batch(&["a"], &[(0, 1, "1")]);
    batch.ack = Some(Ack::new(settled.clone(), 1));
    sink.full.store(true, Ordering::SeqCst);
    group.write(&batch, &from());
    batch.ack.take().unwrap().done();
    group.flush();
    drop(group);
    assert_eq!(*settled.0.lock().unwrap(), [false]);
}

#[tokio::test]
async fn a_full_queue_holds_the_next_batch_up() {
    let (sink, group) = rig(encoding());
    let group = Arc::new(group);
    sink.full.store(true, Ordering::SeqCst);
    group.write(&batch(&["a"], &[(0, 1, "1")]), &from());
    group.flush();
    let waiting = tokio::spawn({
        let group = group.clone();
        async move { group.room().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    sink.free();
    waiting.await.unwrap();
    assert_eq!(entries(&sink, r#"{file="a", zone="z"}"#).len(), 1);
}

#[test]
fn rows_of_a_stream_that_is_not_there_are_counted() {
    let (sink, group) = rig(encoding());
    group.write(&batch(&["a"], &[(0, 1, "1"), (9, 1, "2")]), &from());
    let mut none = batch(&[], &[(0, 1, "3")]);
    none.stream_of_line.clear();
    group.write(&none, &from());
    assert_eq!(*sink.dropped.lock().unwrap(), [("no_stream", 1), ("no_stream", 1)]);
}

#[test]
fn structured_metadata_stay_where_the_receiver_has_no_place_for_them() {
    let (sink, group) = rig(Encoding { structured_metadata: false, ..encoding() });
    let mut input = batch(&["a"], &[(0, 1, "1")]);
    input.metadata.push([("trace", "t")].iter().collect());
    group.write(&input, &from());
    group.flush();
    let got = entries(&sink, r#"{file="a", zone="z"}"#);
    assert_eq!((got.len(), got[0].structured_metadata.len()), (1, 0));
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        rows in prop::collection::vec((0u32..4, -5_000_000_000i64..5_000_000_000, "\\PC{0,60}", prop::collection::btree_map("[a-z]{1,4}", "\\PC{1,9}", 0..3)), 1..60),
        max_bytes in prop::sample::select(vec![1usize, 100, 1 << 20]),
    ) {
        let batch_settings = BatchSettings { max_bytes, ..BatchSettings::LOKI };
        let (sink, group) = rig(Encoding { batch: batch_settings, ..encoding() });
        let mut input = LogBatch { streams: ["a", "b", "c", "d"].iter().map(|s| stream(s)).collect(), ..LogBatch::default() };
        for (stream, time, line, metadata) in &rows {
            input.push(*time, line);
            input.stream_of_line.push(*stream);
            let pairs: Vec<_> = metadata.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
            input.metadata.push(pairs.iter().collect());
        }
        group.write(&input, &from());
        group.flush();
        for (index, name) in ["a", "b", "c", "d"].iter().enumerate() {
            let want: Vec<_> = rows.iter().filter(|r| r.0 as usize == index).collect();
            let got = entries(&sink, &format!(r#"{{file="{name}", zone="z"}}"#));
            prop_assert_eq!(want.len(), got.len());
            let mut last = i64::MIN;
            for (want, got) in want.iter().zip(&got) {
                prop_assert_eq!(&want.2, &got.line);
                prop_assert_eq!(got.nanos(), want.1.max(last.saturating_add(1)));
                last = got.nanos();
                let metadata: Vec<_> = got.structured_metadata.iter().map(|p| (&p.name, &p.value)).collect();
                prop_assert_eq!(metadata, want.3.iter().collect::<Vec<_>>());
            }
        }
    }
}
