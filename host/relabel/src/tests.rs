//! The rules against Prometheus' semantics.

use proptest::prelude::*;
use weir_model::LabelsBuilder;

use crate::{Action, RuleError, RuleErrorKind, RuleSettings, Rules};

/// A rule written as `key=value` words; a value's `+` in `source` joins labels.
fn rule(words: &[(&str, &str)]) -> RuleSettings {
    let mut rule = RuleSettings::default();
    for &(key, value) in words {
        match key {
            "source" => rule.source_labels = value.split('+').map(str::to_string).collect(),
            "separator" => rule.separator = value.into(),
            "regex" => rule.regex = value.into(),
            "modulus" => rule.modulus = value.parse().unwrap(),
            "target" => rule.target_label = value.into(),
            "replacement" => rule.replacement = value.into(),
            "action" => rule.action = value.parse().unwrap(),
            other => panic!("no such key: {other}"),
        }
    }
    rule
}

/// What is left of labels written as `a=1 b=2`; `None` when they were dropped.
fn apply(rules: &[RuleSettings], labels: &str) -> Option<String> {
    let rules = Rules::compile(rules).unwrap();
    let mut builder = LabelsBuilder::default();
    for (name, value) in labels.split(' ').filter(|l| !l.is_empty()).map(|l| l.split_once('=').unwrap()) {
        builder.set(name, value);
    }
    rules.apply(&mut builder).then(|| {
        let labels = builder.finish();
        labels.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
    })
}

#[track_caller]
fn check(words: &[(&str, &str)], labels: &str, expected: impl Into<Option<&'static str>>) {
    assert_eq!(apply(&[rule(words)], labels).as_deref(), expected.into(), "{words:?}");
}

#[test]
fn replace_sets_the_target_where_the_expression_matches() {
    let a = ("source", "a");
    check(&[a, ("target", "d"), ("regex", "f(.*)"), ("replacement", "ch${1}-ch${1}")], "a=foo", "a=foo d=choo-choo");
    check(&[a, ("target", "d")], "a=foo", "a=foo d=foo");
    check(
        &[("source", "a+b"), ("target", "d"), ("regex", "f(.*);(.*)r"), ("replacement", "b${1}${2}m")],
        "a=foo b=bar",
        "a=foo b=bar d=boobam",
    );
    check(&[("source", "a+b+c"), ("separator", ""), ("target", "d")], "a=1 c=3", "a=1 c=3 d=13");
    check(&[a, ("target", "d"), ("regex", "no"), ("replacement", "x")], "a=foo d=old", "a=foo d=old");
    check(&[a, ("target", "d"), ("regex", "o"), ("replacement", "x")], "a=foo", "a=foo");
    check(&[("target", "d"), ("replacement", "fixed")], "a=1", "a=1 d=fixed");
    check(&[("target", "a"), ("replacement", "")], "a=1 b=2", "b=2");
    check(&[("source", "gone"), ("target", "a")], "a=1 b=2", "b=2");
    check(&[a, ("target", "d"), ("regex", "(x)|(f)oo"), ("replacement", "<$1$2>")], "a=foo", "a=foo d=<f>");
}

#[test]
fn replace_takes_its_target_from_a_template() {
    let base = [("source", "a"), ("regex", "some-([^-]+)-([^,]+)"), ("replacement", "${2}")];
    let with = |target| [base[0], base[1], base[2], ("target", target)];
    check(&with("${1}"), "a=some-name-value", "a=some-name-value name=value");
    check(&with("prefix_${1}_x"), "a=some-name-value", "a=some-name-value prefix_name_x=value");
    check(&with("${3}"), "a=some-name-value", "a=some-name-value");
    check(&with("${1}"), "a=some-2name-value", "a=some-2name-value");
    check(&with("${1}"), "a=some-na/me-value", "a=some-na/me-value");
}

#[test]
fn templates_follow_go() {
    let expand = |replacement| {
        let words = [("source", "a"), ("target", "b"), ("regex", "(?P<first>.)(.)(.*)"), ("replacement", replacement)];
        let labels = apply(&[rule(&words)], "a=xyz-").unwrap();
        labels.strip_prefix("a=xyz-").unwrap().strip_prefix(" b=").unwrap_or_default().to_string()
    };
    for (template, expected) in [
        ("$0", "xyz-"),
        ("$2$1", "yx"),
        ("${2}1", "y1"),
        ("$21", ""),
        ("$1x", ""),
        ("$1_2", ""),
        ("$1-2", "x-2"),
        ("${first}|$first", "x|x"),
        ("$firsts", ""),
        ("$01", ""),
        ("${01}", ""),
        ("$$1", "$1"),
        ("$", "$"),
        ("a$", "a$"),
        ("$-1", "$-1"),
        ("${1", "${1"),
        ("${}", "${}"),
        ("${1 }", "${1 }"),
        ("$99999999999999999999", ""),
        ("$é", ""),
        ("ü$1ü", "ü"),
    ] {
        assert_eq!(expand(template), expected, "{template}");
    }
}

#[test]
fn keep_and_drop_look_at_the_whole_value() {
    for (action, hit) in [("keep", true), ("drop", false)] {
        for (regex, matches) in [
            ("foo", true),
            ("fo", false),
            ("f|foo", true),
            ("f.*", true),
            ("o.*", false),
            ("(?i)FOO", true),
            ("", false),
        ] {
            let expected = (matches == hit).then_some("a=foo");
            check(&[("source", "a"), ("action", action), ("regex", regex)], "a=foo", expected);
        }
    }
    check(&[("source", "a"), ("action", "keep"), ("regex", "")], "b=1", "b=1");
    let rules =
        [rule(&[("source", "a"), ("action", "drop"), ("regex", "1")]), rule(&[("target", "b"), ("replacement", "2")])];
    assert_eq!(apply(&rules, "a=0").as_deref(), Some("a=0 b=2"));
    assert_eq!(apply(&rules, "a=1"), None);
}

#[test]
fn keepequal_and_dropequal_compare_with_the_target() {
    let words = |action| [("source", "__port_in_pod"), ("action", action), ("target", "__port_asked")];
    check(&words("keepequal"), "__port_asked=80 __port_in_pod=80", "__port_asked=80 __port_in_pod=80");
    check(&words("keepequal"), "__port_asked=80 __port_in_pod=81", None);
    check(&words("keepequal"), "x=1", "x=1");
    check(&words("dropequal"), "__port_asked=80 __port_in_pod=80", None);
    check(&words("dropequal"), "__port_asked=80 __port_in_pod=81", "__port_asked=80 __port_in_pod=81");
}

#[test]
fn hashmod_agrees_with_prometheus() {
    // The cases of Prometheus' own tests: any fleet shards alike whoever scrapes.
    check(
        &[("source", "c"), ("target", "d"), ("action", "hashmod"), ("modulus", "1000")],
        "a=foo b=bar c=baz",
        "a=foo b=bar c=baz d=976",
    );
    let words = [("source", "a"), ("target", "d"), ("action", "hashmod"), ("modulus", "18446744073709551615")];
    // md5("a") = 0cc175b9c0f1b6a8 31c399e269772661
    check(&words, "a=a", "a=a d=3585878926028121697");
}

#[test]
fn labels_are_mapped_dropped_and_kept_by_name() {
    check(
        &[("action", "labelmap"), ("regex", "(b.*)"), ("replacement", "bar_${1}")],
        "a=1 b1=2 b2=3",
        "a=1 b1=2 b2=3 bar_b1=2 bar_b2=3",
    );
    check(
        &[("action", "labelmap"), ("regex", "__meta_(my.*)")],
        "__meta_my_baz=x __meta_other=y",
        "__meta_my_baz=x __meta_other=y my_baz=x",
    );
    check(&[("action", "labelmap"), ("regex", "x_(.*)")], "x_1a=1 x_=2 x_b=3", "b=3 x_=2 x_1a=1 x_b=3");
    check(&[("action", "labelmap"), ("regex", "[xy]_a"), ("replacement", "a")], "y_a=2 x_a=1", "a=2 x_a=1 y_a=2");
    check(&[("action", "labeldrop"), ("regex", "(b.*)")], "a=1 b1=2 b2=3", "a=1");
    check(&[("action", "labelkeep"), ("regex", "(b.*)")], "a=1 b1=2 b2=3", "b1=2 b2=3");
    check(&[("action", "labelkeep"), ("regex", "none")], "a=1", "");
}

#[test]
fn case_is_changed_one_character_for_one() {
    check(&[("source", "a"), ("target", "b"), ("action", "lowercase")], "a=FoO-Ä", "a=FoO-Ä b=foo-ä");
    check(&[("source", "a"), ("target", "b"), ("action", "uppercase")], "a=fOo-ß", "a=fOo-ß b=FOO-ß");
    check(&[("source", "gone"), ("target", "a"), ("action", "uppercase")], "a=1 b=2", "b=2");
}

#[test]
fn expressions_mean_what_they_mean_to_re2() {
    for (regex, value, matches) in [
        (r"\d+", "12", true),
        (r"\d+", "१२", false),
        (r"\w+", "aé", false),
        (r"[\w.-]+", "a.b-c", true),
        (r"[^\W]+", "aé", false),
        (r"\D", "१", true),
        (r"a\bé", "aé", true),
        (r"a.b", "a\nb", true),
        ("a|b", "ab", false),
        (r"\pL+", "é", true),
    ] {
        let rules = Rules::compile(&[rule(&[("source", "a"), ("action", "keep"), ("regex", regex)])]).unwrap();
        let mut labels = LabelsBuilder::default();
        labels.set("a", value);
        assert_eq!(rules.apply(&mut labels), matches, "{regex} on {value:?}");
    }
}

#[test]
fn many_words_are_looked_up() {
    let regex = "go_.*|one|two|three|four|five|six|seven|eight|nine";
    for (regex, value, expected) in [
        (regex, "nine", true),
        (regex, "go_x", true),
        (regex, "go", false),
        (&regex[6..], "one", true),
        (&regex[6..], "on", false),
    ] {
        let found = apply(&[rule(&[("source", "a"), ("action", "keep"), ("regex", regex)])], &format!("a={value}"));
        assert_eq!(found.is_some(), expected, "{regex} on {value}");
    }
}

#[test]
fn rules_that_cannot_work_say_which_key_and_why() {
    let sound = rule(&[("source", "a"), ("target", "b")]);
    for (words, expected) in [
        (&[("source", "a")][..], "`target_label`: the action replace needs a label to work on; name one"),
        (
            &[("target", "a-b")],
            "`target_label`: \"a-b\" is not a label name; use letters, digits and _ (not a digit first), or a template such as ${1}_total",
        ),
        (&[("target", "$1-b")], "`target_label`: \"$1-b\" is not a label name"),
        (&[("target", "a"), ("source", "1x")], "`source_labels`: \"1x\" is not a label name"),
        (&[("action", "lowercase"), ("target", "${1}")], "`target_label`: \"${1}\" is not a label name"),
        (
            &[("action", "lowercase"), ("target", "a"), ("replacement", "x")],
            "`replacement`: the action lowercase does not use this key; remove it",
        ),
        (&[("action", "hashmod"), ("target", "a")], "`modulus`: the action hashmod needs a modulus of at least 1"),
        (&[("action", "hashmod"), ("modulus", "2")], "`target_label`: the action hashmod needs a label"),
        (&[("action", "labelmap"), ("replacement", "a-$1")], "`replacement`: \"a-$1\" makes no label names"),
        (&[("action", "labelmap"), ("replacement", "")], "`replacement`: \"\" makes no label names"),
        (&[("action", "labeldrop"), ("source", "a")], "`source_labels`: the action labeldrop does not use this key"),
        (&[("action", "labelkeep"), ("separator", ",")], "`separator`: the action labelkeep does not use this key"),
        (&[("action", "keepequal"), ("source", "a"), ("target", "b"), ("regex", "x")], "`regex`: the action keepequal"),
        (&[("action", "dropequal"), ("source", "a")], "`target_label`: the action dropequal needs a label"),
        (&[("action", "keep"), ("regex", "a(b")], "`regex`: unclosed group, at character 2 of \"a(b\""),
        (&[("action", "keep"), ("regex", "a)(b")], "`regex`: unopened group, at character 2 of \"a)(b\""),
        (&[("action", "keep"), ("regex", r"\pX")], "`regex`: "),
        (
            &[("action", "keep"), ("regex", "(((a{1000}){1000}){1000})")],
            "`regex`: the expression is too large once compiled",
        ),
    ] {
        let error = Rules::compile(&[sound.clone(), rule(words)]).unwrap_err();
        assert_eq!(error.index, 1);
        let text = error.to_string();
        assert!(text.starts_with(&format!("relabel rule 2: {expected}")), "{text}");
    }
}

#[test]
fn rules_are_equal_when_their_settings_are() {
    let one = [rule(&[("source", "a"), ("target", "b")])];
    assert_eq!(Rules::compile(&one).unwrap(), Rules::compile(&one).unwrap());
    assert_ne!(Rules::compile(&one).unwrap(), Rules::default());
    assert!(Rules::default().is_empty() && !Rules::compile(&one).unwrap().is_empty());
    assert!(Rules::default().apply(&mut LabelsBuilder::default()));
    assert_eq!("LabelDrop".parse(), Ok(Action::LabelDrop));
    assert!(
        "labeldrops".parse::<Action>().unwrap_err().to_string().starts_with("`labeldrops` is not a relabel action")
    );
    let kind = RuleErrorKind::ModulusMissing;
    assert_eq!(RuleError { index: 0, kind }.kind.key(), "modulus");
}

proptest! {
    #[test]
    fn short_cuts_decide_as_the_automaton_does(
        regex in "(a|b|ab|ba|-)(\\.\\*)?(\\|(a|b|ab|)(\\.\\*)?){0,9}",
        value in "[ab-]{0,4}",
    ) {
        let drops = |regex: &str| apply(&[rule(&[("source", "v"), ("action", "drop"), ("regex", regex)])], &format!("v={value}")).is_none();
        // A group keeps an expression from every short cut.
        prop_assert_eq!(drops(&regex), drops(&format!("(?:{regex})")));
    }

    #[test]
    fn no_rule_and_no_label_panics(
        regex in r"[ab$()\[\]|.*+?\\dwW^-]{0,8}",
        template in r"[ab1_${}é]{0,8}",
        target in r"[ab1_${}]{0,5}",
        value in "[abé\n]{0,6}",
        action in 0..Action::ALL.len(),
    ) {
        let rule = RuleSettings {
            source_labels: vec!["a".into()],
            regex,
            target_label: target,
            replacement: template,
            action: Action::ALL[action],
            modulus: 3,
            ..RuleSettings::default()
        };
        let Ok(rules) = Rules::compile(&[rule]) else { return Ok(()) };
        let mut labels = LabelsBuilder::default();
        labels.set("a", &value);
        labels.set("ab", "x");
        let _ = rules.apply(&mut labels);
    }
}
