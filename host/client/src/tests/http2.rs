//! HTTP/2 where a server offers it, and connections that are used again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::server::{Server, answer};
use super::tls::{Authority, acceptor};
use super::{bearer, client, soon, uri};
use crate::{Client, Settings, TlsSettings};

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Speaks HTTP/2 only; takes `streams` requests at a time and echoes bodies.
async fn serve(authority: &Authority, streams: u32) -> (String, Arc<Counts>) {
    let acceptor = acceptor(&authority.issue("localhost"), None, &["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let counts = Arc::new(Counts::default());
    let theirs = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, counts) = (acceptor.clone(), Arc::clone(&theirs));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                counts.connections.fetch_add(1, Ordering::Relaxed);
                let service = service_fn(move |request: Request<Incoming>| {
                    let counts = Arc::clone(&counts);
                    async move {
                        assert_eq!(request.version(), Version::HTTP_2);
                        assert_eq!(request.headers()["authorization"], "Bearer hush");
                        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
                        counts.most.fetch_max(now, Ordering::SeqCst);
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        tokio::task::yield_now().await;
                        counts.now.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(http::Response::new(Full::new(body)))
                    }
                });
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(streams)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (url, counts)
}

fn trusting(authority: &Authority, enable_http2: bool) -> Client {
    let tls = TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() };
    client(&Settings { tls, enable_http2, auth: Some(bearer("hush")), ..Settings::default() })
}

#[tokio::test]
async fn one_connection_carries_many_requests_within_the_servers_bound() {
    let authority = Authority::new();
    let (url, counts) = serve(&authority, 3).await;
    let client = trusting(&authority, true);
    let post = async |i: usize| {
        let body = Bytes::from(vec![i as u8; 300_000]);
        let response = client.post(&uri(&url), HeaderMap::new(), body.clone(), soon()).await.unwrap();
        assert_eq!(response.status, 200);
        let mut response = response;
        let mut back = Vec::new();
        while let Some(chunk) = response.chunk().await.unwrap() {
            back.extend_from_slice(&chunk);
        }
        assert!(back == body, "echo of request {i}");
    };
    post(0).await;
    futures::future::join_all((0..20).map(post)).await;
    assert_eq!(counts.connections.load(Ordering::Relaxed), 1);
    let most = counts.most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at a time");
}

#[tokio::test]
async fn http2_can_be_switched_off() {
    let authority = Authority::new();
    let both = acceptor(&authority.issue("localhost"), None, &["h2", "http/1.1"]);
    // it would speak HTTP/1.1 whatever was agreed upon
    let server = Server::start_with(Some(both), |_| answer(200, &[], "ok")).await;
    let url = format!("https://localhost:{}/", server.port());
    let response = trusting(&authority, false).get(&uri(&url), HeaderMap::new(), soon()).await.unwrap();
    assert_eq!(response.text_limited(9).await, "ok");
    let error = trusting(&authority, true).get(&uri(&url), HeaderMap::new(), soon()).await.unwrap_err();
    assert!(error.is_retryable(), "it agreed to HTTP/2 and does not speak it: {error:?}");
}

#[tokio::test]
async fn a_post_meets_a_connection_just_closed_and_is_neither_lost_nor_doubled() {
    // each answer is followed by the end of its connection, which nothing in it announces
    let server = Server::start(|_| answer(200, &[], "ok")).await;
    server.close_after_each();
    let client = client(&Settings::default());
    let mut failed = 0;
    for i in 0..100 {
        let sent = client.post(&uri(&server.url("/")), HeaderMap::new(), format!("n{i}").into(), soon()).await;
        match sent {
            Ok(response) => assert_eq!(response.text_limited(9).await, "ok"),
            // the close crossed it on the way; nobody but the caller may decide to send it again
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                failed += 1;
            }
        }
    }
    let requests = server.requests();
    for i in 0..100 {
        let times = requests.iter().filter(|r| r.ends_with(&format!("\r\n\r\nn{i}"))).count();
        assert!(times <= 1, "n{i} arrived {times} times");
    }
    assert!(requests.len() >= 100 - failed, "{} of 100 arrived, {failed} failed", requests.len());
}
