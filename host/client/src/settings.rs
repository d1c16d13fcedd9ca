//! How a client is to behave.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// The settings of one [`Client`](crate::Client); two with equal settings behave alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How to authenticate, if at all.
    pub auth: Option<Auth>,
    /// Headers to send with every request, beside those a request brings; those here win.
    pub headers: Vec<(String, Secret)>,
    /// How to speak TLS with `https` URLs.
    pub tls: TlsSettings,
    /// Whether [`Client::get`](crate::Client::get) follows redirects; a POST never does. Authentication and `headers`
    /// are never sent to another origin than the first.
    pub follow_redirects: bool,
    /// How long one attempt to connect may take, TLS excluded: a host that swallows packets must not use up the time
    /// that an address of the same name which does answer would need.
    pub connect_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: None,
            headers: Vec::new(),
            tls: TlsSettings::default(),
            follow_redirects: true,
            // Two lost SYNs (1 s + 2 s) and some; below the shortest usual scrape timeout of 10 s.
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// HTTP basic authentication (RFC 7617).
    Basic {
        /// The user's name, sent in the clear of the encoding.
        username: String,
        /// The user's password.
        password: Credential,
    },
    /// An `Authorization` header of a scheme and a credential.
    Authorization {
        /// The scheme (`type`); usually `Bearer`.
        scheme: String,
        /// What follows the scheme.
        credentials: Credential,
    },
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The configuration itself.
    Value(Secret),
    /// A file, read again when it changes; white space around its content does not count.
    File(PathBuf),
}

/// How to speak TLS.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// A PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The same, inline. With both, both are trusted.
    pub ca: Option<String>,
    /// A PEM file with the certificate to show, its chain behind it. Needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// A PEM file with that certificate's private key. Needs `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The name to ask for and to verify, instead of the URL's host.
    pub server_name: Option<String>,
    /// Accept any certificate. Then anybody on the path can read and change what is sent.
    pub insecure_skip_verify: bool,
    /// The oldest version to accept; TLS 1.2 by default.
    pub min_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}
