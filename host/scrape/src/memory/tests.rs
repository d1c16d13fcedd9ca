use super::*;
use crate::series_labels::SeriesRules;
use crate::settings::JobSettings;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weir_exposition::{Line, Series, lines};
use weir_model::{LabelSet, LabelsBuilder};
use weir_relabel::{Action, RuleSettings, Rules};

/// A memory beside what an outlet would know of it, and the plain way to the same end.
struct Bench {
    memory: Memory,
    scratch: Scratch,
    rules: SeriesRules,
    secrets: RapidSecrets,
    limit: usize,
    extra: bool,
    time: i64,
    /// The labels by slot.
    known: BTreeMap<Slot, LabelSet>,
    counts: Counts,
    /// The newest time of each series that a storage would hold.
    stored: BTreeMap<String, i64>,
    /// What is known of each slot; of one that has died it means nothing.
    said: BTreeMap<Slot, std::sync::Arc<weir_model::Metadata>>,
}

type Read = Vec<(LabelSet, i64, f64)>;

impl Bench {
    fn new(settings: &JobSettings) -> Self {
        Self {
            memory: Memory::default(),
            scratch: Scratch::default(),
            rules: SeriesRules::new(settings, [("job", "j")].iter().collect()),
            secrets: RapidSecrets::seed(42),
            limit: settings.sample_limit,
            extra: settings.extra_scrape_metrics,
            time: 1_000_000,
            known: BTreeMap::new(),
            said: BTreeMap::new(),
            counts: Counts::default(),
            stored: BTreeMap::new(),
        }
    }

    /// One scrape; what an outlet makes of it, without the reported series. Checks every rule of a page.
    fn scrape(&mut self, body: Result<&str, ()>) -> Result<Read, String> {
        self.time += 1000;
        let (memory, scratch) = (&mut self.memory, &mut self.scratch);
        let rules = PageRules {
            series: &self.rules,
            honor_timestamps: true,
            sample_limit: self.limit,
            extra: self.extra,
            secrets: &self.secrets,
            time: self.time,
        };
        self.counts = Counts::default();
        memory.begin(rules, scratch);
        let outcome = match body {
            Ok(body) => memory.walk(body.as_bytes(), rules, scratch, &mut self.counts).map_err(|e| e.to_string()),
            Err(()) => Err("no body".to_owned()),
        };
        if outcome.is_err() {
            memory.fail(rules, scratch);
        }
        let extra = crate::report::Extra { timeout: std::time::Duration::ZERO, sample_limit: 0, body_size: 0 };
        let report = Report {
            up: outcome.is_ok(),
            duration: std::time::Duration::ZERO,
            counts: self.counts,
            extra: self.extra.then_some(extra),
        };
        memory.finish(&report, self.time, scratch);
        let page = scratch.page(self.time);

        let mut ended = BTreeSet::new();
        for slot in page.deaths {
            assert!(self.known.remove(slot).is_some(), "{slot} dies and was not alive");
            assert!(ended.insert(*slot));
        }
        for (slot, labels) in page.births.iter() {
            assert!(!ended.contains(&slot), "{slot} is born on the page of its death");
            assert!(self.known.insert(slot, labels.to_owned()).is_none(), "{slot} is born and was alive");
        }
        for ((slot, _), metadata) in page.births.iter().zip(page.births.metadata()) {
            self.said.remove(&slot);
            if let Some(metadata) = metadata {
                self.said.insert(slot, metadata.clone());
            }
        }
        for (slot, metadata) in page.births.described() {
            assert!(self.known.contains_key(slot), "{slot} is described and not alive");
            self.said.insert(*slot, metadata.clone());
        }
        let distinct: BTreeSet<_> = self.known.values().map(LabelSet::to_string).collect();
        assert_eq!(distinct.len(), self.known.len(), "two slots with the same labels");
        let mut once = BTreeSet::new();
        let mut read = vec![];
        for sample in page.samples {
            assert!(once.insert((sample.slot, sample.time)), "two samples of one slot and time");
            if sample.slot >= REPORT_SLOTS {
                read.push((self.known[&sample.slot].clone(), sample.time, sample.value));
            } else {
                let name = Report::names(true).nth(sample.slot as usize);
                assert_eq!(self.known[&sample.slot].as_labels().get("__name__"), name);
            }
        }
        outcome.map(|()| read)
    }

    /// The same page, read without any memory but that of a storage: its samples, and how many there were before and
    /// after relabelling.
    fn plain(&self, body: &str) -> Result<(Read, u64, u64), String> {
        let (mut series, mut builder) = (Series::default(), LabelsBuilder::default());
        let mut read: Read = vec![];
        let (mut scraped, mut relabelled) = (0, 0);
        for line in lines(body.as_bytes()) {
            let Line::Sample(text, tail) = line.map_err(|f| f.locate(body.as_bytes()).to_string())? else { continue };
            let at = text.as_ptr() as usize - body.as_ptr() as usize;
            series.parse(text).map_err(|f| f.shifted(at).locate(body.as_bytes()).to_string())?;
            scraped += 1;
            if self.rules.apply(&series, text, &mut builder).map_err(|e| e.to_string())? {
                relabelled += 1;
                let labels = builder.finish().to_owned();
                let time = tail.time.unwrap_or(self.time);
                let on_page = read.iter().filter(|r| r.0 == labels).map(|r| r.1).max();
                let last = on_page.max(self.stored.get(&labels.to_string()).copied());
                // ten minutes ahead and an hour behind are what a storage takes
                let bounds = self.time - 3_600_000..=self.time + 600_000;
                if bounds.contains(&time) && last.is_none_or(|last| time > last) {
                    read.push((labels, time, tail.value));
                }
            }
        }
        Ok((read, scraped, relabelled))
    }

    fn check(&mut self, body: &str) {
        let got = self.scrape(Ok(body));
        let plain = self.plain(body);
        if let Ok((_, scraped, relabelled)) = plain {
            assert_eq!((self.counts.scraped, self.counts.relabelled), (scraped, relabelled), "{body}");
        }
        assert_eq!(format!("{got:?}"), format!("{:?}", plain.map(|p| p.0)), "{body}");
        for (labels, time, _) in got.into_iter().flatten() {
            self.stored.insert(labels.to_string(), time);
        }
    }

    fn series(&self) -> usize {
        self.known.keys().filter(|s| **s >= REPORT_SLOTS).count()
    }
}

fn drop_rule() -> JobSettings {
    let rules = Rules::compile(&[
        RuleSettings {
            source_labels: vec!["__name__".into()],
            regex: "go_.*".into(),
            action: Action::Drop,
            ..RuleSettings::default()
        },
        RuleSettings { regex: "tmp".into(), action: Action::LabelDrop, ..RuleSettings::default() },
    ]);
    JobSettings { metric_relabel_configs: rules.unwrap(), ..JobSettings::default() }
}

#[test]
fn an_unchanged_page_has_no_births_and_no_deaths() {
    let mut bench = Bench::new(&drop_rule());
    let page = "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\ngo_x 3\nb 4";
    bench.check(page);
    assert_eq!(bench.counts, Counts { scraped: 4, relabelled: 3, series_added: 3, ..Counts::default() });
    bench.check(&page.replace(" 1", " 17"));
    assert_eq!(bench.counts, Counts { scraped: 4, relabelled: 3, ..Counts::default() });
    assert!(bench.scratch.births.is_empty() && bench.scratch.deaths.is_empty());
    assert!(bench.scratch.layout.is_empty(), "an unchanged page is not written down again");
}

#[test]
fn a_name_that_gets_labels_is_another_series() {
    let mut bench = Bench::new(&JobSettings::default());
    bench.check("a 1\nb 2\n");
    bench.check("a {x=\"1\"} 1\nb 2\n");
    bench.check("a 1\nb 2\n");
    bench.check("a1 1\nb 2\n");
}

#[test]
fn two_texts_of_one_series_share_a_slot() {
    let mut bench = Bench::new(&drop_rule());
    bench.check("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\",tmp=\"0\"} 3\n");
    assert_eq!((bench.counts.duplicates, bench.series()), (2, 1));
    bench.check("a{y=\"2\",x=\"1\"} 2\n");
    assert!(bench.scratch.births.is_empty() && bench.scratch.deaths.is_empty(), "it is the same series");
    bench.check("b 1\nb 2\nb 3\n");
    assert_eq!((bench.counts.relabelled, bench.counts.duplicates), (3, 2));
}

#[test]
fn own_times_may_repeat_a_series_in_order() {
    let mut bench = Bench::new(&JobSettings::default());
    bench.check("a 1 100\na 2 200\na 3 200\na 4 150\na 5\nb 1\nb 2 300\n");
    assert_eq!((bench.counts.duplicates, bench.counts.out_of_order), (1, 2));
    let ahead = bench.time + 1000 + 10 * 60 * 1000;
    let got = bench.scrape(Ok(&format!("a 1 {}\nb 2 {ahead}\n", ahead + 1))).unwrap();
    assert_eq!((got.len(), bench.counts.out_of_bounds), (1, 1));
}

#[test]
fn own_times_go_on_from_page_to_page_and_over_failures() {
    let mut bench = Bench::new(&JobSettings::default());
    bench.check("a 1 100\nb 1 100\nc 1\n");
    bench.check("a 1 100\nb 2 100\nc 1\n");
    assert_eq!((bench.counts.duplicates, bench.counts.out_of_order), (2, 0));
    bench.check("a 2 99\nb 2 101\nc 1\n");
    assert_eq!((bench.counts.duplicates, bench.counts.out_of_order), (0, 1));
    bench.check("a 3 150\nb x\n");
    bench.check("c 1\n");
    bench.check("a 1 100\nb 2 101\na 2 120\n");
    assert_eq!(bench.counts.duplicates, 2, "what was stored before the failure is known");
    bench.memory.new_generation();
    bench.known.clear();
    bench.check("a 2 120\nb 3 102\n");
    assert_eq!(bench.counts.duplicates, 1);
}

#[test]
fn texts_of_failed_pages_are_known_within_bounds() {
    let mut bench = Bench::new(&JobSettings { sample_limit: 3, ..JobSettings::default() });
    assert!(bench.scrape(Ok("a 1\nb 1\nc 1\nd 1\n")).is_err());
    bench.check("d 1\n");
    assert_eq!(bench.counts.series_added, 1, "what was over the limit was not taken");
    bench.check("a 1\nb 1\nc x\n");
    assert_eq!((bench.counts.scraped, bench.counts.series_added), (2, 2));
    bench.check("b 1\na 1\nd 1\n");
    assert_eq!(bench.counts.series_added, 0);
    bench.limit = 0;
    for page in 0..20 {
        let lines: Vec<_> = (0..500).map(|i| format!("a{{page=\"{page}\",x=\"{i}\"}} 1\n")).collect();
        bench.check(&(lines.concat() + "c x\n"));
        assert_eq!(bench.counts.relabelled, 500);
    }
    assert!(bench.memory.entries.len() <= 3 * 2 + 1000, "{}", bench.memory.entries.len());
    bench.check("b 1\na 1\nd 1\n");
    assert_eq!((bench.counts.series_added, bench.series()), (0, 3));
}

#[test]
fn what_weir_reports_cannot_be_forged() {
    let mut bench = Bench::new(&JobSettings { honor_labels: true, ..JobSettings::default() });
    for page in ["up 0\nup{job=\"k\"} 1\n", "up 0\nup{job=\"k\"} 1\n", "a 1\nup 0 5\n"] {
        let got = bench.scrape(Ok(page)).unwrap();
        assert_eq!((got.len(), bench.counts.duplicates), (1, 1));
    }
}

#[test]
fn a_failed_scrape_ends_all_and_what_returns_is_not_added() {
    let mut bench = Bench::new(&drop_rule());
    bench.check("a 1\ngo_b 2\nc 3\n");
    assert!(bench.scrape(Err(())).is_err());
    assert_eq!(bench.series(), 0);
    assert_eq!(bench.scratch.samples.len(), 5, "the reported series live on");
    bench.check("a 1\ngo_b 2\nc 3\nd 4\n");
    assert_eq!((bench.counts.series_added, bench.series()), (1, 3));
    bench.check("a 1\ne 1\nc x\n");
    assert_eq!(bench.series(), 0);
    bench.check("a 1\ne 1\nc 1\n");
}

#[test]
fn the_sample_limit_fails_the_page_and_counts_to_its_end() {
    let mut bench = Bench::new(&JobSettings { sample_limit: 2, ..drop_rule() });
    bench.check("a 1\ngo_x 1\nb 1\n");
    let error = bench.scrape(Ok("a 1\ngo_x 1\nb 1\nc 1\nd 1\ngo_y 1\n")).unwrap_err();
    assert_eq!(error, "4 samples after metric_relabel_configs are over sample_limit, 2");
    assert_eq!((bench.counts.scraped, bench.counts.relabelled, bench.series()), (6, 4, 0));
    bench.check("a 1\nb 1\n");
}

#[test]
fn a_new_generation_makes_all_births() {
    let mut bench = Bench::new(&drop_rule());
    bench.check("a 1\ngo_b 2\nc 3\n");
    bench.memory.new_generation();
    bench.known.clear();
    bench.check("c 3\na 1\ngo_b 2\n");
    assert_eq!((bench.known.len(), bench.counts.series_added), (7, 0));
}

#[test]
fn new_rules_touch_only_the_series_they_change() {
    let mut bench = Bench::new(&JobSettings::default());
    bench.check("a 1\ngo_b 2\nc{tmp=\"1\"} 3\n");
    let before = bench.known.clone();
    bench.rules = SeriesRules::new(&drop_rule(), [("job", "j")].iter().collect());
    bench.extra = true;
    bench.memory.new_rules();
    bench.check("a 1\ngo_b 2\nc{tmp=\"1\"} 3\n");
    assert_eq!((bench.scratch.deaths.len(), bench.scratch.births.len()), (2, 4));
    assert_eq!(before.keys().filter(|s| bench.known.get(s) == before.get(s)).count(), 6);
    bench.extra = false;
    bench.check("a 1\ngo_b 2\nc{tmp=\"1\"} 3\n");
    assert_eq!(bench.known.len(), 7);
}

#[test]
fn is_small_at_rest() {
    let mut bench = Bench::new(&JobSettings::default());
    for page in 0..5 {
        let lines: Vec<_> = (page..5000 + page).map(|i| format!("metric_{i}{{label=\"{i}\"}} {page}")).collect();
        bench.scrape(Ok(&lines.join("\n"))).unwrap();
    }
    let bytes = bench.memory.heap_bytes();
    assert!(bytes < 5000 * 27, "{bytes} bytes for 5000 series");
}

/// Pages of lines drawn from a small alphabet, so that they come back, move, repeat and collide.
fn any_page() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        12 => ("(a|b|go_c|[d-z])", prop::option::of("x=\"[0-4]\"(,y=\"[01]\")?(,tmp=\"0\")?"), 0..9u32).prop_map(|(n, l, v)| {
            l.map_or(format!("{n} {v}\n"), |l| format!("{n}{{{l}}} {v}\n"))
        }),
        2 => (0..4u32, 1..6u32).prop_map(|(n, t)| format!("timed{{x=\"{n}\"}} {n} {t}\n")),
        2 => "# (TYPE [ab] (gauge|counter)|[a-c]{0,3})\n",
        1 => "(\n| a\\{y=\"0\", x=\"1\"\\}3\n|a\t\\{x=\"1\"\\} 2\n)",
    ];
    prop::collection::vec(line, 0..40).prop_map(|l| l.concat())
}

/// Lines that fail their page, or nearly.
fn any_hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab{}=\",\\\\ 0-9#\r\u{0}\u{feff}]{1,12}\n",
        "(a|b|timed)(\\{[xy=\"1, ]{0,10}\\})? (1|x|NaN|1e999|0x1|) ?(1|-1|x|99999999999999999999|9223372036854775807)?\n",
        Just("a{x=\"1\",x=\"1\"} 1\n".to_owned()),
        Just("# TYPE a nonsense\n".to_owned()),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Fresh(String),
    Swap(usize, usize),
    Insert(usize, String),
    Remove(usize, usize),
    /// A hostile line, on one page.
    Hostile(usize, String),
    Down,
    Generation,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any_page().prop_map(Step::Fresh),
        4 => (0..60usize, 0..60usize).prop_map(|(a, b)| Step::Swap(a, b)),
        4 => (0..60usize, any_page()).prop_map(|(a, p)| Step::Insert(a, p)),
        4 => (0..60usize, 0..30usize).prop_map(|(a, n)| Step::Remove(a, n)),
        2 => (0..60usize, any_hostile()).prop_map(|(at, line)| Step::Hostile(at, line)),
        1 => Just(Step::Down),
        1 => Just(Step::Generation),
    ]
}

proptest! {
    #[test]
    fn walking_is_the_same_as_reading_anew(first in any_page(), steps in prop::collection::vec(any_step(), 0..12)) {
        let mut bench = Bench::new(&drop_rule());
        let mut page: Vec<String> = first.split_inclusive('\n').map(str::to_owned).collect();
        bench.check(&first);
        for step in steps {
            match step {
                Step::Fresh(text) => page = text.split_inclusive('\n').map(str::to_owned).collect(),
                Step::Swap(a, b) if a < page.len() && b < page.len() => page.swap(a, b),
                Step::Insert(at, text) => {
                    let at = at.min(page.len());
                    page.splice(at..at, text.split_inclusive('\n').map(str::to_owned));
                }
                Step::Remove(at, n) => drop(page.drain(at.min(page.len())..(at + n).min(page.len()))),
                Step::Hostile(at, line) => {
                    let mut page = page.clone();
                    page.insert(at.min(page.len()), line);
                    bench.check(&page.concat());
                }
                Step::Down => assert!(bench.scrape(Err(())).is_err()),
                Step::Generation => {
                    bench.memory.new_generation();
                    bench.known.clear();
                }
                Step::Swap(..) => {}
            }
            bench.check(&page.concat());
            bench.check(&page.concat());
        }
    }

    #[test]
    fn never_panics(pages in prop::collection::vec("([a-c]{0,2}|[{}=,\"\\\\ \t\n#0-9]|le|# TYPE ){0,30}", 1..6)) {
        let mut bench = Bench::new(&JobSettings { sample_limit: 3, ..drop_rule() });
        for page in pages {
            let _ = bench.scrape(Ok(&page));
        }
    }
}

impl Bench {
    /// What is known of a series by its name.
    fn said(&self, name: &str) -> Option<(u8, &str, &str)> {
        let (slot, _) = self.known.iter().find(|(_, l)| l.as_labels().get("__name__") == Some(name))?;
        self.said.get(slot).map(|m| (m.kind as u8, &*m.help, &*m.unit))
    }
}

#[test]
fn series_carry_what_the_page_says_of_their_family() {
    let mut bench = Bench::new(&JobSettings::default());
    let page = "# HELP a_total All\\nof it.\n# TYPE a_total counter\n# UNIT a_total seconds\na_total 1\nb 2\n\
                # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_other 3\n";
    bench.check(page);
    assert_eq!(bench.said("a_total"), Some((1, "All\nof it.", "seconds")));
    assert_eq!(bench.said("h_sum"), Some((3, "", "")));
    assert_eq!(bench.said("h_bucket"), Some((3, "", "")));
    assert_eq!((bench.said("b"), bench.said("h_other")), (None, None));
    assert_eq!(bench.said("up").map(|m| m.0), Some(2));

    // another word about a family reaches its series, and no other
    bench.check(&page.replace("All", "None").replace("TYPE h histogram", "TYPE h summary"));
    assert!(bench.scratch.births.is_empty(), "they live on");
    assert_eq!(bench.said("a_total"), Some((1, "None\nof it.", "seconds")));
    assert_eq!(bench.said("h_sum"), Some((5, "", "")));
    assert_eq!(bench.said("h_bucket"), Some((3, "", "")), "no series of a summary");
    assert_eq!(bench.scratch.births.described().len(), 2);

    // a family that moves says nothing new, and neither does the same page again
    let moved = "# TYPE h summary\nh_sum 2\n# HELP a_total None\\nof it.\n# TYPE a_total counter\n# UNIT a_total seconds\na_total 1\n";
    bench.check(moved);
    bench.check(moved);
    assert_eq!(bench.scratch.births.described().len(), 0);
    assert_eq!(bench.said("a_total"), Some((1, "None\nof it.", "seconds")));

    // a series born later has it too, and so have all after a failure and in a new generation
    bench.check(&format!("{moved}a_total{{x=\"y\"}} 1\n"));
    bench.scrape(Err(())).unwrap_err();
    bench.said.clear();
    bench.check(moved);
    assert_eq!(bench.said("a_total"), Some((1, "None\nof it.", "seconds")));
    bench.memory.new_generation();
    (bench.known, bench.said) = (BTreeMap::new(), BTreeMap::new());
    bench.check(moved);
    assert_eq!(bench.said("h_sum"), Some((5, "", "")));
}
