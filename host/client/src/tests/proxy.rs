//! By a proxy: plain requests in absolute form, TLS through CONNECT.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::server::{Server, answer};
use super::tls::{Authority, acceptor, serve};
use super::{client, get, soon, uri};
use crate::{Client, ProxySettings, RequestError, Settings, TlsSettings};

/// A proxy that takes everybody to one place, whatever the name, and remembers what it was told.
struct Proxy {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn start(tls: Option<TlsAcceptor>, to: u16, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (heard, tls) = (Arc::clone(&theirs), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => pass(stream, to, answer, &heard).await,
                        Some(tls) => pass(tls.accept(stream).await.unwrap(), to, answer, &heard).await,
                    }
                });
            }
        });
        Self { port, heard, task }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: impl AsyncRead + AsyncWrite + Unpin, to: u16, answer: &str, heard: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        request.push(byte);
    }
    let text = String::from_utf8(request).unwrap();
    heard.lock().unwrap().push(text.clone());
    let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    if text.starts_with("CONNECT ") {
        client.write_all(answer.as_bytes()).await.unwrap();
        client.flush().await.unwrap();
        if !answer.contains(" 200 ") {
            return;
        }
    } else {
        server.write_all(text.as_bytes()).await.unwrap();
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

const GO: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn proxied(url: &str, tls: TlsSettings) -> Client {
    let connect_headers = vec![("X-To-Proxy".to_owned(), "hush-too".into())];
    let proxy = ProxySettings { url: Some(url.into()), connect_headers, ..Default::default() };
    client(&Settings { proxy, tls, headers: vec![("x-key".into(), "hush".into())], ..Settings::default() })
}

#[tokio::test]
async fn a_plain_request_is_forwarded() {
    let server = Server::start(|_| answer(200, &[], "far")).await;
    let proxy = Proxy::start(None, server.port(), GO).await;
    let client = proxied(&format!("http://me:p%40w@127.0.0.1:{}", proxy.port), TlsSettings::default());
    for _ in 0..2 {
        assert_eq!(get(&client, "http://far.example/metrics?x=1").await.unwrap().text_limited(9).await, "far");
    }
    let request = &server.requests()[1];
    assert!(request.starts_with("GET http://far.example/metrics?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("host: far.example\r\n"), "{request}");
    assert!(request.contains("proxy-authorization: Basic bWU6cEB3\r\n"), "{request}");
    assert!(!request.contains("hush-too"), "headers for CONNECT are for CONNECT: {request}");
    assert_eq!(proxy.heard().len(), 1, "one connection served both");
}

#[tokio::test]
async fn tls_goes_through_and_the_proxy_hears_nothing_of_it() {
    let authority = Authority::new();
    let server = serve(&authority.issue("far.example"), None).await;
    let trusting = TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() };
    let plain = Proxy::start(None, server.port(), GO).await;
    let tls = Proxy::start(Some(acceptor(&authority.issue("localhost"), None, &[])), server.port(), GO).await;
    for (proxy, url) in [
        (&plain, format!("http://me:pw@127.0.0.1:{}", plain.port)),
        (&tls, format!("https://me:pw@localhost:{}", tls.port)),
    ] {
        let client = proxied(&url, trusting.clone());
        for _ in 0..2 {
            let answer = get(&client, "https://far.example/secret").await.unwrap().text_limited(9).await;
            assert_eq!(answer, "secure");
        }
        let heard = proxy.heard();
        assert_eq!(heard.len(), 1, "one connection served both: {heard:?}");
        assert!(heard[0].starts_with("CONNECT far.example:443 HTTP/1.1\r\n"), "{heard:?}");
        for header in
            ["host: far.example:443\r\n", "proxy-authorization: Basic bWU6cHc=\r\n", "x-to-proxy: hush-too\r\n"]
        {
            assert!(heard[0].contains(header), "{header} is not in {heard:?}");
        }
        assert!(!heard[0].contains("x-key") && !heard[0].contains("secret"), "{heard:?}");
    }
    let request = server.last();
    assert!(request.starts_with("GET /secret HTTP/1.1\r\n") && request.contains("x-key: hush\r\n"), "{request}");
    assert!(!request.contains("proxy"), "{request}");
}

#[tokio::test]
async fn the_certificate_behind_a_proxy_is_still_the_servers() {
    let authority = Authority::new();
    let server = serve(&authority.issue("other.example"), None).await;
    let proxy = Proxy::start(None, server.port(), GO).await;
    let trusting = TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() };
    let client = proxied(&format!("127.0.0.1:{}", proxy.port), trusting);
    let error = get(&client, "https://far.example/").await.unwrap_err();
    assert!(matches!(&error, RequestError::Tls { reason, .. } if reason.contains("other host names")), "{error:?}");
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_refuses_is_quoted() {
    let server = Server::start(|_| answer(200, &[], "far")).await;
    for (answer, expected) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "it wants other credentials"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "it answers 403 Forbidden"),
        ("SSH-2.0\r\n\r\n", "invalid HTTP version"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "it sent more than its answer"),
        ("", "connection"),
    ] {
        let proxy = Proxy::start(None, server.port(), answer).await;
        let client = proxied(&format!("http://me:hush@127.0.0.1:{}", proxy.port), TlsSettings::default());
        let error = client.post(&uri("https://far.example/"), http::HeaderMap::new(), "x".into(), soon()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, RequestError::Proxy { .. }) && error.is_retryable(), "{error:?}");
        assert!(error.to_string().starts_with("the proxy does not connect to far.example: "), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?} {client:?}").contains("hush"), "{error:?} {client:?}");
    }
}

#[tokio::test]
async fn exceptions_go_straight() {
    let server = Server::start(|_| answer(200, &[], "near")).await;
    let proxy = ProxySettings {
        url: Some("http://127.0.0.1:1".into()),
        no_proxy: "127.0.0.0/8".into(),
        ..ProxySettings::default()
    };
    let client = client(&Settings { proxy, ..Settings::default() });
    assert_eq!(get(&client, &server.url("/")).await.unwrap().text_limited(9).await, "near");
    let error = get(&client, "http://far.example/").await.unwrap_err();
    assert!(matches!(error, RequestError::Connect { .. }), "{error:?}");
}
