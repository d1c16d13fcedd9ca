use super::*;
use weir_sdk::testing::{self, LabelSet, labels};

fn plugin(rules: &str) -> Relabel {
    testing::configure(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap()
}

/// One set through the rules, in PromQL's notation; "dropped" where it is.
fn relabel(rules: &str, set: LabelSet) -> String {
    let out = testing::series(&plugin(rules), [set]).unwrap().remove(0);
    out.map_or_else(|| "dropped".into(), |set| set.to_string())
}

fn set() -> LabelSet {
    labels([("__name__", "m"), ("a", "foo"), ("b", "bar"), ("c", "baz")])
}

#[test]
fn every_action() {
    for (rules, expected) in [
        (
            r#"{"source_labels":["a"],"regex":"f(.*)","target_label":"d","replacement":"ch${1}-ch${1}"}"#,
            r#"m{a="foo",b="bar",c="baz",d="choo-choo"}"#,
        ),
        (
            r#"{"source_labels":["a","b"],"regex":"f(.*);(.*)r","target_label":"a","replacement":"b${1}${2}m"}"#,
            r#"m{a="boobam",b="bar",c="baz"}"#,
        ),
        (r#"{"source_labels":["a"],"target_label":"d"}"#, r#"m{a="foo",b="bar",c="baz",d="foo"}"#),
        (
            r#"{"source_labels":["a"],"regex":"nothing","target_label":"d","replacement":"x"}"#,
            r#"m{a="foo",b="bar",c="baz"}"#,
        ),
        (
            r#"{"source_labels":["a"],"regex":"fo","target_label":"d","replacement":"x"}"#,
            r#"m{a="foo",b="bar",c="baz"}"#,
        ),
        (r#"{"source_labels":["a"],"regex":"f.*","target_label":"b","replacement":""}"#, r#"m{a="foo",c="baz"}"#),
        (r#"{"target_label":"cluster","replacement":"eu"}"#, r#"m{a="foo",b="bar",c="baz",cluster="eu"}"#),
        (
            r#"{"source_labels":["a"],"regex":"(?P<x>f)(oo)","target_label":"${x}_$2","replacement":"$$$x$0"}"#,
            r#"m{a="foo",b="bar",c="baz",f_oo="$ffoo"}"#,
        ),
        (
            r#"{"source_labels":["a"],"regex":"(f)oo","target_label":"d","replacement":"[$1x]"}"#,
            r#"m{a="foo",b="bar",c="baz",d="[]"}"#,
        ),
        (r#"{"source_labels":["a"],"regex":"foo|other","action":"keep"}"#, r#"m{a="foo",b="bar",c="baz"}"#),
        (r#"{"source_labels":["a"],"regex":"other","action":"keep"}"#, "dropped"),
        (r#"{"source_labels":["a"],"regex":"f|foo","action":"drop"}"#, "dropped"),
        (r#"{"source_labels":["missing"],"regex":"","action":"drop"}"#, "dropped"),
        (r#"{"source_labels":["a"],"target_label":"b","action":"keepequal"}"#, "dropped"),
        (r#"{"source_labels":["a"],"target_label":"b","action":"dropequal"}"#, r#"m{a="foo",b="bar",c="baz"}"#),
        (
            r#"{"source_labels":["c"],"target_label":"d","action":"hashmod","modulus":1000}"#,
            r#"m{a="foo",b="bar",c="baz",d="976"}"#,
        ),
        (
            r#"{"regex":"(b.*)","replacement":"bar_${1}","action":"labelmap"}"#,
            r#"m{a="foo",b="bar",bar_b="bar",c="baz"}"#,
        ),
        (r#"{"regex":"[bc]","action":"labeldrop"}"#, r#"m{a="foo"}"#),
        (r#"{"regex":"b|c","action":"labeldrop"}"#, r#"m{a="foo"}"#),
        (r#"{"regex":"__name__|a","action":"labelkeep"}"#, r#"m{a="foo"}"#),
        (r#"{"source_labels":["a"],"target_label":"a","action":"uppercase"}"#, r#"m{a="FOO",b="bar",c="baz"}"#),
        (
            r#"{"source_labels":["__name__"],"target_label":"__name__","action":"lowercase"}"#,
            r#"m{a="foo",b="bar",c="baz"}"#,
        ),
    ] {
        assert_eq!(relabel(rules, set()), expected, "{rules}");
    }
}

#[test]
fn rules_see_what_earlier_ones_did() {
    let rules = r#"{"source_labels":["a"],"target_label":"d"},{"source_labels":["d"],"regex":"foo","target_label":"e","replacement":"yes"},
        {"regex":"d","action":"labeldrop"},{"source_labels":["d"],"regex":"","target_label":"f","replacement":"gone"}"#;
    assert_eq!(relabel(rules, set()), r#"m{a="foo",b="bar",c="baz",e="yes",f="gone"}"#);
}

#[test]
fn it_reads_no_more_than_it_must() {
    let wants = |rules| plugin(rules).wants();
    assert_eq!(wants(r#"{"target_label":"cluster","replacement":"eu"}"#), Labels::Nothing);
    assert_eq!(wants(r#"{"regex":"id|pod","action":"labeldrop"}"#), Labels::Nothing);
    assert_eq!(wants(r#"{"regex":"id.*","action":"labeldrop"}"#), Labels::Everything);
    assert_eq!(wants(r#"{"source_labels":["b","a"],"action":"drop","regex":"x"}"#), Labels::named(["a", "b"]));
    assert_eq!(wants(r#"{"source_labels":["a"],"target_label":"t","action":"keepequal"}"#), Labels::named(["a", "t"]));
}

#[test]
fn errors_name_the_rule_and_the_key() {
    for (rules, expected) in [
        (r#"{"action":"hashmod","target_label":"x"}"#, "config.rules[0]: hashmod needs a modulus of at least 1"),
        (r#"{"action":"replace"}"#, "config.rules[0]: replace needs a target_label"),
        (
            r#"{"action":"labeldrop","regex":"x","source_labels":["a"]}"#,
            "config.rules[0]: source_labels: means nothing with this action",
        ),
        (
            r#"{"action":"lowercase","target_label":"a-b"}"#,
            "config.rules[0]: target_label: \"a-b\" is not a label name",
        ),
        (r#"{"sourcelabels":["a"]}"#, "config.rules[0].sourcelabels: unknown field"),
        (r#"{"action":"rename"}"#, "config.rules[0].action: unknown variant `rename`"),
        (r#"{"regex":"(","target_label":"a"}"#, "config.rules[0]: regex: "),
    ] {
        let error = testing::configure::<Relabel>(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
