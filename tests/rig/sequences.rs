//! A server of page sequences: every reader of a sequence gets its own run through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running server. `/READER/N` is the next page of sequence N for that reader; the last page is served again and again.
#[derive(Debug)]
pub struct Sequences {
    /// `host:port`.
    pub address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    pages: Vec<Vec<Vec<u8>>>,
    served: Mutex<BTreeMap<(String, usize), usize>>,
}

impl Sequences {
    /// Serves these.
    pub async fn start(pages: Vec<Vec<Vec<u8>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared { pages, served: Mutex::default() });
        let app = Router::new().route("/{reader}/{sequence}", get(serve)).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, task }
    }

    /// How many pages of a sequence a reader has asked for.
    pub fn served(&self, reader: &str, sequence: usize) -> usize {
        self.shared.served.lock().unwrap().get(&(reader.to_owned(), sequence)).copied().unwrap_or(0)
    }
}

impl Drop for Sequences {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, Path(key): Path<(String, usize)>) -> impl IntoResponse {
    let pages = &shared.pages[key.1];
    let mut served = shared.served.lock().unwrap();
    let count = served.entry(key).or_default();
    let page = pages[(*count).min(pages.len() - 1)].clone();
    *count += 1;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page)
}
