use super::*;

fn parsed(text: &[u8]) -> Result<String, (usize, Reason)> {
    let mut series = Series::default();
    series.parse(text).map_err(|f| (f.at, f.reason))?;
    let labels: Vec<_> = series.labels().map(|(n, v)| format!("{n}={v:?}")).collect();
    Ok(format!("{}{{{}}}", series.name(), labels.join(",")))
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(parsed(text.as_bytes()).as_deref(), Ok(want), "{text:?}");
}

#[test]
fn takes_what_prometheus_takes() {
    check("up", "up{}");
    check("a:b_1{}", "a:b_1{}");
    check("a { x = \"1\" , y=\"2\",}", r#"a{x="1",y="2"}"#);
    check("a{x=\"1\" y=\"2\"}", r#"a{x="1",y="2"}"#);
    check("a{x=\"\"}", r#"a{x=""}"#);
    check(r#"a{x="q\"b\\n\n\t"}"#, "a{x=\"q\\\"b\\\\n\\n\\\\t\"}");
    check(r#"{"my.name","l.1"="é",x="1"}"#, r#"my.name{l.1="é",x="1"}"#);
    check(r#"{x="1","my.name"}"#, r#"my.name{x="1"}"#);
}

#[test]
fn refuses_what_prometheus_refuses() {
    for (text, at, reason) in [
        (&b"{x=\"1\"}"[..], 0, Reason::NameNotSet),
        (b"{}", 0, Reason::NameNotSet),
        (b"", 0, Reason::NameNotSet),
        (b"<", 0, Reason::NoName),
        (b"a{\"b\"}", 2, Reason::NameTwice),
        (b"{\"\"}", 1, Reason::EmptyName),
        (b"a{\"\"=\"1\"}", 2, Reason::EmptyName),
        (b"a{,}", 2, Reason::NoLabelName),
        (b"a{x=\"1\",,}", 8, Reason::NoLabelName),
        (b"a{1=\"1\"}", 2, Reason::NoLabelName),
        (b"a{x:y=\"1\"}", 3, Reason::NoEqual),
        (b"a{x}", 3, Reason::NoEqual),
        (b"a{x=1}", 4, Reason::NoLabelValue),
        (b"a{x=\"1\"", 7, Reason::OpenBrace),
        (b"a{x=\"1\"}{", 8, Reason::NoValue),
        (b"a{x=\"\xff\"}", 5, Reason::NotUtf8),
        (b"a{x=\"ab\\n\xff\"}", 9, Reason::NotUtf8),
        (b"a{x=\"1\",x=\"1\"}", 8, Reason::LabelTwice),
        (b"a{x=\"\",x=\"1\"}", 7, Reason::LabelTwice),
        (b"a{__name__=\"b\"}", 2, Reason::LabelTwice),
    ] {
        assert_eq!(parsed(text), Err((at, reason)), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn is_reused() {
    let mut series = Series::default();
    series.parse(b"a{x=\"1\"}").unwrap();
    assert!(series.parse(b"{x=\"1\"}").is_err());
    series.parse(b"b").unwrap();
    assert_eq!((series.name(), series.labels().len()), ("b", 0));
}

#[test]
fn labels_are_capped() {
    let labels: Vec<_> = (0..1025).map(|i| format!("l{i}=\"x\"")).collect();
    assert!(parsed(format!("a{{{}}}", labels[1..].join(",")).as_bytes()).is_ok());
    let got = parsed(format!("a{{{}}}", labels.join(",")).as_bytes());
    assert!(matches!(got, Err((_, Reason::TooManyLabels))), "{got:?}");
}
