//! An HTTP server on a socket that behaves as its paths say, plain or with TLS.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a server keeps count of; it serves as long as the process lives.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    /// Requests that it has read.
    pub(crate) requests: Arc<AtomicUsize>,
    /// Connections; `None` once the server has hung up, and does so on whoever comes.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::serve(|tcp, requests| {
            let reader = BufReader::new(tcp.try_clone().unwrap());
            connection(reader, tcp, requests);
        })
    }

    /// With a certificate for `localhost`, which is its own authority; brings that, too.
    pub(crate) fn start_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let cert = CertificateDer::from(made.cert.der().to_vec());
        let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![cert], key).unwrap());
        let server = Self::serve(move |tcp, requests| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), tcp);
            if let Some(request) = read(&mut BufReader::with_capacity(1, &mut stream)) {
                requests.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(answer(&request).as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        (server, made.cert.pem())
    }

    fn serve(handle: impl Fn(TcpStream, &AtomicUsize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (handle, counted) = (Arc::new(handle), requests.clone());
        let open = Arc::new(Mutex::new(Some(vec![])));
        let connections = open.clone();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let tcp = tcp.unwrap();
                let Some(open) = &mut *connections.lock().unwrap() else { continue };
                open.push(tcp.try_clone().unwrap());
                let (handle, counted) = (handle.clone(), counted.clone());
                std::thread::spawn(move || {
                    let end = tcp.try_clone().unwrap();
                    handle(tcp, &counted);
                    let _ = end.shutdown(Shutdown::Both);
                });
            }
        });
        Self { at, requests, open }
    }

    /// Ends all connections, and any that comes.
    pub(crate) fn hang_up(&self) {
        for tcp in self.open.lock().unwrap().take().into_iter().flatten() {
            let _ = tcp.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub(crate) fn seen(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

struct Request {
    head: String,
    path: String,
    body: String,
}

fn read(stream: &mut impl BufRead) -> Option<Request> {
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).ok().filter(|n| *n > 0)?;
        head.push_str(&line);
    }
    let length =
        head.to_lowercase().split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request { head, path, body: String::from_utf8(body).unwrap() })
}

fn answer(request: &Request) -> String {
    let whole = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    match request.path.split_once('?').unwrap_or((&request.path, "")) {
        ("/hello", _) => whole("200 OK", "hello"),
        ("/echo", _) => whole("200 OK", &format!("{}{}", request.head, request.body)),
        ("/unwell", _) => whole("503 Service Unavailable", "not now"),
        ("/redirect", to) => format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
        ("/cut", _) => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_owned(),
        ("/nonsense", _) => "this is no HTTP\r\n\r\n".to_owned(),
        _ => whole("404 Not Found", ""),
    }
}

fn connection(mut reader: impl BufRead, mut tcp: TcpStream, requests: &AtomicUsize) {
    while let Some(request) = read(&mut reader) {
        requests.fetch_add(1, Ordering::SeqCst);
        match request.path.as_str() {
            "/giant" => {
                let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while tcp.write_all(&[b'x'; 4096]).is_ok() {}
                return;
            }
            "/headers" => {
                let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n");
                while tcp.write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n").is_ok() {}
                return;
            }
            // a byte now and then, until the other side has had enough
            "/drip" => {
                let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
                while tcp.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return;
            }
            // nothing, until the other side has had enough
            "/silence" => {
                let _ = reader.read(&mut [0]);
                return;
            }
            "/cut" | "/nonsense" => {
                let _ = tcp.write_all(answer(&request).as_bytes());
                return;
            }
            _ => {
                if tcp.write_all(answer(&request).as_bytes()).is_err() {
                    return;
                }
            }
        }
    }
}
