//! What a line costs, native, by its form and what is taken from it.
#![allow(clippy::unwrap_used)]

use divan::Bencher;
use divan::counter::ItemsCount;
use weir_plugin_parse::Parse;
use weir_sdk::Logs;
use weir_sdk::testing::{self, Line, LogLines};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

/// 200 bytes, 8 keys.
const JSON: &str = r#"{"ts":"2026-11-23T07:33:29.123456Z","level":"info","caller":"http/server.go:214","msg":"request done","method":"GET","path":"/api/v1/orders/77/items","status":200,"trace_id":"4bf92f3577b34da6a3ce929d0e0e47"}"#;
const CRI: &str = r#"2026-11-23T07:33:29.123456789Z stdout F {"level":"info","msg":"request done","status":200,"trace_id":"4bf92f35"}"#;
const LOGFMT: &str = r#"ts=2026-11-23T07:33:29.123456Z level=info caller=http/server.go:214 msg="request done" method=GET path=/api/v1/orders/77/items status=200 trace_id=4bf92f3577b34da6a3ce929d0e0e47"#;
const ACCESS: &str = r#"10.0.0.1 - - [23/Nov/2026:07:33:29 +0000] "GET /api/v1/orders HTTP/1.1" 200 1234 "-" "curl/8""#;

const CASES: [(&str, &str, &str); 7] = [
    ("json: level", JSON, r#"{"formats":["json"],"labels":["level"]}"#),
    (
        "json: label, metadata, time, line",
        JSON,
        r#"{"formats":["json"],"labels":["level"],"structured_metadata":["trace_id"],"timestamp":{"source":"ts"},"output":"msg"}"#,
    ),
    ("json: all to metadata", JSON, r#"{"formats":["json"],"structured_metadata":"all"}"#),
    ("cri", CRI, r#"{"formats":["cri"]}"#),
    ("cri, json: level, line", CRI, r#"{"formats":["cri","json"],"labels":["level"],"output":"msg"}"#),
    ("logfmt: all to metadata", LOGFMT, r#"{"formats":["logfmt"],"structured_metadata":"all"}"#),
    (
        "regex: status, time",
        ACCESS,
        r#"{"formats":["regex"],"expression":"^\\S+ \\S+ \\S+ \\[(?P<at>[^\\]]+)\\] \"[^\"]*\" (?P<status>\\d+)","structured_metadata":["status"],"timestamp":{"source":"at","format":"%d/%b/%Y:%H:%M:%S %z"}}"#,
    ),
];

#[divan::bench(args = CASES.map(|case| case.0))]
fn parse(bencher: Bencher<'_, '_>, case: &str) {
    let (_, line, config) = CASES.into_iter().find(|c| c.0 == case).unwrap();
    let mut plugin: Parse = testing::configure(config).unwrap();
    let lines = LogLines::new(&vec![Line::new(line).label("job", "app"); ROWS], &plugin.wants());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| lines.run(&mut plugin).unwrap());
}
