use super::*;
use weir_sdk::testing::{self, LabelSet, Sample, labels};

fn plugin(config: &str) -> CardinalityGuard {
    testing::configure(config).unwrap()
}

fn sample(metric: &str, pairs: &[(&str, &str)], value: f64) -> Sample {
    Sample::new(labels(pairs.iter().copied().chain([("__name__", metric)])), value)
}

/// The labels of what goes on.
fn pass(plugin: &mut CardinalityGuard, samples: impl IntoIterator<Item = Sample>) -> Vec<LabelSet> {
    testing::samples(plugin, samples).unwrap().into_iter().flatten().map(|s| s.labels).collect()
}

fn users(metric: &str, users: impl IntoIterator<Item = u32>) -> Vec<Sample> {
    users.into_iter().map(|u| sample(metric, &[("user", &u.to_string())], 1.0)).collect()
}

fn tick(plugin: &mut CardinalityGuard, last: bool) -> Vec<(String, f64)> {
    plugin.tick(Moment { now: 0, last }).unwrap();
    testing::emitted_samples().into_iter().map(|s| (s.labels.to_string(), s.value)).collect()
}

fn told() -> Vec<String> {
    testing::messages().into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_metric_has_so_many_series_and_others_are_untouched() {
    let mut plugin = plugin(r#"{"series":3,"metrics":[{"name":"many_.*","series":1000}]}"#);
    let first = pass(&mut plugin, users("few", 0..10));
    assert_eq!(first.len(), 3);
    assert_eq!(pass(&mut plugin, users("few", (0..10).rev())).len(), 3, "the same pass again, in whatever order");
    assert_eq!(pass(&mut plugin, users("few", 0..3)), first);
    assert_eq!(pass(&mut plugin, users("many_a", 0..900)).len(), 900);
    tick(&mut plugin, false);
    assert_eq!(
        told(),
        ["few has 3 series, as many as it may have; about 7 more are dropped"],
        "one line a metric, however many series"
    );
    assert_eq!(testing::gauged("limited_series", &[("metric", "few")]), Some(3.0));
    assert_eq!(testing::gauged("limited_series_over", &[("metric", "few")]), Some(7.0));
    assert_eq!(testing::counted("limited_samples", &[("metric", "few"), ("to", "dropped")]), 14.0);
    pass(&mut plugin, users("few", 0..10));
    tick(&mut plugin, false);
    assert!(told().is_empty());
}

#[test]
fn a_label_has_so_many_values_within_a_metric() {
    let mut plugin = plugin(r#"{"values":{"path":2}}"#);
    let of = |metric, path: &str, code: &str| sample(metric, &[("path", path), ("code", code)], 1.0);
    let page = ["/a", "/b", "/c"].iter().flat_map(|p| ["200", "500"].map(|c| of("requests_total", p, c)));
    assert_eq!(pass(&mut plugin, page).len(), 4);
    assert_eq!(pass(&mut plugin, [of("other_total", "/c", "200"), sample("requests_total", &[], 1.0)]).len(), 2);
    tick(&mut plugin, false);
    assert_eq!(
        told(),
        ["requests_total: the label path has 2 values, as many as it may have; about 2 series with others are dropped"]
    );
}

#[test]
fn a_series_that_left_frees_its_place_and_its_values() {
    let mut plugin = plugin(r#"{"series":2,"values":{"user":2},"idle":"30s","interval":"15s"}"#);
    assert_eq!(pass(&mut plugin, users("a", 0..2)).len(), 2);
    for _ in 0..5 {
        // 1 is seen, 0 is not; 2 waits for its place
        pass(&mut plugin, users("a", [2, 1]));
        tick(&mut plugin, false);
    }
    assert_eq!(
        pass(&mut plugin, users("a", [2, 1, 0])),
        pass(&mut plugin, users("a", [1, 2])).into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(plugin.places.len(), 2);
    for _ in 0..4 {
        tick(&mut plugin, false);
    }
    assert_eq!((plugin.places.len(), plugin.places.metrics.len()), (0, 0), "nothing is left of what is gone");
}

#[test]
fn all_metrics_together_have_so_many_series() {
    let mut plugin = plugin(r#"{"total":100}"#);
    let page = || (0..10_000).map(|i| sample(&format!("metric_{i}"), &[], 1.0));
    assert_eq!(pass(&mut plugin, page()).len(), 100);
    assert_eq!(pass(&mut plugin, page()).len(), 100);
    assert_eq!(plugin.places.metrics.len(), 100, "an explosion of names takes no memory");
    let mut roomy = self::plugin(r#"{"total":1000000}"#);
    let many = (0..60_000).map(|i| sample(&format!("{}_{i}", "é".repeat(200)), &[], 1.0));
    assert_eq!(pass(&mut roomy, many).len(), 50_000);
    assert!(roomy.places.metrics.values().all(|metric| metric.name.len() == 200));
    tick(&mut plugin, false);
    let told = told();
    assert!(told.len() == 1 && told[0].starts_with("(others): there are 100 series in all"), "{told:?}");
}

#[test]
fn a_sum_of_counters_rises_by_what_each_of_them_rises() {
    let mut plugin = plugin(r#"{"series":1,"aggregate":["user"],"idle":"45s"}"#);
    let page = |values: &[f64]| -> Vec<Sample> {
        let of = |(i, v): (usize, &f64)| sample("a_total", &[("user", &i.to_string()), ("job", "x")], *v);
        values.iter().enumerate().map(of).collect()
    };
    let other = |value: f64| vec![("a_total{job=\"x\",user=\"other\"}".to_owned(), value)];
    assert_eq!(pass(&mut plugin, page(&[5.0, 100.0, 200.0])).len(), 1);
    assert_eq!(tick(&mut plugin, false), other(0.0), "what they had come to before is not known to be new");
    pass(&mut plugin, page(&[6.0, 103.0, 204.0]));
    assert_eq!(tick(&mut plugin, false), other(7.0));
    // one starts over, one leaves, one begins
    pass(&mut plugin, page(&[6.0, 2.0]));
    pass(&mut plugin, vec![sample("a_total", &[("user", "new"), ("job", "x")], 10.0)]);
    assert_eq!(tick(&mut plugin, false), other(7.0 + 2.0 + 10.0));
    pass(&mut plugin, page(&[6.0, 2.0]));
    assert_eq!(tick(&mut plugin, false), other(19.0));
    assert_eq!(testing::counted("limited_samples", &[("metric", "a_total"), ("to", "aggregated")]), 7.0);
}

#[test]
fn a_sum_of_gauges_is_that_of_the_series_that_live() {
    let mut plugin = plugin(r#"{"series":1,"aggregate":["user"],"idle":"30s","other":"~"}"#);
    let page = |users: &[(&str, f64)]| -> Vec<Sample> {
        users.iter().map(|(u, v)| sample("depth", &[("user", u)], *v)).collect()
    };
    let sum = |value: f64| vec![("depth{user=\"~\"}".to_owned(), value)];
    pass(&mut plugin, page(&[("a", 1.0), ("b", 2.0), ("c", 4.0)]));
    assert_eq!(tick(&mut plugin, false), sum(6.0));
    for _ in 0..3 {
        pass(&mut plugin, page(&[("a", 1.0), ("b", -2.0), ("b", f64::NAN)]));
        tick(&mut plugin, false);
    }
    assert_eq!(tick(&mut plugin, false), sum(-2.0));
    // without the label that is given up there is nothing to sum up
    assert_eq!(pass(&mut plugin, [sample("depth", &[], 1.0)]), []);
    assert_eq!(testing::counted("limited_samples", &[("metric", "depth"), ("to", "dropped")]), 0.0);
    for _ in 0..4 {
        tick(&mut plugin, false);
    }
    assert_eq!(tick(&mut plugin, false), []);
    assert_eq!(testing::counted("limited_samples", &[("metric", "depth"), ("to", "dropped")]), 1.0);
}

#[test]
fn the_next_version_lets_the_same_series_pass() {
    let config = r#"{"series":3,"values":{"path":2},"aggregate":["user","path"],"idle":"30s"}"#;
    let path = |p: &str| sample("b_total", &[("path", p)], 1.0);
    let mut one = plugin(config);
    assert_eq!(pass(&mut one, users("a_total", 0..6)).len(), 3);
    assert_eq!(pass(&mut one, ["/a", "/b", "/c"].map(path)).len(), 2);
    let mut risen = users("a_total", 3..6);
    for sample in &mut risen {
        sample.value = 5.0;
    }
    pass(&mut one, risen);
    let sums = tick(&mut one, true);
    assert!(sums.contains(&("a_total{user=\"other\"}".to_owned(), 12.0)), "{sums:?}");
    told();
    let mut two = plugin(config);
    // in whatever order they come
    assert_eq!(pass(&mut two, users("a_total", (0..6).rev())), pass(&mut one, users("a_total", [2, 1, 0])));
    assert_eq!(pass(&mut two, ["/c", "/b", "/a"].map(path)), ["/b", "/a"].map(|p| path(p).labels));
    assert!(tick(&mut two, false).contains(&("a_total{user=\"other\"}".to_owned(), 12.0)), "a sum goes on");
    // whoever does not come back loses its place after a while
    let mut three = plugin(config);
    for _ in 0..4 {
        assert_eq!(pass(&mut three, users("a_total", [0, 9])).len(), 1);
        tick(&mut three, false);
    }
    assert_eq!(pass(&mut three, users("a_total", [0, 10, 11])).len(), 3);
    // a lower limit holds for them as well
    let mut lower = plugin(r#"{"series":1}"#);
    assert_eq!(pass(&mut lower, users("a_total", 0..6)).len(), 1);
}

#[test]
fn errors_name_the_key() {
    let error = |config| testing::configure::<CardinalityGuard>(config).unwrap_err().to_string();
    assert_eq!(error("{}"), "config: needs series, values, total or metrics, else nothing would be limited");
    assert!(error(r#"{"series":0}"#).starts_with("config.series: must be 1 or more"));
    assert_eq!(error(r#"{"values":{"path":0}}"#), "config.values.path: must be 1 or more");
    assert!(error(r#"{"total":0}"#).starts_with("config.total: 0 is not between"));
    assert!(error(r#"{"series":1,"aggregate":["le"]}"#).starts_with("config.aggregate: le cannot be given up"));
    assert!(error(r#"{"series":1,"idle":"5"}"#).starts_with("config.idle: \"5\" is not a duration"));
    assert!(error(r#"{"series":1,"interval":"10ms"}"#).starts_with("config.interval: "));
    assert!(error(r#"{"metrics":[{"name":"("}]}"#).starts_with("config.metrics[0].name: "));
    assert!(error(r#"{"metrics":[{"name":"a","series":0}]}"#).starts_with("config.metrics[0].series: "));
    assert!(error(r#"{"series":1,"serie":1}"#).starts_with("config.serie: unknown field"));
}
