//! A target that speaks no proper HTTP: the test writes the bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running server.
#[derive(Debug)]
pub struct Raw {
    /// `host:port`.
    pub address: String,
    asked: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Raw {
    /// Lets `answer` do what it likes with each connection, once a whole request head has been read from it. The
    /// connection is closed when it is done.
    pub async fn start(answer: impl Fn(TcpStream) -> BoxFuture<'static, std::io::Result<()>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let task = tokio::spawn(async move {
            let mut running = tokio::task::JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if !head_read(&mut stream).await {
                    continue;
                }
                count.fetch_add(1, Ordering::Relaxed);
                // an error is the peer that has had enough
                running.spawn(answer(stream));
            }
        });
        Self { address, asked, task }
    }

    /// How many requests there were.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn head_read(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}
