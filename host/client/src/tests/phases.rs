//! Servers that accept and say nothing, drip, or half-close: each ends in a time-out that names the phase.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::server::{Server, answer};
use super::{client, get, soon, uri};
use crate::{Client, Phase, ProxySettings, RequestError, Settings};

/// Long enough for what works on loopback to have happened, short enough to wait for.
const PATIENCE: Duration = Duration::from_millis(300);

fn patient() -> Instant {
    Instant::now() + PATIENCE
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn phase(error: &RequestError) -> Phase {
    assert!(error.is_retryable(), "{error:?}");
    match error {
        RequestError::Timeout { phase, .. } => *phase,
        other => panic!("no time-out: {other:?}"),
    }
}

async fn post(client: &Client, url: &str, body: Bytes) -> RequestError {
    client.post(&uri(url), HeaderMap::new(), body, patient()).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing() {
    let client = client(&Settings::default());
    let (silent, address) = listen().await;
    let kept = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(silent.accept().await.unwrap());
        }
    });
    assert_eq!(phase(&post(&client, &format!("http://{address}/"), "body".into()).await), Phase::Head);
    assert_eq!(phase(&post(&client, &format!("https://{address}/"), "body".into()).await), Phase::Tls);
    let error = client.get(&uri(&format!("http://{address}/")), HeaderMap::new(), patient()).await.unwrap_err();
    assert_eq!(phase(&error), Phase::Head);
    // it reads nothing either
    let huge = Bytes::from(vec![0; 64 << 20]);
    assert_eq!(phase(&post(&client, &format!("http://{address}/"), huge).await), Phase::Send);

    let proxied = |to: &str| {
        let proxy = ProxySettings { url: Some(format!("http://{to}").into()), ..Default::default() };
        Client::new(&Settings { proxy, ..Settings::default() }).unwrap()
    };
    assert_eq!(phase(&post(&proxied(&address), "https://far.example/", "x".into()).await), Phase::Proxy);
    assert_eq!(phase(&post(&proxied(&address), "http://far.example/", "x".into()).await), Phase::Head);
    kept.abort();
}

#[tokio::test]
async fn each_step_to_a_connection_has_a_time_of_its_own() {
    let (silent, address) = listen().await;
    let settings = Settings { connect_timeout: Duration::from_millis(50), ..Settings::default() };
    let client = client(&settings);
    let error = client.post(&uri(&format!("https://{address}/")), HeaderMap::new(), "x".into(), soon()).await;
    assert_eq!(phase(&error.unwrap_err()), Phase::Tls, "long before the deadline");
    drop(silent);
    // a listener whose backlog is full swallows what is sent to it
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let backlog = socket.listen(1).unwrap();
    let address = backlog.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog does not fill");
    }
    let error = client.post(&uri(&format!("http://{address}/")), HeaderMap::new(), "x".into(), soon()).await;
    assert_eq!(phase(&error.unwrap_err()), Phase::Connect);
}

#[tokio::test]
async fn a_deadline_that_has_passed() {
    let client = client(&Settings::default());
    let (_silent, address) = listen().await;
    let url = uri(&format!("http://{address}/"));
    let error = client.get(&url, HeaderMap::new(), Instant::now()).await.unwrap_err();
    assert!(matches!(error, RequestError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_of_its_answer() {
    let client = client(&Settings::default());
    let stalling = Server::start(|_| "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".into()).await;
    stalling.hold_open();
    let mut response = client.get(&uri(&stalling.url("/")), HeaderMap::new(), patient()).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half");
    assert_eq!(phase(&response.chunk().await.unwrap_err()), Phase::Body);

    let head = Server::start(|_| "HTTP/1.1 200 OK\r\nx-half".into()).await;
    head.hold_open();
    assert_eq!(phase(&post(&client, &head.url("/"), "x".into()).await), Phase::Head);
}

/// Drips bytes for as long as anybody listens.
async fn dripping(first: &'static str) -> (String, tokio::task::JoinHandle<()>) {
    let (listener, address) = listen().await;
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(first.as_bytes()).await;
                while stream.write_all(b"d").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_server_that_drips() {
    let client = client(&Settings::default());
    let (address, head) = dripping("HTTP/1.1 200 OK\r\nx-drip: ").await;
    assert_eq!(phase(&post(&client, &format!("http://{address}/"), "x".into()).await), Phase::Head);
    head.abort();
    let (address, body) = dripping("HTTP/1.1 500 No\r\ncontent-length: 1000000\r\n\r\n").await;
    let response =
        client.post(&uri(&format!("http://{address}/")), HeaderMap::new(), "x".into(), patient()).await.unwrap();
    let words = response.text_limited(1 << 20).await;
    assert!(!words.is_empty() && words.chars().all(|c| c == 'd'), "what came before the deadline: {words}");
    body.abort();
}

#[tokio::test]
async fn a_server_that_half_closes() {
    let client = client(&Settings::default());
    let (listener, address) = listen().await;
    let task = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.shutdown().await.unwrap();
            kept.push(stream);
        }
    });
    let error = client.post(&uri(&format!("http://{address}/")), HeaderMap::new(), "x".into(), soon()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, RequestError::Closed { .. }) && error.is_retryable(), "{error:?}");
    task.abort();
}

#[tokio::test]
async fn an_endless_head_is_an_error_of_bounded_memory() {
    let client = client(&Settings::default());
    let head = format!("HTTP/1.1 200 OK\r\nx-endless: {}", "d".repeat(1 << 20));
    let server = Server::start(move |_| head.clone()).await;
    server.hold_open();
    let error = get(&client, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, RequestError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_is_read_as_far_as_it_is_wanted() {
    let endless = "d".repeat(1 << 20);
    let server = Server::start(move |_| answer(500, &[], &endless)).await;
    let response = get(&client(&Settings::default()), &server.url("/")).await.unwrap();
    assert_eq!(response.text_limited(1000).await.len(), 1000);
}
