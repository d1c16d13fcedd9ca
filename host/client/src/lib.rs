//! The one HTTP client, for scraping and for pushing: HTTP/1.1 over TCP or TLS, with pooled connections, basic and
//! token authentication, and secrets and certificates that live in files and may change there.
//!
//! No message that this crate makes holds a secret or a URL's user information.

mod authorization;
mod classify;
mod error;
mod redirect;
mod request;
mod resolver;
mod secret;
mod settings;
mod stamp;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use error::{BuildError, RequestError};
pub use request::{Client, Response};
pub use secret::Secret;
pub use settings::{Auth, Credential, Settings, TlsSettings, TlsVersion};
