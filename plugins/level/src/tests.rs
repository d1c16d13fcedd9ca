use super::*;
use weir_sdk::testing::{self, Line};

fn level(line: &str) -> &'static str {
    severity_of(line).map_or("none", Severity::name)
}

#[test]
fn severities_are_found_in_every_form() {
    for (line, expected) in [
        (r#"{"ts":1,"level":"info","msg":"level=error"}"#, "info"),
        (r#"  {"msg":"a \"level\":\"debug\" b","severity":"WARNING"}"#, "warn"),
        (r#"{"msg":{"level":"error"},"tags":["level","error"],"lvl":"Dbg"}"#, "debug"),
        (r#"{"a":"level","b":"error","log.level":"ERROR"}"#, "error"),
        (r#"{"level":50,"time":1}"#, "error"),
        (r#"{"level":"strange","severity":"crit"}"#, "fatal"),
        (r#"{"level":35}"#, "none"),
        (r#"{"level":"erro"#, "none"),
        (r#"{"msg":"ERROR"}"#, "none"),
        (r#"ts=2026-11-23T07:00:00Z level=warn msg="x""#, "warn"),
        (r#"time=1 lvl="error" sublevel=debug"#, "error"),
        ("sublevel=debug x", "none"),
        ("2026-11-23 07:33:29,123 [ERROR] it broke", "error"),
        ("2026-11-23T07:33:29Z  WARN app::x: careful", "warn"),
        ("2026/11/23 07:33:29 [error] 12#12: *1 open()", "error"),
        ("[Mon Nov 23 07:33:29 2026] [core:notice] [pid 1] x", "info"),
        ("2026-11-23 07:33:29.123 UTC [77] FATAL:  no such role", "fatal"),
        ("error: could not compile", "error"),
        ("E1123 07:33:29.123456       1 main.go:12] it broke", "error"),
        ("I1123 07:33:29.123456       1 main.go:12] fine", "info"),
        ("an error occurred, with no warning", "none"),
        ("GET /INFO/x 200 ERRORS=0", "none"),
        ("INFORM them", "none"),
        ("", "none"),
        ("größe INFO über", "info"),
    ] {
        assert_eq!(level(line), expected, "{line}");
    }
}

#[test]
fn it_sets_a_label_or_metadata() {
    let run = |config: &str, line: &str| {
        let mut plugin: Level = testing::configure(config).unwrap();
        testing::logs(&mut plugin, [Line::new(line)]).unwrap().remove(0).unwrap()
    };
    assert_eq!(run("{}", "[INFO] x"), Line::new("[INFO] x").label("level", "info"));
    assert_eq!(run("{}", "x"), Line::new("x"));
    assert_eq!(
        run(r#"{"label":"severity","as":"metadata","unknown":"other"}"#, "x"),
        Line::new("x").metadata("severity", "other")
    );
}

#[test]
fn errors_name_the_key() {
    let error = |config| testing::configure::<Level>(config).unwrap_err().to_string();
    assert_eq!(error(r#"{"label":"a-b"}"#), "config.label: \"a-b\" is not a label name");
    assert!(error(r#"{"as":"tag"}"#).starts_with("config.as: unknown variant `tag`"));
}
