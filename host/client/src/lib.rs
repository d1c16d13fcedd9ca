//! The one HTTP client, for scraping and for pushing: HTTP/1.1, and HTTP/2 where a server offers it with TLS; straight or
//! by a proxy; pooled connections; basic, token, OAuth 2 and AWS authentication; secrets and certificates that live in
//! files and may change there.
//!
//! No message that this crate makes holds a secret or a URL's user information. Every step of a request has a time-out;
//! [`Phase`] names the one that took too long.

mod address;
mod authorization;
mod body;
mod classify;
mod connect;
mod error;
mod hop;
mod lease;
mod oauth2;
mod progress;
mod proxy;
mod redirect;
mod request;
mod resolver;
mod response;
mod secret;
mod secret_text;
mod settings;
mod sigv4;
mod stamp;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod watched;

pub use error::{BuildError, RequestError};
pub use progress::Phase;
pub use request::Client;
pub use response::Response;
pub use secret::Secret;
pub use settings::{Auth, Credential, OAuth2Settings, ProxySettings, Settings, SigV4Settings, TlsSettings, TlsVersion};
