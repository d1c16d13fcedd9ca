//! The grant `http`: a guest that asks, and servers that answer well and badly.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use weir_pipeline::guest::{Allowance, SeriesBatch};
use weir_plugin::{Grant, PluginSettings};

use super::server::Server;
use super::{One, config, load, refused, support, try_load};

fn granted(hosts: &[&str], json: &str) -> PluginSettings {
    let hosts = hosts.iter().map(|h| (*h).to_owned()).collect();
    let grants = vec![Grant::Http { hosts, ca_file: None }];
    PluginSettings { grants, http_timeout: Duration::from_secs(20), ..config(json) }
}

/// What the guest says came of its request in `configure`.
fn configured(settings: PluginSettings) -> String {
    let said = refused(support::wasm("asks"), settings);
    said.strip_prefix("plugin p: refused its configuration: ").unwrap_or(&said).to_owned()
}

/// With these keys, each beside its value.
fn json(keys: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{key:?}: {value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// What comes of one request to a server that is granted.
fn asked(server: &Server, path: &str, more: &[(&str, &str)]) -> String {
    let url = server.url(path);
    let keys: Vec<_> = [("when", "configure"), ("url", url.as_str())].iter().chain(more).copied().collect();
    configured(granted(&[&server.at.to_string()], &json(&keys)))
}

fn call(one: &One) -> String {
    one.guest().relabel(&SeriesBatch { rows: 1, ..SeriesBatch::default() }).unwrap_err().to_string()
}

#[test]
fn an_answer_comes_back_whole() {
    let server = Server::start();
    assert_eq!(asked(&server, "/hello", &[]), "200: hello");
    assert_eq!(asked(&server, "/unwell", &[]), "503: not now");
    let echo = asked(&server, "/echo", &[("method", "PUT"), ("header", "X-Token=secret"), ("body", "a body")]);
    for part in ["200: PUT /echo HTTP/1.1", "x-token: secret", "user-agent: weir/", "content-length: 6", "a body"] {
        assert!(echo.contains(part), "{part}: {echo}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_asks_and_is_counted() {
    let server = Server::start();
    let one = load("asks", granted(&[&server.at.to_string()], &json(&[("url", &server.url("/hello"))])));
    for _ in 0..3 {
        assert_eq!(call(&one), "200: hello");
    }
    assert_eq!(one.metric(r#"weir_plugin_http_requests_total{plugin="p",code="200"}"#), Some(3.0));
    assert_eq!(one.metric(r#"weir_plugin_http_duration_seconds_count{plugin="p"}"#), Some(3.0));
    // On threads that no other plugin waits for.
    assert_eq!(one.metric(r#"weir_plugin_long_calls_total{plugin="p"}"#), Some(3.0));
    assert_eq!(one.plugins.status()[0].requests, Some((3, 0)));
}

#[test]
fn only_listed_hosts_are_asked() {
    let (listed, other) = (Server::start(), Server::start());
    let ask = |url: &str| configured(granted(&[&listed.at.to_string()], &json(&[("when", "configure"), ("url", url)])));
    let port = listed.at.port();
    assert_eq!(ask(&other.url("/hello")), format!("not granted: {}", other.at));
    for host in ["localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"] {
        assert_eq!(ask(&format!("http://{host}:{port}/hello")), format!("not granted: {host}:{port}"));
    }
    assert_eq!(
        ask(&format!("http://u:p@{}/hello", listed.at)),
        "malformed: the URL has user information: use a header"
    );
    assert_eq!(
        ask(&format!("http://{}@{}/hello", listed.at, other.at)),
        "malformed: the URL has user information: use a header"
    );
    assert_eq!((listed.seen(), other.seen()), (0, 0), "nothing was sent");
    // By its name where that is listed, which resolves to what it may.
    let by_name = granted(
        &[&format!("LocalHost:{port}")],
        &json(&[("when", "configure"), ("url", &format!("http://localhost:{port}/hello"))]),
    );
    assert_eq!(configured(by_name), "200: hello");
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let (listed, other) = (Server::start(), Server::start());
    let to = other.url("/hello");
    assert_eq!(asked(&listed, &format!("/redirect?{to}"), &[]), format!("302 to {to}:"));
    assert_eq!(other.seen(), 0);
}

#[test]
fn what_is_too_large_or_no_answer_is_told() {
    let server = Server::start();
    assert_eq!(asked(&server, "/giant", &[]), "too large: the answer has more than 1048576 bytes (limits.http_body)");
    let body = [("method", "POST"), ("body_bytes", "1048577")];
    assert_eq!(asked(&server, "/echo", &body), "too large: the request has 1048577 bytes, and may have 1048576");
    for (path, says) in [
        ("/cut", "closed the connection before its answer was complete"),
        ("/nonsense", "does not answer in HTTP"),
        ("/headers", "does not answer in HTTP"),
    ] {
        let said = asked(&server, path, &[]);
        assert!(said.starts_with("failed: ") && said.contains(says), "{path}: {said}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = configured(granted(&[&nobody], &json(&[("when", "configure"), ("url", &format!("http://{nobody}/"))])));
    assert!(said.starts_with("failed: cannot connect to "), "{said}");
    for (key, value) in [("method", "CONNECT"), ("header", "Host=evil"), ("header", "a b=c")] {
        let said = asked(&server, "/hello", &[(key, value)]);
        assert!(said.starts_with("malformed: "), "{said}");
    }
}

#[test]
fn a_server_that_keeps_silent_or_drips_is_left() {
    let server = Server::start();
    for path in ["/silence", "/drip"] {
        let said = asked(&server, path, &[("timeout", "200")]);
        assert!(said.starts_with("timeout: ") && said.contains(&server.at.to_string()), "{path}: {said}");
    }
    // The operator's limit holds whatever the guest asks for.
    let short = |more: &[(&str, &str)]| {
        let url = server.url("/silence");
        let keys: Vec<_> = [("when", "configure"), ("url", url.as_str())].iter().chain(more).copied().collect();
        let settings = granted(&[&server.at.to_string()], &json(&keys));
        configured(PluginSettings { http_timeout: Duration::from_millis(200), ..settings })
    };
    assert!(short(&[("timeout", "4000000000")]).starts_with("timeout: "));
    // All requests of a call share it: what comes after is not sent.
    let before = server.seen();
    assert_eq!(short(&[("times", "50")]), "50 timeout");
    assert_eq!(server.seen() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_asks_ten_thousand_times_gets_its_budget() {
    let server = Server::start();
    let keys = json(&[("url", &server.url("/hello")), ("times", "10000")]);
    let settings = granted(&[&server.at.to_string()], &keys);
    let one = load("asks", PluginSettings { http_requests: 1, ..settings });
    let said = call(&one);
    let answered = server.seen();
    // Ten at once, and one for each second that this takes.
    assert!((10..200).contains(&answered), "{answered}");
    assert_eq!(said, format!("{answered} 200, {} over budget", 10_000 - answered));
    let refused = one.metric(r#"weir_plugin_http_refusals_total{plugin="p",reason="over_budget"}"#);
    assert_eq!(refused, Some((10_000 - answered) as f64));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_no_computing_and_counts_for_the_batch() {
    let server = Server::start();
    let keys = json(&[("url", &server.url("/silence"))]);
    let settings = granted(&[&server.at.to_string()], &keys);
    // It waits far longer than it may compute, and beyond the clock's backstop of 2 s.
    let settings =
        PluginSettings { timeout: Duration::from_millis(50), http_timeout: Duration::from_millis(2500), ..settings };
    let one = load("asks", settings);
    let mut time = Allowance::whole(Duration::from_millis(50));
    let said =
        one.guest().try_relabel(&SeriesBatch { rows: 1, ..SeriesBatch::default() }, &mut time).unwrap_err().to_string();
    assert!(said.starts_with("timeout: "), "{said}");
    assert!(time.used >= Duration::from_millis(2400), "its parts would wait as long again: {:?}", time.used);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_hold_up_nobody_else() {
    let server = Server::start();
    let keys = json(&[("url", &server.url("/silence"))]);
    let one = Arc::new(load("asks", granted(&[&server.at.to_string()], &keys)));
    let other = load("add_cluster", PluginSettings { config_json: r#"{"cluster": "c"}"#.to_owned(), ..config("{}") });
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let one = one.clone();
            tokio::task::spawn_blocking(move || call(&one))
        })
        .collect();
    while server.seen() < 4 {
        tokio::task::yield_now().await;
    }
    // Four wait for their answers and four for a thread; another plugin's first call, which goes to the threads for long ones, comes.
    let verdicts = other.guest().relabel(&SeriesBatch { rows: 1, ..SeriesBatch::default() });
    assert!(verdicts.is_ok(), "{verdicts:?}");
    assert_eq!(other.metric(r#"weir_plugin_long_calls_total{plugin="p"}"#), Some(1.0));
    assert!(waiting.iter().all(|w| !w.is_finished()));
    assert_eq!(server.seen(), 4);
    server.hang_up();
    for w in waiting {
        let said = w.await.unwrap();
        assert!(said.starts_with("failed: "), "{said}");
    }
}

#[test]
fn no_requests_from_wants() {
    let server = Server::start();
    let keys = json(&[("when", "wants"), ("url", &server.url("/hello"))]);
    let one = load("asks", granted(&[&server.at.to_string()], &keys));
    let wants = one.guest().wants().clone();
    assert!(format!("{wants:?}").contains("not now"), "{wants:?}");
    assert_eq!(server.seen(), 0);
}

#[test]
fn tls_by_an_authority_of_ones_own() {
    let (server, ca) = Server::start_tls();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, ca).unwrap();
    let host = format!("localhost:{}", server.at.port());
    let keys = json(&[("when", "configure"), ("url", &format!("https://{host}/hello"))]);
    let trusting = |ca_file| {
        let grants = vec![Grant::Http { hosts: vec![host.clone()], ca_file }];
        configured(PluginSettings { grants, ..granted(&[], &keys) })
    };
    assert_eq!(trusting(Some(file)), "200: hello");
    let said = trusting(None);
    assert!(said.starts_with("failed: cannot establish TLS with "), "{said}");
    let said = trusting(Some(dir.path().join("none.pem")));
    assert!(said.contains("the grant http cannot be given: `tls.ca_file`: cannot read"), "{said}");
}

#[test]
fn without_the_grant_it_does_not_run() {
    let e = refused(support::wasm("asks"), config("{}"));
    assert!(e.contains("plugin p: needs a grant for http (it imports weir:plugin/http@0.1.2)"), "{e}");
    assert!(e.contains(r#"grant = [{ kind = "http", hosts = ["HOST"] }]"#), "{e}");
    let e = refused(support::wasm("asks"), granted(&["http://api.example.com/"], "{}"));
    assert!(e.contains(r#""http://api.example.com/" is no host: write `host` or `host:port`"#), "{e}");
    assert!(refused(support::wasm("asks"), granted(&[], "{}")).contains("lists no host"));
    assert!(
        try_load(support::wasm("everything"), granted(&["a"], "{}")).is_ok(),
        "a grant that nobody uses is no fault"
    );
}
