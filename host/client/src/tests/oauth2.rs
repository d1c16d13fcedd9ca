//! Tokens: fetched once for all, renewed in time, replaced when refused, and never asked for in a flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;

use super::server::{Server, answer};
use super::{bearer, client, get, soon, uri, value};
use crate::{Auth, Client, Credential, OAuth2Settings, RequestError, Settings};

fn settings(token_url: &str, client_secret: Credential) -> OAuth2Settings {
    OAuth2Settings {
        client_id: "me&".into(),
        client_secret,
        token_url: uri(token_url),
        scopes: vec!["push".into(), "more".into()],
        endpoint_params: vec![("audience".into(), "a b".into())],
        tls: crate::TlsSettings::default(),
        proxy: crate::ProxySettings::default(),
    }
}

fn with(oauth2: OAuth2Settings) -> Client {
    client(&Settings { auth: Some(Auth::OAuth2(Box::new(oauth2))), ..Settings::default() })
}

fn token(n: usize, more: &str) -> String {
    answer(200, &[], &format!(r#"{{"access_token":"token-{n}","token_type":"bearer"{more}}}"#))
}

async fn tokens(more: &'static str) -> Server {
    Server::start(move |n| token(n, more)).await
}

async fn post(client: &Client, server: &Server) -> Result<u16, RequestError> {
    let response = client.post(&uri(&server.url("/push")), HeaderMap::new(), "body".into(), soon()).await?;
    let status = response.status.as_u16();
    response.text_limited(10).await;
    Ok(status)
}

fn authorization(request: &str) -> String {
    request.lines().find_map(|l| l.strip_prefix("authorization: ")).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all() {
    let endpoint = tokens(r#","expires_in":3600"#).await;
    let server = Server::start(|_| answer(204, &[], "")).await;
    let client = with(settings(&endpoint.url("/token"), value("p:w+")));
    let all = futures::future::join_all((0..20).map(|_| post(&client, &server))).await;
    assert!(all.into_iter().all(|status| status.unwrap() == 204));
    assert_eq!(endpoint.requests().len(), 1, "{:?}", endpoint.requests());
    let asked = endpoint.last();
    assert!(asked.starts_with("POST /token HTTP/1.1\r\n"), "{asked}");
    assert_eq!(authorization(&asked), "Basic bWUlMjY6cCUzQXclMkI=", "me%26:p%3Aw%2B");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\ngrant_type=client_credentials&scope=push+more&audience=a+b"), "{asked}");
    assert_eq!(server.requests().len(), 20);
    for request in server.requests() {
        assert_eq!(authorization(&request), "Bearer token-0");
    }
}

#[tokio::test]
async fn an_endpoint_that_wants_the_secret_in_the_body_gets_it_there() {
    let endpoint = Server::start(|n| match n {
        0 => answer(401, &[], r#"{"error":"invalid_client"}"#),
        n => token(n, r#","expires_in":"1""#),
    })
    .await;
    let server = Server::start(|_| answer(204, &[], "")).await;
    let client = with(settings(&endpoint.url("/"), value("pw")));
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    assert!(endpoint.last().ends_with("&client_id=me%26&client_secret=pw"), "{}", endpoint.last());
    assert_eq!(authorization(&endpoint.last()), "");
    assert_eq!(authorization(&server.last()), "Bearer token-1");
    assert_eq!(endpoint.requests().len(), 2);
    // a token of a second is at its end at once, and renewed; now it is known where the secret goes
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    assert_eq!(endpoint.requests().len(), 3);
    assert_eq!(authorization(&server.last()), "Bearer token-2");
}

#[tokio::test]
async fn a_token_without_an_end_serves_for_good() {
    let endpoint = tokens("").await;
    let server = Server::start(|_| answer(204, &[], "")).await;
    let client = with(settings(&endpoint.url("/"), value("pw")));
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    tokio::time::pause();
    tokio::time::advance(Duration::from_hours(10_000)).await;
    tokio::time::resume();
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    assert_eq!(endpoint.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let endpoint = tokens(r#","expires_in":3600"#).await;
    let revoked = Arc::new(AtomicU64::new(0));
    let is_revoked = Arc::clone(&revoked);
    let server = Server::start(move |n| match is_revoked.load(Ordering::SeqCst) {
        // the first request with the old token is refused
        1 if n == 1 => answer(401, &[], "expired"),
        0 | 1 => answer(204, &[], ""),
        _ => answer(401, &[], "nobody"),
    })
    .await;
    let client = with(settings(&endpoint.url("/"), value("pw")));
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    revoked.store(1, Ordering::SeqCst);
    assert_eq!(post(&client, &server).await.unwrap(), 204, "tried again with another token");
    assert_eq!(authorization(&server.last()), "Bearer token-1");
    assert!(server.last().ends_with("\r\n\r\nbody"), "with its body");
    assert_eq!(endpoint.requests().len(), 2);

    revoked.store(2, Ordering::SeqCst);
    let begun = std::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(post(&client, &server).await.unwrap(), 401, "a refusal is an answer in the end");
    }
    let most = 3 + begun.elapsed().as_secs() as usize;
    assert!(endpoint.requests().len() <= most, "a server that refuses all costs few tokens");
}

#[tokio::test]
async fn an_endpoint_that_fails_is_retryable_quoted_without_the_secret_and_left_in_peace() {
    let state = Arc::new(AtomicUsize::new(0));
    let endpoint = {
        let state = Arc::clone(&state);
        Server::start(move |n| match state.load(Ordering::SeqCst) {
            0 => answer(503, &[], "cannot look up me& with hush/+ or hush%2F%2B or bWUlMjY6aHVzaCUyRiUyQg== now"),
            _ => token(n, ""),
        })
        .await
    };
    let server = Server::start(|_| answer(204, &[], "")).await;
    let oauth2 = settings(&endpoint.url("/"), value("hush/+"));
    let client = with(oauth2.clone());
    for _ in 0..20 {
        let error = post(&client, &server).await.unwrap_err();
        assert!(matches!(error, RequestError::Token { .. }) && error.is_retryable(), "{error:?}");
        let words = error.to_string();
        assert!(words.starts_with(&format!("no token from 127.0.0.1:{}: 503 ", endpoint.port())), "{words}");
        assert!(words.contains("cannot look up me& with <secret> or <secret> or <secret> now"), "{words}");
        assert!(!format!("{error:?} {client:?} {oauth2:?}").contains("hush"), "{error:?} {client:?} {oauth2:?}");
    }
    assert_eq!(endpoint.requests().len(), 1, "a failure holds for a while");
    assert_eq!(server.requests().len(), 0, "nothing goes out without a token");
    state.store(1, Ordering::SeqCst);
    super::eventually(async || post(&client, &server).await.is_ok()).await;
}

#[tokio::test]
async fn what_is_no_token_is_an_error() {
    for (body, expected) in [
        ("<html>", "is not the JSON of a token"),
        (r#"{"access_token":""}"#, "holds no access_token"),
        (r#"{"access_token":"a\nb"}"#, "a control character"),
    ] {
        let endpoint = Server::start(move |_| answer(200, &[], body)).await;
        let error = get(&with(settings(&endpoint.url("/"), value("pw"))), "http://127.0.0.1:1/").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = get(&with(settings("http://127.0.0.1:1/", value("pw"))), "http://127.0.0.1:1/").await.unwrap_err();
    assert!(error.to_string().starts_with("no token from 127.0.0.1:1: cannot connect to 127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn another_secret_asks_for_another_token() {
    let endpoint = tokens(r#","expires_in":3600"#).await;
    let server = Server::start(|_| answer(204, &[], "")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "old").unwrap();
    let client = with(settings(&endpoint.url("/"), Credential::File(path.clone())));
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    std::fs::write(&path, "newer").unwrap();
    assert_eq!(post(&client, &server).await.unwrap(), 204);
    assert_eq!(endpoint.requests().len(), 2);
    assert_eq!(authorization(&endpoint.last()), "Basic bWUlMjY6bmV3ZXI=", "me%26:newer");
    assert_eq!(authorization(&server.last()), "Bearer token-1");
}

#[tokio::test]
async fn a_token_goes_to_the_first_origin_only() {
    let endpoint = tokens("").await;
    let away = Server::start(|_| answer(200, &[], "away")).await;
    let location = away.url("/");
    let home = Server::start(move |_| answer(302, &[("location", &location)], "")).await;
    let client = with(settings(&endpoint.url("/"), value("pw")));
    assert_eq!(get(&client, &home.url("/")).await.unwrap().text_limited(9).await, "away");
    assert_eq!(authorization(&home.last()), "Bearer token-0");
    assert!(!away.last().contains("authorization"), "{}", away.last());
}

#[test]
fn settings_that_cannot_work_name_their_key() {
    let check = |oauth2: OAuth2Settings, expected: &str| {
        let auth = Some(Auth::OAuth2(Box::new(oauth2)));
        let error = Client::new(&Settings { auth, ..Settings::default() }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    let good = || settings("http://127.0.0.1/", value("pw"));
    check(OAuth2Settings { client_id: String::new(), ..good() }, "`oauth2.client_id`: ");
    check(OAuth2Settings { token_url: uri("ftp://x/"), ..good() }, "`oauth2.token_url`: ");
    let missing = Credential::File("/does/not/exist".into());
    check(OAuth2Settings { client_secret: missing, ..good() }, "`oauth2.client_secret_file`: cannot read /does");
    assert_ne!(bearer("x"), Auth::OAuth2(Box::new(good())));
}
