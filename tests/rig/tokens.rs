//! A token endpoint (RFC 6749 section 4.4).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running endpoint.
#[derive(Debug)]
pub struct Tokens {
    /// Where tokens are asked for.
    pub url: String,
    state: Arc<Mutex<Given>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Given {
    authorization: String,
    valid: Vec<String>,
    fetched: usize,
    refused: usize,
}

impl Tokens {
    /// Starts one that gives tokens to who sends this as `Authorization`.
    pub async fn start(authorization: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let authorization = authorization.to_owned();
        let state = Arc::new(Mutex::new(Given { authorization, valid: Vec::new(), fetched: 0, refused: 0 }));
        let app = Router::new().route("/token", post(give)).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, task }
    }

    /// Revokes what was given, and wants to see this from now on.
    pub fn change(&self, authorization: &str) {
        let mut state = self.state.lock().unwrap();
        state.valid.clear();
        authorization.clone_into(&mut state.authorization);
    }

    /// A test of whether the `Authorization` of a request holds a token that is valid.
    pub fn judge(&self) -> impl Fn(&HeaderMap) -> bool + Send + Sync + 'static {
        let state = self.state.clone();
        move |headers| {
            let shown = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
            state.lock().unwrap().valid.iter().any(|token| shown == format!("Bearer {token}"))
        }
    }

    /// How many tokens were given, and how many requests refused.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.fetched, state.refused)
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn give(State(state): State<Arc<Mutex<Given>>>, headers: HeaderMap) -> Response {
    let mut state = state.lock().unwrap();
    let shown = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if shown != state.authorization {
        state.refused += 1;
        // an endpoint may be so unwise as to repeat what it was sent
        return (StatusCode::UNAUTHORIZED, format!("not known: {shown}")).into_response();
    }
    state.fetched += 1;
    let token = format!("t0ken-{}", state.fetched);
    state.valid.push(token.clone());
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}");
    ([("content-type", "application/json")], body).into_response()
}
