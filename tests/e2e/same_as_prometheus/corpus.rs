//! Pages written by hand: each a thing that real or hostile exporters do.

use super::Case;

/// Sequences of pages; `@-30` stands for a time 30 seconds before `now` (milliseconds since the epoch).
pub(super) fn cases(now: i64) -> Vec<Case> {
    let plain = [
        ("empty", &[""][..]),
        ("only blank lines", &["\n\n \n\t\n"]),
        ("one sample", &["a 1\n"]),
        ("no line end at the end", &["a 1\nb 2"]),
        ("carriage returns", &["a 1\r\nb 2\r\n"]),
        ("a carriage return within", &["a\r 1\n"]),
        ("not metrics at all", &["<html><body>404</body></html>\n"]),
        ("JSON", &["{\"status\":\"ok\"}\n"]),
        ("half a page, then none", &["a 1\nb 2\n", "a 1\nb", "a 1\nb 2\n"]),
        ("blanks before a name", &["  a 1\n\tb 2\n"]),
        ("blanks of all kinds", &["a   1  \nb\t2\t\nc {  x = \"1\" , y=\"2\" , }  3\n"]),
        ("no blank before the value", &["a{x=\"1\"}1\nb-1\n"]),
        ("vertical tab and form feed", &["a\x0b1\n"]),
        ("numbers", &["a 1e3\nb -1.5E-3\nc +4\nd .5\ne 5.\nf 0x10\n"]),
        ("more numbers", &["a 1e3\nb -1.5E-3\nc +4\nd .5\ne 5.\nf 1e400\n"]),
        ("hexadecimal floats", &["a 0x1p4\n"]),
        ("underscores in numbers", &["a 1_000\n"]),
        ("tiny numbers", &["a 1e-400\nb 5e-324\nc 2.2250738585072011e-308\nd -0\n"]),
        ("huge exact numbers", &["a 9007199254740993\nb 18446744073709551615\nc 123456789012345678901234567890\n"]),
        ("infinities", &["a +Inf\nb -Inf\nc Inf\nd inf\ne +infinity\nf -INFINITY\n"]),
        ("not a number", &["a NaN\nb nan\nc nAn\n"]),
        ("signed NaN", &["a +NaN\n"]),
        ("NaN with a payload", &["a NaN(7ff0000000000002)\n"]),
        ("a NaN is not an end", &["a 1\nb 1\n", "a NaN\nb 1\n", "a 2\nb 1\n"]),
        ("no value", &["a\n"]),
        ("no value but a blank", &["a \n"]),
        ("a word for a value", &["a one\n"]),
        ("two values", &["a 1 2 3\n"]),
        ("a comma in a number", &["a 1,5\n"]),
        ("repeated label", &["a{x=\"1\",x=\"1\"} 1\n"]),
        (
            "repeated label on the second page",
            &["a{x=\"1\"} 1\nb 1\n", "a{x=\"1\"} 1\nb{x=\"1\",x=\"2\"} 1\n", "b 1\n"],
        ),
        ("a repeated label that the target has too", &["a{job=\"1\",job=\"2\"} 1\n"]),
        ("a repeated label, once empty", &["a{x=\"\",x=\"1\"} 1\n"]),
        ("the name as a label", &["a{__name__=\"b\"} 1\n"]),
        ("the name as an empty label", &["a{__name__=\"\"} 1\n"]),
        ("no name", &["{x=\"1\"} 1\n"]),
        ("empty braces", &["a{} 1\n"]),
        ("a comma alone", &["a{,} 1\n"]),
        ("two commas", &["a{x=\"1\",,y=\"1\"} 1\n"]),
        ("no comma", &["a{x=\"1\" y=\"1\"} 1\n"]),
        ("single quotes", &["a{x='1'} 1\n"]),
        ("no quotes", &["a{x=1} 1\n"]),
        ("an open quote", &["a{x=\"1} 1\n"]),
        ("an open brace", &["a{x=\"1\" 1\n"]),
        ("braces in a value", &["a{x=\"}{\"} 1\n"]),
        ("a line end within quotes", &["a{x=\"1\n2\"} 1\n"]),
        ("escapes", &[r#"a{x="\\\"\n\t\x\0"} 1"#]),
        ("an escape at the end", &[r#"a{x="1\"#]),
        ("an escaped line end", &["a{x=\"1\\\n2\"} 1\n"]),
        ("empty label values", &["a{x=\"\",y=\"1\"} 1\na{y=\"2\",z=\"\"} 2\n"]),
        ("an empty and a missing label are one", &["a{x=\"\"} 1\na 2\n", "a 3\n", "a{x=\"\"} 4\n"]),
        ("a colon in names", &["a:b:c 1\n:a 2\n"]),
        ("a colon in a label name", &["a{x:y=\"1\"} 1\n"]),
        ("a digit first", &["1a 1\n"]),
        ("a digit first in a label", &["a{1x=\"1\"} 1\n"]),
        ("a dash in a name", &["a-b 1\n"]),
        ("a dot in a name", &["a.b 1\n"]),
        ("umlauts in values", &["a{x=\"grün\"} 1\na{x=\"日本\"} 1\n"]),
        ("umlauts in names", &["grün 1\n"]),
        ("labels of the target", &["a{job=\"x\"} 1\na{instance=\"y\",exported_job=\"z\"} 2\n"]),
        (
            "labels of the target, exported already",
            &["a{job=\"x\",exported_job=\"y\",exported_exported_job=\"z\"} 1\n"],
        ),
        ("an empty label of the target", &["a{job=\"\"} 1\n"]),
        ("internal labels", &["a{__x=\"1\",__address__=\"2\"} 1\n"]),
        (
            "le and quantile",
            &["h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\ns{quantile=\"0.5\"} 1\n"],
        ),
        ("comments", &["# just words\n#without a blank\n#\n# TYPE\n# HELP\na 1\n"]),
        ("metadata", &["# HELP a what it is\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"]),
        ("types that there are not", &["# TYPE a info\na 1\n"]),
        ("OpenMetrics' unknown", &["# TYPE a unknown\na 1\n"]),
        ("a type in capitals", &["# TYPE a COUNTER\na 1\n"]),
        ("a type twice", &["# TYPE a counter\n# TYPE a gauge\na 1\n"]),
        ("a type after its samples", &["a 1\n# TYPE a counter\n"]),
        ("help with escapes", &["# HELP a two\\nlines and a \\\\ and \\q\na 1\n"]),
        ("no text behind help", &["# HELP a\na 1\n# HELP b \nb 1\n"]),
        ("no type behind TYPE", &["# TYPE a\na 1\n"]),
        ("a blank behind a type", &["# TYPE a counter \na 1\n"]),
        ("an end marker", &["a 1\n# EOF\n"]),
        ("an end marker in the middle", &["a 1\n# EOF\nb 1\n"]),
        ("a unit", &["# UNIT a seconds\na 1\n"]),
        ("an exemplar in the text format", &["a_bucket{le=\"1\"} 1 # {trace_id=\"x\"} 1\n"]),
        ("a comment behind a sample", &["a 1 # why\n"]),
        ("one series twice", &["a 1\na 2\na 3\n", "a 4\na 5\n"]),
        ("one series twice, in another order of labels", &["a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n"; 2]),
        ("one series twice, with blanks", &["a{x=\"1\"} 1\na{ x=\"1\" } 2\n"; 2]),
        ("series come and go", &["a 1\nb 1\nc 1\n", "a 1\nc 1\n", "c 1\nb 2\n", "a 1\n"]),
        ("all series go", &["a 1\nb 1\n", "", "a 2\n"]),
        ("series change places", &["a 1\nb 2\nc 3\n", "c 3\na 1\nb 2\n", "b 2\nc 3\na 1\n"]),
        ("a name gets labels", &["a 1\nb 1\n", "a {x=\"1\"} 1\nb 1\n", "a 1\nb 1\n"]),
        ("what weir reports itself", &["up 0\nscrape_samples_scraped 77\na 1\n"; 2]),
        ("times", &["a 1 @-30\nb 2 @-20\nc 3\n", "a 2 @-10\nb 3 @-5\nc 4\n"]),
        ("the same time again", &["a 1 @-30\nb 1\n"; 3]),
        ("the same time with another value", &["a 1 @-30\nb 1\n", "a 2 @-30\nb 2\n", "a 3 @-20\nb 3\n"]),
        ("times that go back", &["a 1 @-10\nb 1\n", "a 2 @-20\nb 2\n", "a 3 @-5\nb 3\n"]),
        ("times that go back on one page", &["a 1 @-20\na 2 @-30\na 3 @-10\n"; 2]),
        ("a time, then none, then one that is older", &["a 1 @-20\n", "a 2\n", "a 3 @-15\n", "a 4\n"]),
        ("none, then a time that is older", &["a 1\nb 1\n", "a 2 @-60\nb 2\n", "a 3\nb 3\n"]),
        ("a time in the near future", &["a 1 @+300\nb 1\n", "a 2\nb 2\n", "a 3 @+310\nb 3\n"]),
        ("a time in the far future", &["a 1 @+3600\nb 1\n", "a 2 @+3600\nb 2\n"]),
        ("a time long ago", &["a 1 @-7200\nb 1\n"; 2]),
        ("a time of the first day", &["a 1 5\nb 1\n"; 2]),
        ("times of zero", &["a 1 0\nb 1\n"; 2]),
        ("a negative time", &["a 1 -5\n"]),
        ("a time with a fraction", &["a 1 1.5\n"]),
        ("a time in words", &["a 1 now\n"]),
        ("a time that is too large", &["a 1 99999999999999999999\n"]),
        ("the largest time", &["a 1 9223372036854775807\nb 1\n"]),
        ("an empty label where another would move to", &["a{job=\"x\",exported_job=\"\"} 1\n"]),
        ("a series with a time goes", &["a 1 @-30\nb 1\n", "b 1\n", "a 1 @-30\nb 1\n", "a 2 @-20\nb 1\n"]),
        ("a series with a time, and the page fails", &["a 1 @-30\nb 1\n", "a 1 @-30\nb\n", "a 1 @-30\nb 1\n"]),
        ("new series on a page with times", &["a 1 @-30\n", "a 2 @-20\nb 1 @-25\n", "b 2 @-24\nc 1 @-28\n"]),
    ];
    let other = [
        ("honor_labels", "the page's own job", &["a{job=\"x\"} 1\na{job=\"\"} 2\na{instance=\"\",y=\"1\"} 3\n"; 2][..]),
        ("honor_labels", "what is reported, forged", &["up{job=\"honor_labels\"} 7\nup{job=\"k\"} 1\n"; 2]),
        ("ignore_timestamps", "times that are ignored", &["a 1 @-30\na 2 @-20\nb 1 @-7200\n", "a 3 @-40\nb 2 5\n"]),
        ("sample_limit", "as many as allowed", &["a 1\nb 1\nc 1\nd 1\n"; 2]),
        ("sample_limit", "one too many", &["a 1\nb 1\nc 1\nd 1\n", "a 1\nb 1\nc 1\nd 1\ne 1\n", "a 1\nb 1\nc 1\n"]),
        ("sample_limit", "too many and then nonsense", &["a 1\nb 1\nc 1\nd 1\ne 1\nf 1\ng\n"; 2]),
        ("sample_limit", "duplicates over the limit", &["a 1\na 1\na 1\na 1\na 1\n"; 2]),
        ("sample_limit", "far too early over the limit", &["a 1 5\nb 1 5\nc 1 5\nd 1 5\ne 1 5\n"; 2]),
        (
            "sample_limit",
            "old times over the limit",
            &["a 1 @-30\n", "a 1 @-40\na 1 @-41\na 1 @-42\na 1 @-43\na 1 @-44\n"],
        ),
        ("label_limits", "labels within the limits", &["a{x=\"1\",y=\"1\"} 1\n"; 2]),
        ("label_limits", "too many labels", &["a 1\nb{x=\"1\",y=\"1\",z=\"1\",w=\"2\"} 1\nc 1\n"; 2]),
        ("label_limits", "too long a name", &["a 1\nb{this_is_too_long=\"1\"} 1\nc 1\n"; 2]),
        ("label_limits", "too long a value", &["a 1\nb{x=\"1234567890123456789012345\"} 1\nc 1\n"; 2]),
        ("label_limits", "too long a metric name", &["a 1\na_metric_name_that_is_too_long 1\n"; 2]),
        ("label_limits", "empty labels do not count", &["a{p=\"\",q=\"\",r=\"\",s=\"\",t=\"\",u=\"\"} 1\n"; 2]),
        ("body_size_limit", "a small body", &["a 1\n"; 2]),
        (
            "body_size_limit",
            "a byte under the limit",
            &["a{x=\"12345678901234567890123456789012345678901234567890123\"} 1\n"; 2],
        ),
        (
            "body_size_limit",
            "exactly the limit",
            &["a{x=\"123456789012345678901234567890123456789012345678901234\"} 1\n"; 2],
        ),
        (
            "body_size_limit",
            "over the limit and back",
            &["a 1\n", "a{x=\"123456789012345678901234567890123456789012345678901234567\"} 1\n", "a 2\n"],
        ),
    ];
    let mut cases: Vec<Case> = plain
        .iter()
        .map(|(name, pages)| ("plain", *name, *pages))
        .chain(other)
        .map(|(profile, name, pages)| Case {
            name: name.to_owned(),
            profile,
            pages: pages.iter().map(|p| at(p, now).into_bytes()).collect(),
        })
        .collect();
    cases.extend(bytes().into_iter().map(|(name, pages)| Case { name: name.to_owned(), profile: "plain", pages }));
    cases
}

/// Pages that are not text.
fn bytes() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let long = |n: usize| format!("a{{x=\"{}\"}} 1\n", "v".repeat(n)).into_bytes();
    let labels: Vec<_> = (0..1100).map(|i| format!("l{i}=\"1\"")).collect();
    let many: Vec<_> = (0..2000).map(|i| format!("a{{x=\"{i}\"}} {i}\n")).collect();
    vec![
        ("not UTF-8 in a value", vec![b"a 1\nb{x=\"\xff\"} 1\n".to_vec()]),
        (
            "not UTF-8 in a value of the second page",
            vec![b"a 1\nb 1\n".to_vec(), b"a 1\nb{x=\"\xff\"} 1\n".to_vec(), b"a 1\n".to_vec()],
        ),
        ("a surrogate in UTF-8", vec![b"a{x=\"\xed\xa0\x80\"} 1\n".to_vec()]),
        ("overlong UTF-8", vec![b"a{x=\"\xc0\x80\"} 1\n".to_vec()]),
        ("not UTF-8 in a name", vec![b"a\xff 1\n".to_vec()]),
        ("not UTF-8 in help", vec![b"# HELP a \xff\na 1\n".to_vec()]),
        ("not UTF-8 in a comment", vec![b"# so \xff\na 1\n".to_vec()]),
        ("not UTF-8 behind an escape", vec![b"a{x=\"\\\xff\"} 1\n".to_vec()]),
        ("a NUL byte begins a line", vec![b"a 1\n\0b 1\n".to_vec()]),
        ("a NUL byte in a value", vec![b"a{x=\"1\x002\"} 1\n".to_vec()]),
        ("a NUL byte in a name", vec![b"a\0b 1\n".to_vec()]),
        ("a NUL byte in a number", vec![b"a 1\0\n".to_vec()]),
        ("a byte order mark", vec![b"\xef\xbb\xbfa 1\n".to_vec()]),
        ("UTF-16", vec!["a 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect()]),
        ("long values", vec![long(100_000), long(100_001)]),
        ("more labels than any series has", vec![format!("a{{{}}} 1\n", labels.join(",")).into_bytes()]),
        ("many labels", vec![format!("a{{{}}} 1\n", labels[..500].join(",")).into_bytes()]),
        ("many series", vec![many.concat().into_bytes(); 2]),
    ]
}

/// Puts times in the place of `@-30` and the like.
pub(super) fn at(page: &str, now: i64) -> String {
    let mut parts = page.split('@');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([' ', '\n']).unwrap_or(part.len());
        let (seconds, rest) = part.split_at(end);
        text += &(now + seconds.parse::<i64>().unwrap() * 1000).to_string();
        text += rest;
    }
    text
}
