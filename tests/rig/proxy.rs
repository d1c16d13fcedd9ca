//! An HTTP proxy that connects (CONNECT) whoever shows the right credentials.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    /// `127.0.0.1:port`.
    pub address: String,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one that lets pass who sends this as `Proxy-Authorization`.
    pub async fn start(authorization: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (all, line) = (heard.clone(), format!("proxy-authorization: {authorization}\r\n"));
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, line.clone(), all.clone()));
            }
        });
        Self { address, heard, task }
    }

    /// The heads of all requests.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, authorization: String, heard: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    heard.lock().unwrap().push(request.clone());
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let answer = match target {
        None => "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n",
        Some(_) if !request.contains(&authorization) => {
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
        }
        Some(target) => match TcpStream::connect(target).await {
            Err(_) => "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
            Ok(mut server) => {
                if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok() {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
                return;
            }
        },
    };
    let _ = client.write_all(answer.as_bytes()).await;
}
