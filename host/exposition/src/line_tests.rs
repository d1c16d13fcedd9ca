use super::*;

fn end(text: &str) -> Result<&str, Reason> {
    series_end(text.as_bytes(), 0).map(|end| &text[..end]).map_err(|f| f.reason)
}

#[test]
fn the_series_ends_where_its_value_may_begin() {
    assert_eq!(end("up 1"), Ok("up"));
    assert_eq!(end("up\t1"), Ok("up"));
    assert_eq!(end("up-1"), Ok("up"));
    assert_eq!(end("a:b{} 1"), Ok("a:b{}"));
    assert_eq!(end("a {x=\"}\\\"}\"}1"), Ok("a {x=\"}\\\"}\"}"));
    assert_eq!(end("{\"my.name\"} 1"), Ok("{\"my.name\"}"));
    assert_eq!(end("a{x=\"1\n2\"} 1"), Ok("a{x=\"1\n2\"}"), "Prometheus takes a line end within quotes");
    assert_eq!(end("1a 1"), Err(Reason::NoName));
    assert_eq!(end("<html>"), Err(Reason::NoName));
    assert_eq!(end("a{x=\"1\" 2"), Err(Reason::OpenBrace));
    assert_eq!(end("a{x=\"1} 2"), Err(Reason::OpenQuote));
    assert_eq!(end("a{x=\"1\\"), Err(Reason::OpenQuote));
    assert_eq!(end(""), Err(Reason::NoName));
}

fn tail_of(text: &str) -> Result<(f64, Option<i64>, usize), Reason> {
    tail(text.as_bytes(), 0).map(|t| (t.value, t.time, t.next)).map_err(|f| f.reason)
}

#[test]
fn a_tail_is_a_value_and_perhaps_a_time() {
    assert_eq!(tail_of(" 1\nx"), Ok((1.0, None, 3)));
    assert_eq!(tail_of(" \t1"), Ok((1.0, None, 3)));
    assert_eq!(tail_of(" 1.5e3 \t\nx"), Ok((1500.0, None, 9)));
    assert_eq!(tail_of(" +Inf 17 \n"), Ok((f64::INFINITY, Some(17), 10)));
    assert_eq!(tail_of(" 1 9223372036854775807\n"), Ok((1.0, Some(i64::MAX), 23)));
    assert_eq!(tail_of(" 0.1234567890123456789012\n").map(|t| t.0), Ok(0.123_456_789_012_345_68));
    for (text, reason) in [
        ("", Reason::NoValue),
        (" \n", Reason::NoValue),
        (" {", Reason::NoValue),
        (" x\n", Reason::BadValue),
        (" 1e400\n", Reason::BadValue),
        (" 1\r\n", Reason::CarriageReturn),
        (" 1 5\r\n", Reason::CarriageReturn),
        (" 1 x\n", Reason::BadTime),
        (" 1 -5\n", Reason::BadTime),
        (" 1{\n", Reason::BadTime),
        (" 1 9223372036854775808\n", Reason::BadTime),
        (" 1 5 6\n", Reason::Trailing),
        (" 1 5.5\n", Reason::Trailing),
    ] {
        assert_eq!(tail_of(text), Err(reason), "{text:?}");
    }
}

fn comment_of(text: &str) -> Result<usize, Reason> {
    comment(text.as_bytes(), 0).map_err(|f| f.reason)
}

#[test]
fn comments_are_passed_and_metadata_is_checked() {
    for text in [
        "#",
        "# \r",
        "#TYPE a nonsense",
        "# TYPE",
        "# HELP",
        "# HELPER x",
        "# TYPE a counter",
        "#\tTYPE \t a histogram",
        "# TYPE \"my.name\" summary",
        "# HELP a",
        "# HELP a  what\\n it is",
    ] {
        assert_eq!(comment_of(text), Ok(text.len()), "{text:?}");
        assert_eq!(comment_of(&format!("{text}\nup 1")), Ok(text.len() + 1), "{text:?}");
    }
    for (text, reason) in [
        ("# TYPE ", Reason::NoMetaName),
        ("# HELP 1a", Reason::NoMetaName),
        ("# TYPE a", Reason::BadType),
        ("# TYPE a  counter", Reason::BadType),
        ("# TYPE a counter ", Reason::BadType),
        ("# TYPE a info", Reason::BadType),
        ("# TYPE a counter\r", Reason::CarriageReturn),
    ] {
        assert_eq!(comment_of(text), Err(reason), "{text:?}");
    }
    assert_eq!(comment(b"# HELP a \xff\n", 0), Err(Fault { at: 9, reason: Reason::NotUtf8 }));
    assert_eq!(comment(b"# anything \xff\n", 0), Ok(13));
}
