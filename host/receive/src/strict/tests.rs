use super::*;
use crate::proto::loki::{Entry, LabelPair, Stream, Timestamp};
use crate::proto::remote_write::{Label, Sample, TimeSeries};

const NOW: i64 = 1_700_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW as u64)
}

fn judge(change: impl FnOnce(&mut Rules)) -> Strict {
    let mut rules = Rules { now, ..Rules::default() };
    change(&mut rules);
    Strict::new(rules)
}

fn good_headers() -> HeaderMap {
    let all = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("user-agent", "test"),
    ];
    all.into_iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |(n, v): &(&str, &str)| Label { name: (*n).to_owned(), value: (*v).to_owned() };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(|(ms, value)| Sample { timestamp: NOW * 1000 + ms, value: *value }).collect(),
    }
}

fn write(strict: &Strict, series: &[TimeSeries]) -> Result<(), String> {
    let request = WriteRequest { timeseries: series.to_vec() };
    let before = strict.violations().len();
    strict.metrics(&good_headers(), &request).map_err(|refusal| {
        assert_eq!((refusal.status, refusal.kept), (400, 0));
        strict.violations()[before].rule.to_owned()
    })
}

fn other(samples: &[(i64, f64)]) -> [TimeSeries; 1] {
    [series(&[("__name__", "other")], samples)]
}

fn up(samples: &[(i64, f64)]) -> [TimeSeries; 1] {
    [series(&[("__name__", "up"), ("job", "a")], samples)]
}

#[test]
fn labels_are_sorted_unique_and_not_empty() {
    for (labels, rule) in [
        (&[("__name__", "up"), ("b", "1"), ("a", "2")][..], "unsorted_labels"),
        (&[("__name__", "up"), ("a", "1"), ("a", "2")], "repeated_label"),
        (&[("__name__", "up"), ("a", "1"), ("b", "1"), ("a", "1")], "unsorted_labels"),
        (&[("__name__", "up"), ("a", "")], "empty_label"),
        (&[("", "x"), ("__name__", "up")], "empty_label"),
        (&[("a", "1")], "no_name"),
        (&[], "no_name"),
        (&[("__name__", "1up")], "bad_name"),
        (&[("__name__", "up"), ("a-b", "1")], "bad_name"),
        (&[("__name__", "up"), ("a:b", "1")], "bad_name"),
    ] {
        let strict = judge(|_| ());
        let good = series(&[("__name__", "good:name")], &[(0, 1.0)]);
        assert_eq!(write(&strict, &[good.clone(), series(labels, &[(0, 1.0)])]), Err(rule.to_owned()), "{labels:?}");
        assert_eq!(strict.sample_count(), 0, "the request as a whole");
        assert_eq!(write(&strict, &[good]), Ok(()), "and nothing of it is remembered");
    }
    let utf8 = judge(|rules| rules.utf8_names = true);
    assert_eq!(write(&utf8, &[series(&[("__name__", "my.metric"), ("a-b", "1")], &[(0, 1.0)])]), Ok(()));
}

#[test]
fn samples_of_a_series_go_forward() {
    let strict = judge(|_| ());
    assert_eq!(write(&strict, &up(&[(0, 1.0), (1, 2.0)])), Ok(()));
    assert_eq!(write(&strict, &up(&[(0, 1.5)])), Err("out_of_order".to_owned()));
    assert_eq!(write(&strict, &up(&[(0, 1.0)])), Err("repeated".to_owned()));
    assert_eq!(write(&strict, &up(&[(1, 3.0)])), Err("duplicate".to_owned()));
    assert_eq!(write(&strict, &up(&[(3, 3.0), (2, 3.0)])), Err("out_of_order".to_owned()), "within a request");
    assert_eq!(write(&strict, &up(&[(3, 3.0), (3, 4.0)])), Err("duplicate".to_owned()), "within a request");
    assert_eq!(strict.sample_count(), 2);
    assert_eq!(strict.duplicates(), []);
    // the newest once more is swallowed, and seen
    assert_eq!(write(&strict, &up(&[(1, 2.0), (2, 2.0), (2, 2.0)])), Ok(()));
    assert_eq!(strict.sample_count(), 3);
    let times: Vec<_> = strict.duplicates().iter().map(|d| d.time - NOW * 1000).collect();
    assert_eq!(times, [1, 2]);
    assert_eq!(strict.violations().len(), 5);
}

#[test]
fn samples_are_neither_too_old_nor_ahead_of_the_clock() {
    let hour = 3_600_000;
    let strict = judge(|_| ());
    assert_eq!(write(&strict, &up(&[(0, 1.0)])), Ok(()));
    assert_eq!(write(&strict, &other(&[(-hour - 1, 1.0)])), Err("out_of_bounds".to_owned()));
    assert_eq!(write(&strict, &other(&[(-hour, 1.0)])), Ok(()));
    assert_eq!(write(&strict, &other(&[(600_001, 1.0)])), Err("too_far_in_future".to_owned()));
    assert_eq!(write(&strict, &other(&[(600_000, 1.0)])), Ok(()));
    let window = judge(|rules| rules.out_of_order = Duration::from_hours(2));
    assert_eq!(write(&window, &up(&[(0, 1.0)])), Ok(()));
    assert_eq!(write(&window, &up(&[(-hour, 1.0)])), Ok(()));
    assert_eq!(write(&window, &up(&[(-hour, 1.0)])), Ok(()));
    assert_eq!(window.duplicates().len(), 1);
    assert_eq!(write(&window, &up(&[(-hour, 2.0)])), Err("duplicate".to_owned()));
    assert_eq!(write(&window, &up(&[(-2 * hour - 1, 1.0)])), Err("out_of_order".to_owned()));
    assert_eq!(write(&window, &other(&[(-2 * hour, 1.0)])), Ok(()));
}

#[test]
fn only_two_nans_are_known() {
    let strict = judge(|_| ());
    let nan = |bits| up(&[(1, f64::from_bits(bits))]);
    assert_eq!(write(&strict, &nan(0x7ff8_0000_0000_0000)), Err("nan".to_owned()));
    assert_eq!(write(&strict, &nan(0x7ff0_0000_0000_0002)), Ok(()));
    assert_eq!(write(&strict, &nan(0x7ff8_0000_0000_0001)), Err("duplicate".to_owned()), "by bits");
}

#[test]
fn remote_write_has_its_headers() {
    for (name, value, status) in [
        ("content-type", "text/plain", 415),
        ("content-encoding", "gzip", 415),
        ("x-prometheus-remote-write-version", "2.0.0", 400),
        ("user-agent", "", 400),
    ] {
        let strict = judge(|_| ());
        let mut headers = good_headers();
        headers.insert(name, value.parse().unwrap());
        let request = WriteRequest { timeseries: up(&[(0, 1.0)]).to_vec() };
        assert_eq!(strict.metrics(&headers, &request).unwrap_err().status, status, "{name}");
        headers.remove(name);
        assert_eq!(strict.metrics(&headers, &request).unwrap_err().status, status, "without {name}");
        assert!(strict.violations().iter().all(|v| v.rule == "header" && v.what.starts_with(name)));
        assert_eq!((strict.violations().len(), strict.sample_count()), (2, 0));
    }
}

fn entry(nanos: i64, line: &str) -> Entry {
    let nanos = NOW * 1_000_000_000 + nanos;
    let timestamp = Timestamp { seconds: nanos / 1_000_000_000, nanos: (nanos % 1_000_000_000) as i32 };
    Entry { timestamp: Some(timestamp), line: line.to_owned(), structured_metadata: vec![] }
}

fn push(strict: &Strict, streams: Vec<(&str, Vec<Entry>)>) -> Result<(), (u16, usize, String)> {
    let streams = streams.into_iter().map(|(labels, entries)| Stream { labels: labels.to_owned(), entries }).collect();
    let before = strict.violations().len();
    strict
        .logs(&HeaderMap::new(), &PushRequest { streams })
        .map_err(|r| (r.status, r.kept, strict.violations()[before].rule.to_owned()))
}

#[test]
fn a_bad_stream_or_entry_costs_itself_alone() {
    let many: Vec<_> = (0..16).map(|n| format!("l{n}=\"x\"")).collect();
    let allowed = format!("{{{}, service_name=\"s\"}}", many[..15].join(", "));
    let (many, long_name) = (format!("{{{}}}", many.join(", ")), format!("{{{}=\"x\"}}", "n".repeat(1025)));
    let long_value = format!("{{a=\"{}\"}}", "v".repeat(2049));
    for (labels, rule) in [
        (many.as_str(), "too_many_labels"),
        (&long_name, "label_name_too_long"),
        (&long_value, "label_value_too_long"),
        ("{}", "no_labels"),
        (r#"{a="b", a="c"}"#, "repeated_label"),
        (r#"{a="b"#, "labels_text"),
    ] {
        let strict = judge(|_| ());
        let streams = vec![(labels, vec![entry(0, "x")]), (allowed.as_str(), vec![entry(0, "y"), entry(1, "z")])];
        assert_eq!(push(&strict, streams), Err((400, 2, rule.to_owned())));
        assert_eq!(strict.lines(&allowed), ["y", "z"]);
    }
    let with = |size: usize, count: usize| {
        let pair = LabelPair { name: "n".to_owned(), value: "v".repeat(size) };
        Entry { structured_metadata: vec![pair; count], ..entry(0, "x") }
    };
    let day = 86_400_000_000_000;
    for (bad, rule) in [
        (entry(-7 * day - 1, "x"), "too_old"),
        (Entry { timestamp: None, ..entry(0, "x") }, "too_old"),
        (entry(600_000_000_001, "x"), "too_far_in_future"),
        (entry(0, &"x".repeat((256 << 10) + 1)), "line_too_long"),
        (with(64 << 10, 1), "structured_metadata_too_large"),
        (with(1, 129), "structured_metadata_too_many"),
    ] {
        let strict = judge(|_| ());
        let entries = vec![entry(0, "before"), bad, entry(0, "behind"), with(1, 128)];
        assert_eq!(push(&strict, vec![("{a=\"b\"}", entries)]), Err((400, 3, rule.to_owned())));
        assert_eq!(strict.lines("{a=\"b\"}"), ["before", "behind", "x"]);
    }
}

#[test]
fn lines_may_come_late_within_an_hour_and_equal_ones_are_swallowed() {
    let strict = judge(|_| ());
    let hour = 3_600_000_000_000;
    let one = |e: Entry| push(&strict, vec![("{a=\"b\"}", vec![e])]);
    assert_eq!(one(entry(0, "x")), Ok(()));
    assert_eq!(one(entry(-hour, "late")), Ok(()));
    assert_eq!(one(entry(-hour - 1, "too late")), Err((400, 0, "too_far_behind".to_owned())));
    assert_eq!(one(entry(0, "same time")), Ok(()));
    assert_eq!(one(entry(0, "x")), Ok(()));
    assert_eq!(push(&strict, vec![("{a=\"c\"}", vec![entry(0, "x")])]), Ok(()), "another stream");
    assert_eq!(strict.lines("{a=\"b\"}"), ["x", "late", "same time"]);
    let seen: Vec<_> = strict.duplicates().into_iter().map(|d| (d.request, d.of)).collect();
    assert_eq!(seen, [(4, "{a=\"b\"}".to_owned())]);
}

#[test]
fn rates_and_tenants_hold_where_they_are_asked_for() {
    let strict = judge(|rules| rules.rates = true);
    let megabyte = |stream: &'static str, n: i64| {
        (stream, (0..8).map(|i| entry(n * 8 + i, &"x".repeat(128 << 10))).collect::<Vec<_>>())
    };
    assert_eq!(push(&strict, (0..6).map(|n| megabyte("{a=\"b\"}", n)).collect()), Ok(()));
    assert_eq!(push(&strict, vec![megabyte("{a=\"c\"}", 0)]), Err((429, 0, "tenant_rate".to_owned())));
    let tenants = judge(|rules| rules.tenants = true);
    assert_eq!(push(&tenants, vec![("{a=\"b\"}", vec![entry(0, "x")])]), Err((401, 0, "tenant".to_owned())));
    let headers = HeaderMap::from_iter([("x-scope-orgid".parse().unwrap(), "t".parse().unwrap())]);
    assert!(tenants.logs(&headers, &PushRequest::default()).is_ok());
}
