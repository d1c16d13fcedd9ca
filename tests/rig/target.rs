//! A scrape target whose pages the test writes.

use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Page = Box<dyn FnMut(u64) -> Response + Send>;
type Shared = (Arc<Mutex<Page>>, Arc<Mutex<u64>>);

/// A page with a series `seq{i="…"}` for each of `names`, each with the value `number`.
pub fn numbered(names: impl IntoIterator<Item: Display>, number: u64) -> String {
    let mut page = String::new();
    for name in names {
        writeln!(page, "seq{{i=\"{name}\"}} {number}").unwrap();
    }
    page
}

/// A running target.
#[derive(Debug)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    served: Arc<Mutex<u64>>,
    task: JoinHandle<()>,
}

impl Target {
    /// Serves on every GET the page that `page` makes of the request's number, which counts from 1.
    pub async fn start(mut page: impl FnMut(u64) -> String + Send + 'static) -> Self {
        Self::answering(move |n| {
            let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
            (headers, page(n)).into_response()
        })
        .await
    }

    /// Answers every GET as `answer` says.
    pub async fn answering(answer: impl FnMut(u64) -> Response + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = Arc::new(Mutex::new(0));
        let page: Arc<Mutex<Page>> = Arc::new(Mutex::new(Box::new(answer)));
        let app = Router::new().route("/metrics", get(serve)).with_state((page, served.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, served, task }
    }

    /// How many pages were asked for.
    pub fn served(&self) -> u64 {
        *self.served.lock().unwrap()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State((page, served)): State<Shared>) -> Response {
    let mut number = served.lock().unwrap();
    *number += 1;
    (page.lock().unwrap())(*number)
}
