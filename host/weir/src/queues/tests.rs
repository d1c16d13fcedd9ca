use std::fs;
use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;
use weir_queue::inspect::{Depth, Inspected, Record};
use weir_queue::{Queue, RecordMeta, Settings};

use super::verify::Verified;
use super::{inspect, ls, table, verify};

/// A queue with two lanes: nine records in several segments, of which one is sent.
fn queue(dir: &Path) {
    let settings = Settings { lanes: 2, segment_bytes: Some(700), ..Settings::new(dir, "remote_write.mimir") };
    let queue = Queue::open(settings).unwrap();
    for i in 0..9_u32 {
        let meta = RecordMeta { protocol: 1, entries: 100 * (i + 1), time_min_ms: 5, time_max_ms: 7, flags: 0 };
        let body = Bytes::from(vec![i as u8; 200 + 10 * i as usize]);
        queue.append(i as usize, meta, &body, &mut None).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut reader = queue.lane_reader(0);
    let record = runtime.block_on(reader.next()).unwrap();
    reader.commit(record.seq);
    queue.close().unwrap();
}

fn look(dir: &Path, depth: Depth) -> (Inspected, Vec<Record>, u64) {
    let (mut records, mut bytes) = (vec![], 0);
    let found = super::look(dir, depth, &mut |more| bytes += more, &mut |record| records.push(*record)).unwrap();
    (found, records, bytes)
}

/// So much later than the oldest record that a few milliseconds do not show.
fn later(found: &Inspected) -> i64 {
    found.oldest_ms().unwrap() + 192_500
}

/// The text with the directory's name, which differs from run to run, as `DIR`, and times of the run as `TIME`.
fn fixed(text: &str, dir: &Path) -> String {
    assert!(text.lines().all(|line| line.chars().count() <= 80 || line.contains("/tmp")), "80 columns:\n{text}");
    text.replace(dir.to_str().unwrap(), "DIR")
}

fn fixed_json(value: &serde_json::Value, dir: &Path) -> String {
    let text = format!("{value:#}").replace(dir.to_str().unwrap(), "DIR");
    let is_time = |line: &str| {
        ["oldest_ms", "newest_ms", "appended_ms"].iter().any(|key| line.contains(key)) && !line.contains("null")
    };
    let line = |line: &str| match line.split_once(": ") {
        Some((key, _)) if is_time(line) => format!("{key}: TIME\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn ls_shows_a_line_for_each_queue() {
    let dir = TempDir::new().unwrap();
    queue(dir.path());
    let (found, ..) = look(dir.path(), Depth::Totals);
    let now = later(&found);
    let long = Inspected {
        sink: "loki.a-name-that-somebody-thought-would-say-everything-about-its-sink".into(),
        in_use: true,
        ..found.clone()
    };
    insta::assert_snapshot!(fixed(&ls::text(&[found.clone(), long], now), dir.path()));
    insta::assert_snapshot!(fixed_json(&ls::row(&found), dir.path()));
    assert_eq!(ls::text(&[], now), "no queues\n");
}

#[test]
fn inspect_shows_lanes_segments_and_headers() {
    let dir = TempDir::new().unwrap();
    queue(dir.path());
    let (found, records, _) = look(dir.path(), Depth::Headers);
    let now = later(&found);
    insta::assert_snapshot!(fixed(&inspect::text(&found, Some(&records), now), dir.path()));
    let one = Inspected { lanes: found.lanes[..1].to_vec(), ..found };
    insta::assert_snapshot!(fixed_json(&inspect::value(&one, Some(&records)), dir.path()));
}

#[test]
fn verify_says_where_damage_is_and_what_it_costs() {
    let dir = TempDir::new().unwrap();
    queue(dir.path());
    let lane = dir.path().join("gen-00000001/lane-01");
    let file = |index: u64| lane.join(format!("{index:020}.seg"));
    // a body, a header with its length, and the end of the last segment, which was durable
    let mut bytes = fs::read(file(1)).unwrap();
    bytes[100] ^= 1;
    let second = 64 + 210;
    bytes[second + 5] ^= 1;
    fs::write(file(1), bytes).unwrap();
    let last = fs::read(file(2)).unwrap();
    fs::write(file(2), &last[..last.len() - 30]).unwrap();
    let (found, records, bytes) = look(dir.path(), Depth::Bodies);
    let good = TempDir::new().unwrap();
    queue(good.path());
    let (good, good_records, good_bytes) = look(good.path(), Depth::Bodies);
    let verified = [
        Verified { found, records: records.len() as u64, bytes },
        Verified {
            found: Inspected { sink: "loki.main".into(), in_use: true, ..good },
            records: good_records.len() as u64,
            bytes: good_bytes,
        },
    ];
    insta::assert_snapshot!(fixed(&verify::text(&verified), dir.path()));
    insta::assert_snapshot!(fixed_json(&verify::value(&verified[0]), dir.path()));
}

#[test]
fn numbers_are_for_people() {
    let cases = [(0, "0", "0 B"), (1023, "1,023", "1023 B"), (1536, "1,536", "1.5 KiB")];
    for (value, number, bytes) in cases {
        assert_eq!((table::number(value).as_str(), table::bytes(value).as_str()), (number, bytes));
    }
    assert_eq!((table::number(1_234_567), table::bytes(5 << 40)), ("1,234,567".into(), "5.0 TiB".into()));
    let ages = [(None, "-"), (Some(-5), "0s"), (Some(59), "59s"), (Some(61), "1m1s"), (Some(7_260), "2h1m")];
    for (seconds, expected) in ages.into_iter().chain([(Some(90_000), "1d1h")]) {
        assert_eq!(table::age(seconds.map(|s| -1000 * s), 0), expected);
    }
}
