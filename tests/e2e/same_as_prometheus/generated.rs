//! Pages by chance: mostly well-formed, with the edges of the format where they hurt.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Case;
use super::corpus::at;

/// How many sequences.
const SEQUENCES: usize = 300;

/// Sequences of three pages and the seed they came from; `WEIR_SEED` makes the same ones again.
pub(super) fn cases(now: i64) -> (u64, Vec<Case>) {
    let seed = std::env::var("WEIR_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(now as u64);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let profiles = prop_oneof![6 => Just("plain"), 1 => Just("honor_labels"), 1 => Just("sample_limit"),
        1 => Just("ignore_timestamps"), 1 => Just("label_limits")];
    let strategy = (profiles, any_sequence());
    let cases = (0..SEQUENCES).map(|n| {
        let (profile, pages) = strategy.new_tree(&mut runner).unwrap().current();
        let pages = pages.iter().map(|lines| at(&lines.concat(), now).into_bytes()).collect();
        Case { name: format!("generated {n}"), profile, pages }
    });
    (seed, cases.collect())
}

/// Lines that are kept, moved, removed and added from page to page.
fn any_sequence() -> impl Strategy<Value = Vec<Vec<String>>> {
    let edits = || prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any_line())), 0..4);
    (prop::collection::vec(any_line(), 0..8), edits(), edits()).prop_map(|(first, second, third)| {
        let mut pages = vec![first];
        for edits in [second, third] {
            let mut page = pages[pages.len() - 1].clone();
            for (place, line) in edits {
                let at = place.index(page.len() + 1);
                match line {
                    Some(line) => page.insert(at, line),
                    None if at < page.len() => drop(page.remove(at)),
                    None => {}
                }
            }
            pages.push(page);
        }
        pages
    })
}

fn any_line() -> impl Strategy<Value = String> {
    let value = "([0-9]{1,3}|-?[0-9]\\.[0-9]{1,17}|[0-9]e[-+]?[0-9]{1,2}|NaN|[+-]Inf|0|1)";
    let label =
        prop_oneof!["(x|y|le|job|instance|__y)=\"([a-c]|1|\\\\n|\\\\\\\\|é|)\"", "exported_(job|instance)=\"[a-c]\""];
    let labels = prop::collection::vec(label, 0..4).prop_map(|l| {
        // a name twice fails the page: that has cases of its own, and here it would hide the rest
        let mut seen = BTreeSet::new();
        l.into_iter().filter(|l| seen.insert(l.split('=').next().map(str::to_owned))).collect::<Vec<_>>().join(",")
    });
    // A series that has times of its own on one page and none on another is a deliberate difference. No times of 1970: a Prometheus takes
    // them as long as nothing newer is stored, so the one that happens to be scraped before all others would be taken.
    let time = prop_oneof![10 => "[1-9]0".prop_map(|s| format!(" @-{s}")), 1 => Just(" @+60".to_owned())];
    let named = prop_oneof![
        3 => "(a|b|c|go_gc|a:b|_x)".prop_map(|name| (name, String::new())),
        1 => ("timed_[ab]", time),
    ];
    let sample = (named, labels, value)
        .prop_map(|((n, t), l, v)| if l.is_empty() { format!("{n} {v}{t}\n") } else { format!("{n}{{{l}}} {v}{t}\n") });
    prop_oneof![
        40 => sample,
        4 => "# (TYPE|HELP) [ab] (counter|gauge|histogram)\n",
        2 => "#[ a-z]{0,5}\n",
        2 => "[ \t]{0,2}\n",
        1 => "[ab]\\{[xy,=\"\\\\ }1-]{0,8}\n",
        1 => "[ab\\{} 1#.=\"\r]{1,8}\n",
    ]
}
