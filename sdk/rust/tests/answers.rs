//! What rows can do to a batch, through the stand-in for the host that also checks the answer against the contract.

use weir_sdk::testing::{self, LabelSet, Line, Sample, labels};
use weir_sdk::{
    Error, Kind, Labels, Logs, LogsBatch, LogsWanted, NoConfig, Plugin, Samples, SamplesBatch, SamplesWanted, Series,
    SeriesBatch,
};

/// A plugin for each test, made of a closure for each interface.
macro_rules! plugin {
    ($name:ident) => {
        struct $name;
        impl Plugin for $name {
            type Config = NoConfig;
            fn new(_: NoConfig) -> Result<Self, Error> {
                Ok(Self)
            }
        }
    };
}

#[test]
fn rows_may_be_changed_in_any_order() {
    plugin!(Backwards);
    impl Series for Backwards {
        fn wants(&self) -> Labels {
            Labels::Everything
        }
        fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
            for row in batch.rows().rev_collected() {
                row.set("n", &row.index().to_string());
                row.set("a", "1");
                row.remove("a");
                row.remove("b");
                row.set("c", "");
                if row.index() == 1 {
                    row.drop();
                    row.drop();
                }
            }
            Ok(())
        }
    }
    let set = || labels([("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]);
    let out = testing::series(&Backwards, [set(), set(), set()]).unwrap();
    let kept = |n| Some(labels([("d", "x"), ("n", n)]));
    assert_eq!(out, [kept("0"), None, kept("2")]);
}

trait RevCollected: Iterator + Sized {
    fn rev_collected(self) -> Vec<Self::Item> {
        let mut all: Vec<Self::Item> = self.collect();
        all.reverse();
        all
    }
}
impl<I: Iterator> RevCollected for I {}

#[test]
fn only_what_is_wanted_is_there() {
    plugin!(Curious);
    impl Logs for Curious {
        fn wants(&self) -> LogsWanted {
            LogsWanted { labels: Labels::named(["app"]), metadata: Labels::Everything, ..LogsWanted::default() }
        }
        fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
            let app = batch.symbol("app");
            for row in batch.rows() {
                assert_eq!((row.line(), row.timestamp(), row.label("pod")), ("", 0, None));
                assert_eq!(row.label(app), row.label("app"));
                let seen: Vec<_> = row.labels().chain(row.metadata_labels()).map(|(n, v)| format!("{n}={v}")).collect();
                row.set_line(&seen.join(" "));
            }
            Ok(())
        }
    }
    let lines = [
        Line::new("x").label("app", "web").label("pod", "p").at(7),
        Line::new("y").metadata("trace", "t"),
        Line::new("z").label("app", "web"),
    ];
    let out = testing::logs(&mut Curious, lines).unwrap();
    let texts: Vec<String> = out.into_iter().map(|line| line.unwrap().text).collect();
    assert_eq!(texts, ["app=web", "trace=t", "app=web"]);
}

#[test]
fn everything_of_a_line_can_change() {
    plugin!(Changes);
    impl Logs for Changes {
        fn process(&mut self, batch: &LogsBatch<'_>) -> Result<(), Error> {
            for row in batch.rows().rev_collected() {
                row.set_line("first");
                row.set_line_parts([row.line(), "!"]);
                row.set_timestamp(row.index() as i64);
                row.set("l", "1");
                row.set_metadata("m", "2");
                row.remove_metadata("gone");
            }
            Ok(())
        }
    }
    let lines = ["a", "b"].map(|text| Line::new(text).metadata("gone", "x").at(99));
    let out = testing::logs(&mut Changes, lines).unwrap();
    let expected = |text, at| Some(Line::new(text).label("l", "1").metadata("m", "2").at(at));
    assert_eq!(out, [expected("a!", 0), expected("b!", 1)]);
}

#[test]
fn only_floats_get_values() {
    plugin!(Doubles);
    impl Samples for Doubles {
        fn wants(&self) -> SamplesWanted {
            SamplesWanted { timestamps: true, ..SamplesWanted::default() }
        }
        fn process(&mut self, batch: &SamplesBatch<'_>) -> Result<(), Error> {
            for row in batch.rows() {
                row.set_value(2.0 * row.value().unwrap_or(f64::INFINITY));
                if row.timestamp() == 3 {
                    row.drop();
                }
            }
            Ok(())
        }
    }
    let set = || labels([("__name__", "x")]);
    let samples = [Sample::new(set(), 1.5), Sample::histogram(set()), Sample::new(set(), 1.0).at(3)];
    let out = testing::samples(&mut Doubles, samples).unwrap();
    assert_eq!(out, [Some(Sample::new(set(), 3.0)), Some(Sample::histogram(set())), None]);
    assert_eq!(out.get(1).and_then(Option::as_ref).map(|s| s.kind), Some(Kind::Histogram));
}

#[test]
fn having_looks_at_each_value_once() {
    plugin!(Once);
    impl Series for Once {
        fn wants(&self) -> Labels {
            Labels::named(["job"])
        }
        fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
            let mut asked = Vec::new();
            let hits = batch.having("job", |job| {
                asked.push(job.to_owned());
                job != "a"
            });
            hits.for_each(|row| row.drop());
            assert_eq!(asked, ["", "a", "b"]);
            Ok(())
        }
    }
    let sets: Vec<LabelSet> = ["a", "b", "a", "b"].iter().map(|job| labels([("job", *job)])).collect();
    let out = testing::series(&Once, sets.into_iter().chain([labels([("other", "x")])])).unwrap();
    assert_eq!(out.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, false, false]);
}

#[test]
fn the_host_hears_what_is_logged_and_measured() {
    weir_sdk::log::warn!("odd: {}", 7);
    weir_sdk::counter("c", &[("k", "v")], 1.5);
    weir_sdk::counter("c", &[("k", "v")], -1.0);
    weir_sdk::gauge("g", &[], 2.0);
    assert_eq!(testing::messages(), [(weir_sdk::Level::Warn, "odd: 7".to_owned())]);
    assert_eq!((testing::counted("c", &[("k", "v")]), testing::gauged("g", &[])), (1.5, Some(2.0)));
}
