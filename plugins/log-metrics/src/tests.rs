use super::*;
use weir_sdk::testing::{self, LabelSet, Line, Sample, labels};

fn plugin(config: &str) -> LogMetrics {
    testing::configure(config).unwrap()
}

/// What a tick emits, by name and labels.
fn tick(plugin: &mut LogMetrics, last: bool) -> Vec<(String, f64)> {
    plugin.tick(Moment { now: 0, last }).unwrap();
    testing::emitted_samples().into_iter().map(|s: Sample| (s.labels.to_string(), s.value)).collect()
}

/// Sends lines, all of which stay.
fn see(plugin: &mut LogMetrics, lines: impl IntoIterator<Item = Line>) {
    let out = testing::logs(plugin, lines).unwrap();
    assert!(out.iter().all(Option::is_some));
}

fn named(all: &[(String, f64)], name: &str) -> Option<f64> {
    all.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
}

const ACCESS: &str =
    r#""streams":{"job":"nginx|web"},"pattern":"\" (?P<status>\\d{3}) (?P<bytes>\\d+) (?P<seconds>[0-9.]+)$""#;

fn access(status: u32, bytes: u32, seconds: &str) -> Line {
    Line::new(format!("10.0.0.1 \"GET / HTTP/1.1\" {status} {bytes} {seconds}")).label("job", "nginx")
}

#[test]
fn lines_become_counters_and_a_histogram_by_one_search() {
    let mut plugin = plugin(&format!(
        r#"{{"metrics":[
            {{"name":"requests_total","type":"counter",{ACCESS},"labels":["job","status"]}},
            {{"name":"bytes_total","type":"counter",{ACCESS},"source":"bytes"}},
            {{"name":"seconds","type":"histogram",{ACCESS},"source":"seconds","buckets":[0.1,1],"labels":{{"code":"status"}}}}
        ]}}"#
    ));
    assert_eq!(plugin.searches.len(), 1);
    see(&mut plugin, [access(200, 10, "0.05"), access(200, 20, "0.1"), access(500, 5, "3")]);
    see(&mut plugin, [access(200, 1, "0.5"), access(200, 1, "0.5").label("job", "other"), Line::new("started")]);
    assert_eq!(
        tick(&mut plugin, false),
        [
            ("requests_total{job=\"nginx\",status=\"200\"}", 3.0),
            ("requests_total{job=\"nginx\",status=\"500\"}", 1.0),
            ("bytes_total", 36.0),
            ("seconds_bucket{code=\"200\",le=\"0.1\"}", 2.0),
            ("seconds_bucket{code=\"200\",le=\"1\"}", 3.0),
            ("seconds_bucket{code=\"200\",le=\"+Inf\"}", 3.0),
            ("seconds_sum{code=\"200\"}", 0.05 + 0.1 + 0.5),
            ("seconds_count{code=\"200\"}", 3.0),
            ("seconds_bucket{code=\"500\",le=\"0.1\"}", 0.0),
            ("seconds_bucket{code=\"500\",le=\"1\"}", 0.0),
            ("seconds_bucket{code=\"500\",le=\"+Inf\"}", 1.0),
            ("seconds_sum{code=\"500\"}", 3.0),
            ("seconds_count{code=\"500\"}", 1.0),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    );
}

#[test]
fn a_gauge_is_set_and_moved_and_sources_may_be_metadata_or_the_line() {
    let mut plugin = plugin(
        r#"{"metrics":[
            {"name":"depth","type":"gauge","source":"depth","labels":["queue"]},
            {"name":"open","type":"gauge","action":"inc","pattern":"^open"},
            {"name":"closed","type":"gauge","action":"sub","source":"n","pattern":"^close (?P<n>\\d+)"},
            {"name":"line_bytes_total","type":"counter","line_bytes":true,"scale":0.5},
            {"name":"errors_total","type":"counter","source":"level","value":"error"},
            {"name":"seen_total","type":"counter","action":"inc","source":"depth"}
        ]}"#,
    );
    let lines = [
        Line::new("open").metadata("depth", "7").metadata("queue", "a"),
        Line::new("open").metadata("depth", "-2").metadata("queue", "a"),
        Line::new("close 4").label("level", "error").label("queue", "b").metadata("depth", "many"),
    ];
    see(&mut plugin, lines);
    let all = tick(&mut plugin, false);
    for (name, value) in [
        ("depth{queue=\"a\"}", Some(-2.0)),
        ("depth{queue=\"b\"}", None),
        ("open", Some(2.0)),
        ("closed", Some(-4.0)),
        ("line_bytes_total", Some(7.5)),
        ("errors_total", Some(1.0)),
        ("seen_total", Some(3.0)),
    ] {
        assert_eq!(named(&all, name), value, "{name}: {all:?}");
    }
    assert_eq!(testing::counted("ignored", &[("metric", "depth"), ("reason", "no_number")]), 1.0);
}

#[test]
fn series_without_lines_end_and_the_number_of_series_holds() {
    let mut plugin =
        plugin(r#"{"expire":"30s","max_series":2,"metrics":[{"name":"a_total","type":"counter","labels":["k"]}]}"#);
    let of = |k: &str| Line::new("x").metadata("k", k);
    see(&mut plugin, ["1", "2", "3", "3", "1"].map(of));
    assert_eq!(tick(&mut plugin, false), [("a_total{k=\"1\"}".to_owned(), 2.0), ("a_total{k=\"2\"}".to_owned(), 1.0)]);
    assert_eq!(testing::counted("ignored", &[("metric", "a_total"), ("reason", "max_series")]), 2.0);
    let told = testing::messages();
    assert_eq!(told.len(), 1, "{told:?}");
    see(&mut plugin, ["1", "3"].map(of));
    assert_eq!(tick(&mut plugin, false).len(), 2);
    assert!(testing::messages().is_empty(), "told once");
    // 2 has been without a line for more than two ticks: its place is free
    assert_eq!(tick(&mut plugin, false), [("a_total{k=\"1\"}".to_owned(), 3.0)]);
    see(&mut plugin, ["3", "1"].map(of));
    assert_eq!(tick(&mut plugin, false), [("a_total{k=\"1\"}".to_owned(), 4.0), ("a_total{k=\"3\"}".to_owned(), 1.0)]);
}

#[test]
fn the_next_version_goes_on_unless_the_metric_has_another_shape() {
    let config = |labels: &str, buckets: &str| {
        format!(
            r#"{{"max_series":10000,"metrics":[
                {{"name":"a_total","type":"counter","labels":{labels}}},
                {{"name":"h","type":"histogram","source":"n","pattern":"(?P<n>\\d+)","buckets":{buckets}}}]}}"#
        )
    };
    let mut one = plugin(&config("[\"k\"]", "[1,10]"));
    // more than one piece of the store holds
    let long = "v".repeat(100);
    see(&mut one, (0..5000).map(|i| Line::new(i.to_string()).metadata("k", &format!("{i}{long}"))));
    let before = tick(&mut one, true);
    assert!(weir_sdk::state::keys("a_total/").len() > 1);
    let mut two = plugin(&config("[\"k\"]", "[1,10]"));
    assert_eq!(tick(&mut two, false), before);
    see(&mut two, [Line::new("5").metadata("k", &format!("0{long}"))]);
    let after = tick(&mut two, true);
    assert_eq!(named(&after, &format!("a_total{{k=\"0{long}\"}}")), Some(2.0));
    assert_eq!(named(&after, "h_count"), Some(5001.0));
    // what is gone from the family goes from the store
    let mut few = plugin(&config("[\"k\"]", "[1,10]").replace("10000", "3"));
    assert_eq!(tick(&mut few, true).len(), 3 + 5);
    assert_eq!(weir_sdk::state::keys("a_total/").len(), 1);
    let mut other = plugin(&config("[\"l\"]", "[1,20]"));
    assert_eq!(tick(&mut other, false), []);
}

#[test]
fn series_take_no_more_memory_than_they_may_and_give_it_back() {
    let mut plugin = plugin(
        r#"{"expire":"15s","max_series":10000,"metrics":[{"name":"a","type":"counter","pattern":"(?P<k>.*)","labels":["k"]}]}"#,
    );
    let long = "x".repeat(2000);
    see(&mut plugin, (0..10_000).map(|i| Line::new(format!("{i:05}{long}"))));
    let series = tick(&mut plugin, false).len();
    assert!((7_000..8_000).contains(&series), "{series} of some 2.2 KiB");
    let ignored = testing::counted("ignored", &[("metric", "a"), ("reason", "memory")]);
    assert_eq!(ignored, 10_000.0 - series as f64);
    tick(&mut plugin, false);
    assert_eq!(plugin.room, series::ROOM);
}

#[test]
fn lines_that_a_metric_is_made_of_may_end_here() {
    let mut plugin = plugin(
        r#"{"drop_lines":true,"max_series":1,"metrics":[{"name":"a","type":"counter","pattern":"^a (?P<k>.)","labels":["k"]}]}"#,
    );
    let out = testing::logs(&mut plugin, ["a 1", "b", "a 2", "a 1"]).unwrap();
    let kept: Vec<&str> = out.iter().flatten().map(|l| l.text.as_str()).collect();
    assert_eq!(kept, ["b", "a 2"], "what is over the limit was not counted");
}

#[test]
fn it_asks_for_what_it_reads_and_long_values_are_cut() {
    let mut plugin = plugin(
        r#"{"metrics":[{"name":"a","type":"counter","streams":{"job":"x"},"pattern":"(?P<g>.*)","labels":["g","m"]}]}"#,
    );
    let wants = plugin.wants();
    assert_eq!((wants.labels, wants.metadata), (Labels::named(["job", "m"]), Labels::named(["m"])));
    see(&mut plugin, [Line::new("é".repeat(2000)).label("job", "x")]);
    plugin.tick(Moment { now: 0, last: false }).unwrap();
    let all: Vec<LabelSet> = testing::emitted_samples().into_iter().map(|s| s.labels).collect();
    assert_eq!(all, [labels([("__name__", "a"), ("g", &"é".repeat(1024))])]);
}

#[test]
fn errors_name_the_key() {
    let error = |config: &str| testing::configure::<LogMetrics>(config).unwrap_err().to_string();
    let metric = |more: &str| error(&format!(r#"{{"metrics":[{{"name":"a","type":"counter"{more}}}]}}"#));
    let gauge = |more: &str| error(&format!(r#"{{"metrics":[{{"name":"a","type":"gauge"{more}}}]}}"#));
    assert_eq!(error(r#"{"metrics":[]}"#), "config.metrics: needs at least one metric");
    assert_eq!(metric(r#","labels":["le-gal"]"#), "config.metrics[0].labels: \"le-gal\" is no name of a label here");
    assert_eq!(metric(r#","action":"set","source":"x""#), "config.metrics[0].action: a counter knows inc or add");
    assert!(gauge("").starts_with("config.metrics[0].source: needs one"));
    assert!(metric(r#","pattern":"(""#).starts_with("config.metrics[0].pattern: "));
    assert!(metric(r#","streams":{"job":"("}"#).starts_with("config.metrics[0].streams.job: "));
    assert!(metric(r#","buckets":[1]"#).starts_with("config.metrics[0].buckets: only a histogram"));
    assert!(metric(r#","max_series":0"#).starts_with("config.metrics[0].max_series: 0 is not between"));
    assert!(metric(r#","expire":"5""#).starts_with("config.metrics[0].expire: \"5\" is not a duration"));
    assert!(metric(r#","value":"x""#).starts_with("config.metrics[0].value: needs a source"));
    assert!(metric(r#","scale":-1,"source":"x""#).starts_with("config.metrics[0].scale: a counter never falls"));
    let twice = r#"{"metrics":[{"name":"a","type":"counter"},{"name":"a","type":"counter"}]}"#;
    assert_eq!(error(twice), "config.metrics[1].name: there is another a");
    let histogram = r#"{"metrics":[{"name":"a","type":"histogram","source":"x","buckets":[2,1]}]}"#;
    assert!(error(histogram).starts_with("config.metrics[0].buckets: must be 1 to 100 ascending"));
    assert!(
        error(r#"{"interval":"500ms","metrics":[{"name":"a","type":"counter"}]}"#).starts_with("config.interval: ")
    );
    assert!(error(r#"{"metrics":[{"name":"1a","type":"counter"}]}"#).starts_with("config.metrics[0].name: \"1a\""));
}
