//! HTTP requests, made by weir to the hosts that the operator has granted.
//!
//! A plugin that uses this runs only where its configuration has the grant: `grant = [{ kind = "http", hosts = ["api.example.com"] }]`.
//! Ask for it in the manifest, too, and say why.
//!
//! A call waits for its answers, and whoever it serves waits for the call: ask in [`crate::Plugin::new`] and [`crate::Tick`] rather than
//! for each batch, and keep what came. The requests of one call share the time that the operator allows (`limits.http_timeout`, 5 s),
//! those of all instances their number (`limits.http_requests`, 10 a second).
//!
//! ```
//! use weir_sdk::http::{Request, Response};
//! # use weir_sdk::testing;
//! # testing::answer("https://api.example.com/teams", Response { status: 200, headers: vec![], body: b"a,b".to_vec() });
//! let answer = Request::get("https://api.example.com/teams").header("accept", "text/csv").send()?;
//! if !answer.is_success() {
//!     return Err(format!("no teams: {}", answer.status).into());
//! }
//! let teams: Vec<&str> = answer.text()?.split(',').collect();
//! # assert_eq!(teams, ["a", "b"]);
//! # Ok::<(), weir_sdk::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// `http` or `https`, with a host that is granted.
    pub url: String,
    /// Names and values, beside what weir sets itself (`host`, `content-length` and what else belongs to the connection).
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// How long to wait for the whole answer; never longer than the call may, which is the default.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A request of any method, without a body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of a body.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", url) }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a time-out of its own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the request and waits for the whole answer.
    ///
    /// # Errors
    /// [`Refusal`]; any status is an answer.
    pub fn send(self) -> Result<Response, Refusal> {
        backend::send(self)
    }
}

/// An answer. A redirect is one as well: weir follows none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.body)
    }
}

/// Why there is no answer; weir logs and counts it as well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No request can be made of this; the words say why.
    Malformed(String),
    /// The host (as `name:port`) is not among those that are granted.
    NotGranted(String),
    /// The request or the answer is larger than it may be; the words say which.
    TooLarge(String),
    /// More requests than the plugin may make now.
    OverBudget,
    /// No whole answer came in time.
    Timeout(String),
    /// The name does not resolve, nothing listens there, TLS failed, or what came back was cut off or no HTTP.
    Failed(String),
    /// There are no requests from `wants` and `interval`.
    NotNow,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "the request makes no sense: {why}"),
            Self::NotGranted(host) => write!(f, "requests to {host} are not granted"),
            Self::TooLarge(what) | Self::Timeout(what) | Self::Failed(what) => f.write_str(what),
            Self::OverBudget => f.write_str("more requests than the plugin may make now"),
            Self::NotNow => f.write_str("there are no requests from `wants` and `interval`"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(target_family = "wasm")]
use crate::component::http as backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::http as backend;
