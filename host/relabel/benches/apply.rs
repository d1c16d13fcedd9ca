//! What the usual rules cost per label set.

use weir_model::{LabelSet, LabelsBuilder};
use weir_relabel::{Action, RuleSettings, Rules};

fn main() {
    divan::main();
}

fn series() -> LabelSet {
    [
        ("__name__", "http_request_duration_seconds_bucket"),
        ("instance", "10.0.3.17:8080"),
        ("job", "api"),
        ("le", "0.25"),
        ("method", "GET"),
        ("pod", "api-7c9f8d6b54-x2x7q"),
    ]
    .iter()
    .collect()
}

fn rule(source: &str, regex: &str, action: Action) -> RuleSettings {
    RuleSettings { source_labels: vec![source.into()], regex: regex.into(), action, ..RuleSettings::default() }
}

fn run(bencher: divan::Bencher<'_, '_>, settings: &[RuleSettings]) {
    let Ok(rules) = Rules::compile(settings) else { return };
    let (series, mut labels) = (series(), LabelsBuilder::default());
    bencher.bench_local(|| {
        labels.reset(series.as_labels());
        rules.apply(&mut labels)
    });
}

#[divan::bench]
fn reset_alone(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &[]);
}

#[divan::bench]
fn drop_by_words(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &[rule("__name__", "go_.*|process_.*|promhttp_.*", Action::Drop)]);
}

#[divan::bench]
fn drop_by_expression(bencher: divan::Bencher<'_, '_>) {
    run(bencher, &[rule("__name__", "(go|process|promhttp)_.*", Action::Drop)]);
}

#[divan::bench]
fn replace_with_groups(bencher: divan::Bencher<'_, '_>) {
    let replace = RuleSettings { target_label: "host".into(), ..rule("instance", "([^:]+):[0-9]+", Action::Replace) };
    run(bencher, &[replace]);
}

#[divan::bench]
fn labeldrop_by_word(bencher: divan::Bencher<'_, '_>) {
    let drop = RuleSettings { regex: "pod|node".into(), action: Action::LabelDrop, ..RuleSettings::default() };
    run(bencher, &[drop]);
}

#[divan::bench]
fn hashmod(bencher: divan::Bencher<'_, '_>) {
    let hash = RuleSettings { target_label: "__tmp".into(), modulus: 8, ..rule("instance", "(.*)", Action::HashMod) };
    run(bencher, &[hash]);
}
