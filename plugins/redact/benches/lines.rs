//! What a line costs, native: nothing to find, and one line in twenty with a finding.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_redact::Redact;
use weir_sdk::testing::{self, Line, LogLines};
use weir_sdk::{Logs, LogsWanted};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

/// 226 bytes, as an access log has them.
fn line(i: usize, user: &str) -> Line {
    let head = format!(
        r#"{{"ts":"2026-11-23T07:{:02}:{:02}.123456Z","level":"info","method":"GET","user":"{user}","#,
        i / 60 % 60,
        i % 60
    );
    let tail =
        format!(r#""status":200,"bytes":{},"ms":{},"trace":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#, 1000 + i, i % 97);
    let path: String =
        "/api/v1/orders/pending/of-customer/".chars().cycle().take(226 - head.len() - tail.len() - 10).collect();
    Line::new(format!(r#"{head}"path":"{path}",{tail}"#))
}

fn bench(bencher: Bencher<'_, '_>, config: &str, every: usize) {
    let mut plugin: Redact = testing::configure(config).unwrap();
    let user = |i: usize| if i.is_multiple_of(every) { "ann.lee@example.org" } else { "ann.lee-example.org" };
    let lines: Vec<Line> = (0..ROWS).map(|i| line(i, user(i + 1))).collect();
    assert!(lines.iter().all(|l| l.text.len() == 226));
    let wanted: LogsWanted = plugin.wants();
    let lines = LogLines::new(&lines, &wanted);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| lines.run(&mut plugin).unwrap());
}

const ALL: &str = r#"{"patterns":["email","pan","ipv4","ipv6","bearer"]}"#;
const CUSTOM: &str =
    r#"{"custom":[{"name":"sid","regex":"sid=\\w+"},{"name":"iban","regex":"\\b[A-Z]{2}\\d{20}\\b"}]}"#;

#[divan::bench]
fn nothing_to_find(bencher: Bencher<'_, '_>) {
    bench(bencher, "{}", usize::MAX);
}

#[divan::bench]
fn one_in_twenty(bencher: Bencher<'_, '_>) {
    bench(bencher, "{}", 20);
}

#[divan::bench]
fn every_pattern(bencher: Bencher<'_, '_>) {
    bench(bencher, ALL, usize::MAX);
}

#[divan::bench]
fn two_of_ones_own(bencher: Bencher<'_, '_>) {
    bench(bencher, CUSTOM, usize::MAX);
}

#[divan::bench(args = ["email", "pan", "ipv4", "ipv6", "bearer"])]
fn one_pattern(bencher: Bencher<'_, '_>, pattern: &str) {
    bench(bencher, &format!(r#"{{"patterns":["{pattern}"]}}"#), usize::MAX);
}
