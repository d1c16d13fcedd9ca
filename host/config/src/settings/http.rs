use std::path::PathBuf;

use super::Secret;

/// How a scrape job or a sink speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClient {
    /// `basic_auth` or `authorization`, of which there is at most one.
    pub auth: Option<Auth>,
    /// `headers`: sent with every request, ordered by name. Values can be credentials, so they are not shown.
    pub headers: Vec<(String, Secret)>,
    /// `tls_config`.
    pub tls: TlsSettings,
    /// `follow_redirects`: true unless given. Credentials are for the first origin only.
    pub follow_redirects: bool,
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `basic_auth`.
    Basic {
        /// `username`.
        username: String,
        /// `password` or `password_file`.
        password: Credential,
    },
    /// `authorization`.
    Authorization {
        /// `type`: `Bearer` unless given.
        scheme: String,
        /// `credentials` or `credentials_file`.
        credentials: Credential,
    },
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The configuration.
    Value(Secret),
    /// A file, which the client reads again when it changes.
    File(PathBuf),
}

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// `ca_file`: PEM, trusted instead of the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// `ca`: the same inline.
    pub ca: Option<String>,
    /// `cert_file`: PEM, the certificate to show. Comes with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// `key_file`: PEM, the certificate's private key.
    pub key_file: Option<PathBuf>,
    /// `server_name`: verified instead of the URL's host.
    pub server_name: Option<String>,
    /// `insecure_skip_verify`: any certificate is accepted.
    pub insecure_skip_verify: bool,
    /// `min_version`: `TLS12` unless given.
    pub min_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// `TLS12`.
    #[default]
    Tls12,
    /// `TLS13`.
    Tls13,
}
