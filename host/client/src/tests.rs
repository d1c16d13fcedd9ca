//! The client against servers in this process.

mod files;
mod http2;
mod oauth2;
mod phases;
mod proxy;
mod server;
mod sigv4;
mod tls;

use std::time::Duration;

use http::{HeaderMap, Uri, header};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use self::server::{Server, answer};
use crate::{Auth, Client, Credential, RequestError, Response, Secret, Settings};

/// Far beyond what a test takes, and short of what its reader would wait.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

async fn get(client: &Client, url: &str) -> Result<Response, RequestError> {
    client.get(&uri(url), HeaderMap::new(), soon()).await
}

fn client(settings: &Settings) -> Client {
    Client::new(settings).unwrap()
}

/// Waits for something that will be so, within a bound that only a broken client reaches.
async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let deadline = soon();
    while !look().await {
        assert!(Instant::now() < deadline, "not in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn value(text: &str) -> Credential {
    Credential::Value(text.into())
}

fn bearer(token: &str) -> Auth {
    Auth::Authorization { scheme: "Bearer".into(), credentials: Credential::Value(token.into()) }
}

#[tokio::test]
async fn a_get_carries_what_the_settings_and_the_request_say() {
    let server = Server::start(|_| answer(200, &[("x-from", "server")], "one two")).await;
    let client = client(&Settings {
        auth: Some(Auth::Basic { username: value("me"), password: value("pw") }),
        headers: vec![("X-Scope-OrgID".into(), Secret::from("tenant"))],
        ..Settings::default()
    });
    let accept = HeaderMap::from_iter([(header::ACCEPT, "text/plain".parse().unwrap())]);
    let mut response = client.get(&uri(&server.url("/metrics?x=1")), accept, soon()).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["x-from"], "server");
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one two");
    assert!(response.chunk().await.unwrap().is_none());
    let request = server.last();
    assert!(request.starts_with("GET /metrics?x=1 HTTP/1.1\r\n"), "{request}");
    for header in [
        "authorization: Basic bWU6cHc=\r\n",
        "x-scope-orgid: tenant\r\n",
        "accept: text/plain\r\n",
        "user-agent: weir/",
    ] {
        assert!(request.contains(header), "{header} is not in {request}");
    }
}

#[tokio::test]
async fn a_post_carries_its_body_and_any_status_is_an_answer() {
    let server = Server::start(|_| answer(429, &[("retry-after", "7")], "slow down, please\n")).await;
    let client = client(&Settings::default());
    let response = client.post(&uri(&server.url("/push")), HeaderMap::new(), "body".into(), soon()).await.unwrap();
    assert_eq!(response.status, 429);
    assert_eq!(response.headers["retry-after"], "7");
    assert_eq!(response.text_limited(9).await, "slow down");
    let request = server.last();
    assert!(request.starts_with("POST /push HTTP/1.1\r\n") && request.ends_with("\r\n\r\nbody"), "{request}");
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(|_| answer(200, &[], "ok")).await;
    let client = client(&Settings::default());
    for _ in 0..3 {
        assert_eq!(get(&client, &server.url("/")).await.unwrap().text_limited(10).await, "ok");
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_get_whose_connection_ends_unanswered_is_tried_once_more() {
    let server = Server::start(|n| if n == 0 { String::new() } else { answer(200, &[], "ok") }).await;
    let client = client(&Settings::default());
    assert_eq!(get(&client, &server.url("/")).await.unwrap().status, 200);
    let server = Server::start(|_| String::new()).await;
    let error = get(&client, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, RequestError::Closed { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_url_with_credentials_authenticates_and_shows_them_nowhere() {
    let server = Server::start(|_| String::new()).await;
    let url = server.url("/").replace("http://", "http://me:hush@");
    let error = get(&client(&Settings::default()), &url).await.unwrap_err();
    assert!(server.last().contains("authorization: Basic bWU6aHVzaA==\r\n"), "{}", server.last());
    assert!(!format!("{error} {error:?}").contains("hush"));
}

#[tokio::test]
async fn a_redirect_is_followed_with_credentials_only_at_home() {
    let away = Server::start(|_| answer(200, &[], "away")).await;
    let location = away.url("/elsewhere");
    let home = Server::start(move |n| match n {
        0 => answer(302, &[("location", "/next")], "moved"),
        _ => answer(307, &[("location", &location)], ""),
    })
    .await;
    let client = client(&Settings {
        auth: Some(bearer("hush")),
        headers: vec![("x-key".into(), Secret::from("hush"))],
        ..Settings::default()
    });
    let headers = HeaderMap::from_iter([(header::ACCEPT, "text/plain".parse().unwrap())]);
    let response = client.get(&uri(&home.url("/first")), headers, soon()).await.unwrap();
    assert_eq!(response.text_limited(10).await, "away");
    assert!(home.last().starts_with("GET /next ") && home.last().contains("authorization: Bearer hush"));
    assert_eq!(home.connections(), 1);
    assert!(away.last().starts_with("GET /elsewhere ") && away.last().contains("accept: text/plain"));
    assert!(!away.last().contains("hush"), "{}", away.last());
}

#[tokio::test]
async fn a_redirect_stays_an_answer_where_it_is_not_to_be_followed() {
    let server = Server::start(|_| answer(301, &[("location", "/again")], "")).await;
    let stay = client(&Settings { follow_redirects: false, ..Settings::default() });
    assert_eq!(get(&stay, &server.url("/")).await.unwrap().status, 301);
    let follow = client(&Settings::default());
    let posted = follow.post(&uri(&server.url("/")), HeaderMap::new(), "x".into(), soon()).await.unwrap();
    assert_eq!(posted.status, 301);
    let error = get(&follow, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, RequestError::Redirect { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn errors_say_what_went_wrong() {
    let client = client(&Settings::default());
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = get(&client, &format!("http://{free}/")).await.unwrap_err();
    assert!(matches!(&error, RequestError::Connect { reason, .. } if reason.contains("refused")), "{error:?}");
    assert!(error.to_string().starts_with(&format!("cannot connect to {free}: ")), "{error}");

    let error = get(&client, "http://no-such-host.invalid/").await.unwrap_err();
    assert!(matches!(error, RequestError::Dns { .. }), "{error:?}");

    let rubbish = Server::start(|_| "SSH-2.0-OpenSSH\r\n".into()).await;
    let error = get(&client, &rubbish.url("/")).await.unwrap_err();
    assert!(matches!(error, RequestError::Protocol { .. }), "{error:?}");

    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let refuse = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(answer(400, &[], "").as_bytes()).await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(get(&client, &url), refuse);
    let error = error.unwrap_err();
    assert!(matches!(&error, RequestError::Tls { reason, .. } if reason.contains("plain http")), "{error:?}");

    let error = get(&client, "ftp://host/").await.unwrap_err();
    assert!(matches!(error, RequestError::Request { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    let server = Server::start(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".into()).await;
    let mut response = get(&client(&Settings::default()), &server.url("/")).await.unwrap();
    let error = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("half a body passed for a whole one"),
            Err(e) => break e,
        }
    };
    assert!(matches!(error, RequestError::Closed { .. }), "{error:?}");
}

#[test]
fn settings_that_cannot_work_name_their_key() {
    let check = |settings: Settings, expected: &str| {
        let error = Client::new(&settings).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!format!("{error} {error:?} {settings:?}").contains("hush"), "{error:?}");
    };
    let auth = |auth| Settings { auth: Some(auth), ..Settings::default() };
    let password_file = Credential::File("/does/not/exist".into());
    check(
        auth(Auth::Basic { username: value("me"), password: password_file }),
        "`basic_auth.password_file`: cannot read /does/not/exist: ",
    );
    check(auth(Auth::Basic { username: value("m:e"), password: value("hush") }), "`basic_auth.username`: ");
    check(
        Settings { auth: Some(bearer("hush\nhush")), ..Settings::default() },
        "`authorization.credentials`: the secret holds a control character",
    );
    let headers = |name: &str, value: &str| Settings {
        auth: Some(bearer("hush")),
        headers: vec![(name.into(), Secret::from(value))],
        ..Settings::default()
    };
    check(headers("x y", "hush"), "`headers`: \"x y\" is not the name of a header");
    check(headers("x", "hush\r\n"), "`headers`: the value of x ");
    check(headers("Content-Length", "1"), "`headers`: Content-Length belongs to the connection");
    check(headers("Authorization", "hush"), "`headers`: holds `Authorization` beside");
    assert!(Client::new(&headers("x", "hush")).is_ok());
}
