//! A server that answers from a script and remembers what it was asked.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    hold_open: AtomicBool,
    close_after_each: AtomicBool,
    tls_versions: Mutex<Vec<String>>,
}

/// A whole answer.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text + "\r\n" + body
}

impl Server {
    /// Serves; the script gets the number of the request, from 0. An answer that is not whole ends its connection.
    pub(super) async fn start(script: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    pub(super) async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (script, theirs) = (Arc::new(script), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, seen, tls) = (Arc::clone(&script), Arc::clone(&theirs), tls.clone());
                tokio::spawn(async move {
                    seen.connections.fetch_add(1, Ordering::Relaxed);
                    match tls {
                        None => converse(stream, &*script, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                let version = format!("{:?}", stream.get_ref().1.protocol_version().unwrap());
                                seen.tls_versions.lock().unwrap().push(version);
                                converse(stream, &*script, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(super) fn last(&self) -> String {
        self.requests().pop().expect("no request came")
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Connections end after each answer, without a word.
    pub(super) fn close_after_each(&self) {
        self.seen.close_after_each.store(true, Ordering::Relaxed);
    }

    /// Of each connection with TLS.
    pub(super) fn tls_versions(&self) -> Vec<String> {
        self.seen.tls_versions.lock().unwrap().clone()
    }

    /// Connections stay open after answers that are not whole.
    pub(super) fn hold_open(&self) {
        self.seen.hold_open.store(true, Ordering::Relaxed);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &(dyn Fn(usize) -> String + Sync),
    seen: &Seen,
) {
    let mut buffer = Vec::new();
    loop {
        while !is_whole(&buffer) {
            match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => return,
            }
        }
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(String::from_utf8_lossy(&buffer).into_owned());
            requests.len() - 1
        };
        buffer.clear();
        let answer = script(number);
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if seen.close_after_each.load(Ordering::Relaxed) {
            let _ = stream.shutdown().await;
            return;
        }
        if !is_whole(answer.as_bytes()) {
            if seen.hold_open.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let _ = stream.shutdown().await;
            return;
        }
    }
}

fn is_whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
