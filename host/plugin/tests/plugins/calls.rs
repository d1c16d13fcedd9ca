//! What well-behaved guests see and answer.

use weir_pipeline::guest::{
    LabelEdit, LabelSets, LabelsWanted, LogsBatch, LogsEdit, LogsWanted, SamplesBatch, SamplesWanted, SeriesBatch,
    Symbols,
};

use super::{One, config, load};

fn symbols(strings: &[&str]) -> Symbols {
    let mut s = Symbols::default();
    for string in strings {
        s.push(string);
    }
    s
}

#[test]
fn add_cluster_labels_and_drops() {
    let one = load("add_cluster", config(r#"{"cluster": "zürich"}"#));
    let guest = one.guest();
    assert_eq!(guest.name(), "p");
    assert_eq!(guest.wants().series, Some(LabelsWanted::Named(vec!["__name__".to_owned()])));
    assert_eq!((&guest.wants().samples, &guest.wants().logs), (&None, &None));
    let batch = SeriesBatch {
        rows: 3,
        symbols: symbols(&["__name__", "up", "drop_me"]),
        sets: LabelSets { pairs: vec![[0, 1], [0, 2], [0, 1]], ends: vec![1, 2, 3] },
    };
    let verdicts = guest.relabel(&batch).unwrap();
    assert_eq!(verdicts.dropped, [1]);
    assert_eq!(
        verdicts.labels,
        Some(LabelEdit {
            added: symbols(&["cluster", "zürich", "debug"]),
            assigned: vec![[0, 3, 4], [2, 3, 4]],
            removed: vec![[0, 5], [2, 5]],
        })
    );
    assert_eq!(one.metric("weir_plugin_custom_relabelled_total{plugin=\"p\",kind=\"series\"}"), Some(3.0));
    assert_eq!(one.metric("weir_plugin_custom_last_rows{plugin=\"p\"}"), Some(3.0));
    assert_eq!(one.metric("weir_plugin_calls_total{plugin=\"p\",interface=\"series\",result=\"ok\"}"), Some(1.0));
    assert_eq!(one.metric("weir_plugin_call_duration_seconds_count{plugin=\"p\",interface=\"series\"}"), Some(1.0));
    assert_eq!(one.metric("weir_plugin_instances{plugin=\"p\"}"), Some(1.0));
    assert!(one.metric("weir_plugin_memory_bytes{plugin=\"p\"}") > Some(65_535.0));
    assert!(one.metric("weir_plugin_compile_seconds{plugin=\"p\"}").is_some());
    // "configured for …" and the line on standard output.
    assert_eq!(one.metric("weir_plugin_log_lines_total{plugin=\"p\",result=\"written\"}"), Some(2.0));
    assert_eq!(one.plugins.status()[0].sha256.len(), 64);
}

#[test]
fn add_cluster_refuses_its_configuration() {
    let errors = Err::<(), _>(super::refused(super::support::wasm("add_cluster"), config("{}")));
    assert_eq!(errors, Err("plugin p: refused its configuration: cluster is missing".to_owned()));
}

#[test]
fn everything_changes_all_that_it_can() {
    let one = load("everything", config("{}"));
    changes_samples(&one);
    drops_series_by_number(&one);
    changes_lines(&one);
}

pub(super) fn changes_samples(one: &One) {
    let guest = one.guest();
    let wanted = SamplesWanted { labels: LabelsWanted::Everything, timestamps: true, start_timestamps: false };
    assert_eq!(guest.wants().samples, Some(wanted));
    let batch = SamplesBatch {
        rows: 4,
        symbols: symbols(&["__name__", "up"]),
        sets: LabelSets { pairs: vec![[0, 1]], ends: vec![1] },
        set_of_row: vec![0; 4],
        kinds: vec![0, 1, 0, 2],
        timestamps: vec![1, 2, 3, 4],
        values: vec![1.5, 7.0, -1.0, f64::NAN],
        ..SamplesBatch::default()
    };
    let edit = guest.samples(&batch).unwrap();
    assert_eq!((edit.dropped, edit.changed, edit.values), (vec![2], vec![0], vec![3.0]));
    assert_eq!(edit.labels.unwrap().assigned, [[0, 2, 3]]);
    assert_eq!(guest.samples(&SamplesBatch::default()).unwrap(), <_>::default());
}

pub(super) fn drops_series_by_number(one: &One) {
    let guest = one.guest();
    let batch = SeriesBatch { rows: 4, ..SeriesBatch::default() };
    assert_eq!(guest.relabel(&batch).unwrap().dropped, [1, 3]);
}

pub(super) fn changes_lines(one: &One) {
    let guest = one.guest();
    let wanted = LogsWanted {
        labels: LabelsWanted::Named(vec!["job".to_owned()]),
        metadata: LabelsWanted::Everything,
        timestamps: true,
        lines: true,
    };
    assert_eq!(guest.wants().logs, Some(wanted));
    let table = symbols(&["job", "api"]);
    let batch = LogsBatch {
        rows: 3,
        symbols: &table,
        sets: &LabelSets { pairs: vec![[0, 1]], ends: vec![1] },
        set_of_row: &[0, 0, 0],
        metadata: &LabelSets::default(),
        timestamps: &[5, 6, 7],
        lines: "grüße 1two",
        line_ends: &[9, 9, 12],
    };
    let level =
        Some(LabelEdit { added: symbols(&["level", "info"]), assigned: vec![[0, 2, 3], [2, 2, 3]], removed: vec![] });
    let expect = LogsEdit {
        dropped: vec![1],
        labels: level.clone(),
        metadata: level,
        times: vec![(0, 1), (2, 1)],
        changed: vec![0, 2],
        lines: symbols(&["GRÜSSE 1", "TWO"]),
        ..LogsEdit::default()
    };
    // "ß" in capitals is "SS": as many bytes.
    assert_eq!(guest.logs(&LogsBatch { lines: "grüße 1two", line_ends: &[9, 9, 12], ..batch }).unwrap(), expect);
}

#[test]
fn many_threads_share_a_guest() {
    let one = load("add_cluster", config(r#"{"cluster": "c"}"#));
    let batch = SeriesBatch {
        rows: 1,
        symbols: symbols(&["__name__", "up"]),
        sets: LabelSets { pairs: vec![[0, 1]], ends: vec![1] },
    };
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(one.guest().relabel(&batch).unwrap().labels.unwrap().assigned, [[0, 2, 3]]);
                }
            });
        }
    });
    assert_eq!(one.metric("weir_plugin_calls_total{plugin=\"p\",interface=\"series\",result=\"ok\"}"), Some(400.0));
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    assert!(one.metric("weir_plugin_instances{plugin=\"p\"}").unwrap() <= cores);
}

#[test]
fn bench_jobs_do_what_the_bench_thinks() {
    let batch = SeriesBatch {
        rows: 2,
        symbols: symbols(&["env", "debug", "prod"]),
        sets: LabelSets { pairs: vec![[0, 2], [0, 1]], ends: vec![1, 2] },
    };
    let filter = load("bench_jobs", config(r#"{"mode": "filter"}"#)).guest();
    assert_eq!(filter.relabel(&batch).unwrap().dropped, [1]);
    let relabel = load("bench_jobs", config(r#"{"mode": "relabel"}"#)).guest();
    let edit = relabel.relabel(&SeriesBatch { symbols: symbols(&["pod", "a", "b"]), ..batch }).unwrap().labels.unwrap();
    assert_eq!(edit.assigned, [[0, 3, 4], [0, 5, 2], [1, 3, 4], [1, 5, 1]]);
    assert_eq!(edit.removed, [[0, 0], [1, 0]]);
    let logs = LogsBatch {
        rows: 3,
        symbols: &Symbols::default(),
        sets: &LabelSets::default(),
        set_of_row: &[],
        metadata: &LabelSets::default(),
        timestamps: &[],
        lines: "a DEBUG bx jane.d@ex.org yz @ é",
        line_ends: &[9, 26, 32],
    };
    let edit = relabel.logs(&logs).unwrap();
    assert_eq!((edit.dropped, edit.changed, edit.lines.text), (vec![0], vec![1], "x <email> y".to_owned()));
}
