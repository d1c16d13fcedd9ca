//! The judge of the other tests against a real Prometheus: nowhere is it more forgiving.

use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use tempfile::TempDir;
use weir_receive::proto::remote_write::{Label, Sample, TimeSeries, WriteRequest};
use weir_receive::{Preview, Strict};
use weir_rig::http;
use weir_rig::prometheus::Prometheus;

/// A series with its samples: milliseconds from the test's start, and values.
type Series<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Taken,
    Refused,
}
use Fate::{Refused, Taken};

struct Case {
    name: &'static str,
    series: Vec<Series<'static>>,
    prometheus: Fate,
    judge: Fate,
}

/// Requests that one receiver gets one after the other. Where the two fates differ, the name says why.
fn cases() -> Vec<Case> {
    const UP: &[(&str, &str)] = &[("__name__", "up"), ("job", "a")];
    const ODD: f64 = f64::from_bits(0x7ff8_0000_0000_0000);
    const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
    const HOUR: i64 = 3_600_000;
    let mut all = vec![];
    let mut case = |name, prometheus, judge, series: &[Series<'static>]| {
        all.push(Case { name, series: series.to_vec(), prometheus, judge });
    };
    case("a sample", Taken, Taken, &[(UP, &[(0, 1.0)])]);
    case("newer ones", Taken, Taken, &[(UP, &[(1, 1.0), (2, 2.0)])]);
    case("the newest again", Taken, Taken, &[(UP, &[(2, 2.0)])]);
    case("its time with another value", Refused, Refused, &[(UP, &[(2, 3.0)])]);
    case("an older one again", Refused, Refused, &[(UP, &[(1, 1.0)])]);
    case("an older one that never came", Refused, Refused, &[(UP, &[(-1, 1.0)])]);
    case(
        "a good series and one that is out of order",
        Refused,
        Refused,
        &[(&[("__name__", "other")], &[(5, 1.0)]), (UP, &[(1, 1.0)])],
    );
    case("the good one of before: nothing of it was kept", Taken, Taken, &[(&[("__name__", "other")], &[(4, 1.0)])]);
    case(
        "an empty value: the same series for Prometheus, which drops the label",
        Taken,
        Refused,
        &[(&[("__name__", "up"), ("empty", ""), ("job", "a")], &[(10, 1.0)])],
    );
    case("a repeated label", Refused, Refused, &[(&[("__name__", "up"), ("job", "a"), ("job", "b")], &[(20, 1.0)])]);
    case("no label at all", Refused, Refused, &[(&[], &[(20, 1.0)])]);
    case(
        "unsorted labels: Prometheus sorts, others (Mimir) refuse",
        Taken,
        Refused,
        &[(&[("job", "a"), ("__name__", "up")], &[(20, 1.0)])],
    );
    case("no name: Prometheus 2.4x does not look, 2.5x refuses", Taken, Refused, &[(&[("job", "x")], &[(20, 1.0)])]);
    case("a bad name: as above", Taken, Refused, &[(&[("__name__", "1-x")], &[(20, 1.0)])]);
    case(
        "disorder within a request: Prometheus 2.4x swallows the second",
        Taken,
        Refused,
        &[(&[("__name__", "inner")], &[(2, 1.0), (1, 1.0)])],
    );
    case(
        "two values for a time within a request: as above",
        Taken,
        Refused,
        &[(&[("__name__", "inner2")], &[(2, 1.0), (2, 2.0)])],
    );
    case(
        "more than an hour behind the newest of all",
        Refused,
        Refused,
        &[(&[("__name__", "behind")], &[(-HOUR - 60_000, 1.0)])],
    );
    case("less than that", Taken, Taken, &[(&[("__name__", "behind")], &[(-HOUR + 60_000, 1.0)])]);
    case("another NaN: Prometheus keeps any bits", Taken, Refused, &[(&[("__name__", "nan")], &[(0, ODD)])]);
    case("a staleness marker", Taken, Taken, &[(&[("__name__", "nan")], &[(1, STALE)])]);
    // last: it moves the newest of all
    case(
        "11 minutes ahead of the clock: Prometheus 2.5x and later refuse",
        Taken,
        Refused,
        &[(&[("__name__", "ahead")], &[(660_000, 1.0)])],
    );
    all
}

const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
    ("user-agent", "test"),
];

async fn send(url: &str, now: i64, series: &[Series<'_>]) -> (u16, String) {
    let label = |(n, v): &(&str, &str)| Label { name: (*n).to_owned(), value: (*v).to_owned() };
    let sample = |(ms, value): &(i64, f64)| Sample { timestamp: now + ms, value: *value };
    let timeseries = series.iter().map(|(labels, samples)| TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
    });
    let request = WriteRequest { timeseries: timeseries.collect() };
    let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap();
    http::post_with(url, &HEADERS, body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_refuses_whatever_prometheus_refuses() {
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(dir.path(), "global: { scrape_interval: 1h }\n").await;
    let strict = std::sync::Arc::new(Strict::default());
    let preview = Preview::local(strict.clone()).await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let fate = |status| if (200..300).contains(&status) { Taken } else { Refused };
    let mut refused = 0;
    for case in cases() {
        let (status, text) = send(&prometheus.write_url(), now, &case.series).await;
        assert_eq!(fate(status), case.prometheus, "{}: Prometheus says {status} {text}", case.name);
        let (status, text) = send(&preview.remote_write_url(), now, &case.series).await;
        assert_eq!(fate(status), case.judge, "{}: the judge says {status} {text}", case.name);
        assert!(case.prometheus == Taken || case.judge == Refused, "{}: more forgiving", case.name);
        refused += usize::from(case.judge == Refused);
    }
    assert_eq!(strict.duplicates().len(), 1, "what Prometheus swallowed was seen");
    println!("{} requests to both, {refused} refused by the judge", cases().len());
}
