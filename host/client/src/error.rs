//! What can go wrong, in words that hold no secret.

use std::path::PathBuf;

use crate::Phase;

/// Settings that make no client. Every variant is fatal for the configuration that holds them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file that a key names cannot be read.
    #[error("`{key}`: cannot read {}: {source}", .path.display())]
    File {
        /// The key, as configuration files write it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value, or what is in the file that it names, cannot be used.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key, as configuration files write it.
        key: &'static str,
        /// What is wrong and what to do; names the file where one holds the value.
        problem: String,
    },
}

/// A request without an answer. HTTP statuses are answers, whatever they say.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A step took too long. Retryable.
    #[error("{}", timeout(host, *phase))]
    Timeout {
        /// Host and port.
        host: String,
        /// Which step.
        phase: Phase,
    },
    /// The host's name has no address. Retryable: names come and go.
    #[error("cannot resolve {host}: {reason}")]
    Dns {
        /// Host and port.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// No connection. Retryable.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// The system's words.
        reason: String,
    },
    /// No TLS session: a certificate was refused, by us or by them. Retryable, since certificates get renewed, though
    /// usually the settings or the server need a change first.
    #[error("cannot establish TLS with {host}: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// What was refused.
        reason: String,
    },
    /// The proxy did not let us pass. Retryable: its rules are not the request's.
    #[error("the proxy does not connect to {host}: {reason}")]
    Proxy {
        /// Host and port that were asked for.
        host: String,
        /// The proxy's answer.
        reason: String,
    },
    /// The connection ended before the answer did. Retryable.
    #[error("{host} closed the connection before its answer was complete")]
    Closed {
        /// Host and port.
        host: String,
    },
    /// What came back is not HTTP. Retryable: something else may listen there tomorrow.
    #[error("{host} does not answer in HTTP: {reason}")]
    Protocol {
        /// Host and port.
        host: String,
        /// What was wrong.
        reason: String,
    },
    /// A redirect that leads nowhere, in a circle, or away from where credentials may go. Fatal for this request.
    #[error("the redirect from {host} cannot be followed: {reason}")]
    Redirect {
        /// Host and port.
        host: String,
        /// Why not.
        reason: &'static str,
    },
    /// No token, and so no request: the endpoint that gives them did not. Retryable, and for a while not asked again.
    #[error("no token from {endpoint}: {reason}")]
    Token {
        /// Host and port of the endpoint.
        endpoint: String,
        /// Its answer, or why there is none.
        reason: String,
    },
    /// A URL that no request can be made of. Fatal for this request.
    #[error("cannot make a request: {reason}")]
    Request {
        /// Why not.
        reason: String,
    },
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Redirect { .. } | Self::Request { .. })
    }
}

fn timeout(host: &str, phase: Phase) -> String {
    match phase {
        Phase::Secrets => format!("a secret for {host} was not there in time"),
        Phase::Connect => format!("cannot connect to {host} in time"),
        Phase::Proxy => format!("the proxy did not connect to {host} in time"),
        Phase::Tls => format!("cannot establish TLS with {host} in time"),
        Phase::Send => format!("{host} did not take the whole request in time"),
        Phase::Head => format!("{host} took the request and did not answer in time"),
        Phase::Body => format!("no complete answer from {host} in time"),
    }
}
