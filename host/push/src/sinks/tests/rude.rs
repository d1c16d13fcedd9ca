//! Backends that break HTTP in the ways that real ones do (fault 15).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use weir_telemetry::{Ledger, Metrics, Signal, SinkAccount};

use super::rig::*;
use crate::settings::{RemoteWriteSettings, SendSettings};
use crate::sinks::Sinks;

const WELL: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// A server that reads each connection's request and then does with it what `behave` says; connections count from 0.
struct Server {
    url: String,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start<F: Future<Output = ()> + Send + 'static>(
        behave: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}/push", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = seen.clone();
        let behave = Arc::new(behave);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (behave, counted) = (behave.clone(), counted.clone());
                tokio::spawn(async move {
                    if request(&mut stream).await {
                        let number = counted.fetch_add(1, Ordering::SeqCst);
                        behave(number, stream).await;
                    }
                });
            }
        });
        Self { url, seen, task }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request to its end; false when there is none.
async fn request(stream: &mut TcpStream) -> bool {
    let mut bytes = vec![];
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            _ => return false,
        }
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return true;
        }
    }
}

async fn say(stream: &mut TcpStream, bytes: &[u8]) {
    // who is no longer there need not hear it
    let _ = stream.write_all(bytes).await;
}

/// Says nothing until the other side goes.
async fn hang(mut stream: TcpStream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
}

/// Sends one byte after the other, for ever.
async fn drip(mut stream: TcpStream, begin: &'static [u8]) {
    say(&mut stream, begin).await;
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

struct Sending {
    _dir: TempDir,
    sinks: Sinks,
    account: SinkAccount,
}

async fn sending(url: &str, sending: SendSettings) -> Sending {
    let (dir, metrics) = (TempDir::new().unwrap(), Metrics::new());
    let ledger = Ledger::new(&metrics);
    let settings = RemoteWriteSettings { sending, ..RemoteWriteSettings::new("a", url.parse().unwrap()) };
    let sinks = Sinks::open(vec![settings], vec![], dir.path(), &metrics, &ledger).await.unwrap();
    Sending { _dir: dir, sinks, account: ledger.sink("remote_write.a", Signal::Samples) }
}

fn impatient() -> SendSettings {
    SendSettings { timeout: Duration::from_millis(200), ..fast() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_closes_half_or_drips_is_tried_again() {
    let server = Server::start(|number, mut stream| async move {
        match number {
            0 => {}
            1 => {
                say(&mut stream, b"HTTP/1.1 20").await;
                let _ = stream.shutdown().await;
                hang(stream).await;
            }
            2 => hang(stream).await,
            3 => drip(stream, b"HTTP/1.1 200 OK\r\nx-").await,
            4 => say(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n").await,
            _ => say(&mut stream, WELL).await,
        }
    })
    .await;
    let Sending { _dir, sinks, account } = sending(&server.url, impatient()).await;
    Target::new(&sinks, &["a"], 4).scrape(1);
    sinks.flush();
    until("delivery", || account.delivered.get() == 4).await;
    assert_eq!(server.seen(), 6);
    sinks.shutdown(BOUND).await;
    balance(&account, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_or_not_in_utf8_is_cut_and_its_status_counts() {
    let server = Server::start(|number, mut stream| async move {
        match number {
            // as fast as it goes, and no text
            0 => {
                say(&mut stream, b"HTTP/1.1 400 Bad\r\ncontent-length: 99999999999\r\n\r\n").await;
                while stream.write_all(&[0xff; 4096]).await.is_ok() {}
            }
            1 => drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await,
            _ => say(&mut stream, WELL).await,
        }
    })
    .await;
    let Sending { _dir, sinks, account } = sending(&server.url, impatient()).await;
    let mut target = Target::new(&sinks, &["a"], 4);
    for time in 1..=3 {
        target.scrape(time);
        sinks.flush();
        until("an answer", || account.delivered.get() + account.dropped_so_far("http_400_unknown") == 4 * time as u64)
            .await;
    }
    assert_eq!((account.delivered.get(), server.seen()), (8, 3));
    sinks.shutdown(BOUND).await;
    balance(&account, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_loop_is_not_followed_and_loses_nothing() {
    let server = Server::start(|number, mut stream| async move {
        let around = b"HTTP/1.1 302 Found\r\nlocation: /push\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        say(&mut stream, if number < 5 { around } else { WELL }).await;
    })
    .await;
    let Sending { _dir, sinks, account } = sending(&server.url, fast()).await;
    Target::new(&sinks, &["a"], 4).scrape(1);
    sinks.flush();
    until("delivery", || account.delivered.get() == 4).await;
    assert_eq!(server.seen(), 6);
    sinks.shutdown(BOUND).await;
    balance(&account, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_accepts_and_hangs_or_half_closes_or_drips_and_the_shutdown_stays_bounded() {
    for kind in 0..3 {
        let server = Server::start(move |_, mut stream| async move {
            match kind {
                0 => hang(stream).await,
                1 => {
                    let _ = stream.shutdown().await;
                    hang(stream).await;
                }
                _ => drip(stream, b"HTTP/1.1 200 OK\r\nx-").await,
            }
        })
        .await;
        // nothing but the shutdown's own bound ends this
        let patient = SendSettings { timeout: Duration::from_hours(1), min_backoff: Duration::from_hours(1), ..fast() };
        let Sending { _dir, sinks, account } = sending(&server.url, patient).await;
        let mut all = targets(&sinks, &["a"], 12);
        for target in &mut all {
            target.scrape(1);
        }
        sinks.flush();
        until("a request", || server.seen() > 0).await;
        tokio::time::timeout(BOUND, sinks.shutdown(Duration::from_millis(50))).await.expect("bounded");
        assert_eq!((account.delivered.get(), account.queued() + account.in_flight.get()), (0, 12), "kind {kind}");
        balance(&account, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_makes_no_further_attempt_at_what_just_failed() {
    let failing = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start(move |_, mut stream| async move { say(&mut stream, failing).await }).await;
    let patient = SendSettings { min_backoff: Duration::from_hours(1), max_backoff: Duration::from_hours(1), ..fast() };
    let Sending { _dir, sinks, account } = sending(&server.url, patient).await;
    let mut target = Target::new(&sinks, &["a"], 4);
    for time in 1..=3 {
        target.scrape(time);
        sinks.flush();
    }
    until("a request", || server.seen() > 0).await;
    tokio::time::timeout(BOUND, sinks.shutdown(Duration::from_hours(1))).await.expect("nobody waits for an hour");
    assert_eq!((server.seen(), account.delivered.get()), (1, 0));
    balance(&account, 0);
}
