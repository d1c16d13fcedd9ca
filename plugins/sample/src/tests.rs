use super::*;
use weir_sdk::testing::{self, Line};

const SECOND: i64 = 1_000_000_000;

fn plugin(config: &str) -> Sample {
    testing::configure(config).unwrap()
}

/// The lines that stay.
fn kept(plugin: &mut Sample, lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    testing::logs(plugin, lines).unwrap().into_iter().flatten().collect()
}

fn line(text: &str, at: i64) -> Line {
    Line::new(text).label("job", "app").at(at)
}

#[test]
fn a_share_is_kept() {
    for (share, few, many) in [(0.0, 0, 0), (0.1, 850, 1150), (0.5, 4800, 5200), (1.0, 10_000, 10_000)] {
        let mut plugin = plugin(&format!(r#"{{"keep":{{"share":{share}}}}}"#));
        // of equal lines as of others
        for text in ["the same", ""] {
            let lines = (0..10_000).map(|i| line(&format!("{text}{}", if text.is_empty() { i } else { 0 }), i));
            let count = kept(&mut plugin, lines).len();
            assert!((few..=many).contains(&count), "{share}: {count} of 10000");
        }
    }
}

#[test]
fn lines_of_one_trace_fare_alike_in_every_weir() {
    let lines = || {
        (0..1000).map(|i| {
            let trace = format!("t{}", i % 100);
            let line = line(&i.to_string(), i);
            if i % 2 == 0 { line.metadata("trace", &trace) } else { line.label("trace", &trace) }
        })
    };
    let trace = |line: &Line| {
        let (label, metadata) = (line.labels.get("trace"), line.metadata.get("trace"));
        label.or(metadata).unwrap().to_owned()
    };
    let config = r#"{"keep":{"share":0.3,"by":"trace"}}"#;
    let (here, there) = (kept(&mut plugin(config), lines()), kept(&mut plugin(config), lines()));
    assert_eq!(here, there);
    let mut traces: Vec<String> = here.iter().map(trace).collect();
    traces.sort();
    traces.dedup();
    assert!((15..=45).contains(&traces.len()), "{}", traces.len());
    assert_eq!(here.len(), traces.len() * 10, "all lines of a trace or none");
}

#[test]
fn a_rate_holds_over_batches_and_a_burst_passes() {
    let mut plugin = plugin(r#"{"rate":{"lines":10,"burst":30}}"#);
    // a hundred at once, then a line each millisecond for ten seconds
    assert_eq!(kept(&mut plugin, (0..100).map(|i| line("x", i))).len(), 30);
    let mut later = 0;
    for batch in 0..100 {
        later += kept(&mut plugin, (0..100).map(|i| line("x", (batch * 100 + i) * 1_000_000))).len();
    }
    assert_eq!(later, 99);
    // what was saved up is no more than the burst
    assert_eq!(kept(&mut plugin, (0..100).map(|i| line("x", 1_000 * SECOND + i))).len(), 30);
    assert_eq!(testing::counted("sampled_out", &[("by", "rate")]), 70.0 + 9_901.0 + 70.0);
}

#[test]
fn each_combination_of_labels_has_a_rate_and_clocks_may_differ() {
    let mut plugin = plugin(r#"{"rate":{"lines":1,"per":"1m","by":["job","missing"]}}"#);
    let of = |job: &str, at| Line::new("x").label("job", job).at(at);
    let lines =
        [of("a", 60 * SECOND), of("b", 0), of("a", 0), of("b", 1), of("a", 119 * SECOND), of("a", 120 * SECOND)];
    let times: Vec<i64> = kept(&mut plugin, lines).iter().map(|l| l.timestamp).collect();
    assert_eq!(times, [60 * SECOND, 0, 120 * SECOND]);
}

#[test]
fn a_line_that_repeats_in_its_stream_passes_once_a_window_and_says_how_often_it_came() {
    let mut plugin = plugin(r#"{"dedup":{"window":"10s"}}"#);
    let lines = (0..25).map(|i| line("again", i * SECOND));
    let repeated = |l: &Line| l.metadata.get("repeated").map(str::to_owned);
    let all = kept(&mut plugin, lines);
    assert_eq!(all.iter().map(repeated).collect::<Vec<_>>(), [None, Some("9".into()), Some("9".into())]);
    let others = [
        Line::new("again").label("job", "other").at(25 * SECOND),
        line("agai", 25 * SECOND),
        line("again", 26 * SECOND),
    ];
    assert_eq!(kept(&mut plugin, others).len(), 2);
    // after a quiet while nothing is said of repeats
    let quiet = kept(&mut plugin, [line("agai", 100 * SECOND)]);
    assert_eq!(quiet.iter().map(repeated).collect::<Vec<_>>(), [None]);
}

#[test]
fn what_matches_is_always_kept_and_costs_the_others_nothing() {
    let mut plugin = plugin(r#"{"always":"ERROR|panic","keep":{"share":0},"dedup":{"window":"1m"}}"#);
    let lines = ["fine", "an ERROR", "an ERROR", "fine", "a panic"].map(|text| line(text, 0));
    assert_eq!(kept(&mut plugin, lines).len(), 3);
}

#[test]
fn it_asks_for_what_it_reads() {
    let wants = |config| plugin(config).wants();
    assert_eq!(wants(r#"{"keep":{"share":1}}"#).labels, Labels::Nothing);
    assert_eq!(
        wants(r#"{"keep":{"share":1,"by":"t"},"rate":{"lines":1,"by":["a","t"]}}"#).labels,
        Labels::named(["a", "t"])
    );
    assert_eq!(wants(r#"{"dedup":{"window":"1s"}}"#).labels, Labels::Everything);
}

#[test]
fn errors_name_the_key() {
    let error = |config| testing::configure::<Sample>(config).unwrap_err().to_string();
    assert_eq!(error("{}"), "config: needs dedup, keep or rate, else nothing would be dropped");
    assert_eq!(error(r#"{"keep":{"share":1.5}}"#), "config.keep.share: 1.5 is not between 0 and 1");
    assert_eq!(
        error(r#"{"rate":{"lines":5,"per":"5"}}"#),
        r#"config.rate.per: "5" is not a duration such as "10s" or "1h30m""#
    );
    assert!(error(r#"{"rate":{"lines":0}}"#).starts_with("config.rate.lines: must be 1 or more"));
    assert!(error(r#"{"rate":{"lines":1,"burst":0}}"#).starts_with("config.rate.burst: must be 1 or more"));
    assert!(error(r#"{"dedup":{"window":"1s","remember":0}}"#).starts_with("config.dedup.remember: 0 is not"));
    assert!(error(r#"{"always":"(","keep":{"share":1}}"#).starts_with("config.always: "));
    assert!(error(r#"{"keep":{"share":1},"keeep":1}"#).starts_with("config.keeep: unknown field"));
}

#[test]
fn a_line_with_the_time_of_another_century_holds_up_no_others() {
    let later = 4_102_444_800 * SECOND;
    let mut rate = plugin(r#"{"rate":{"lines":1}}"#);
    let lines = [0, later, SECOND, 2 * SECOND, 3 * SECOND].map(|at| line("x", at));
    assert_eq!(kept(&mut rate, lines).len(), 4, "but for the one that comes back: its second is over already");
    let mut dedup = plugin(r#"{"dedup":{"window":"10s"}}"#);
    let lines = [later, 100 * SECOND, 101 * SECOND, 120 * SECOND].map(|at| line("x", at));
    assert_eq!(kept(&mut dedup, lines).len(), 3, "only the one that repeats within ten seconds goes");
}
