//! The one HTTP client, for scraping and for pushing: HTTP/1.1 over TCP or TLS, with pooled connections, basic and
//! token authentication, and secrets that may live in files and change there.
//!
//! No message that this crate makes holds a secret or a URL's user information.

mod error;
mod request;
mod secret;
mod settings;

pub use error::{BuildError, RequestError};
pub use request::{Client, Response};
pub use secret::Secret;
pub use settings::{Auth, Credential, Settings, TlsSettings, TlsVersion};
