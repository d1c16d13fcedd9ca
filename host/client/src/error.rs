//! What can go wrong, in words that hold no secret.

use std::path::PathBuf;

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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The deadline passed. Retryable.
    #[error("no complete answer from {host} before the deadline")]
    Timeout {
        /// Host and port.
        host: String,
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
    /// The connection ended before the answer did. Retryable.
    #[error("{host} closed the connection before its answer was complete")]
    Closed {
        /// Host and port.
        host: String,
    },
    /// What came back is not HTTP/1.1. Retryable: something else may listen there tomorrow.
    #[error("{host} does not answer in HTTP/1.1: {reason}")]
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
    /// A file with a secret cannot be read or used. Retryable: it is read again with the next request.
    #[error("`{key}`: {}: {reason}", .path.display())]
    SecretFile {
        /// The key, as configuration files write it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
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
