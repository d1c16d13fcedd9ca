use std::path::PathBuf;

use super::Secret;

/// How a scrape job or a sink speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClient {
    /// `basic_auth`, `authorization`, `oauth2` or `sigv4`, of which there is at most one.
    pub auth: Option<Auth>,
    /// `headers`: sent with every request, ordered by name. Values can be credentials, so they are not shown.
    pub headers: Vec<(String, Secret)>,
    /// `tls_config`.
    pub tls: TlsSettings,
    /// `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.
    pub proxy: ProxySettings,
    /// `enable_http2`: true unless given.
    pub enable_http2: bool,
    /// `follow_redirects`: true unless given. Credentials are for the first origin only.
    pub follow_redirects: bool,
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `basic_auth`.
    Basic {
        /// `username` or `username_file`.
        username: Credential,
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
    /// `oauth2`.
    OAuth2(Box<OAuth2>),
    /// `sigv4`.
    SigV4(Box<SigV4>),
}

/// `oauth2`: a token for the client's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret` or `client_secret_file`.
    pub client_secret: Credential,
    /// `token_url`.
    pub token_url: String,
    /// `scopes`.
    pub scopes: Vec<String>,
    /// `endpoint_params`. Values can be credentials, so they are not shown.
    pub endpoint_params: Vec<(String, Secret)>,
    /// `tls_config`: for the token endpoint.
    pub tls: TlsSettings,
    /// `proxy_url` and its kin: for the token endpoint.
    pub proxy: ProxySettings,
}

/// `sigv4`: requests signed for AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4 {
    /// `region`; without it the environment's.
    pub region: Option<String>,
    /// `service_name`: `aps` unless given.
    pub service: String,
    /// `access_key` and `secret_key`.
    pub keys: Option<(String, Secret)>,
    /// `profile`.
    pub profile: Option<String>,
    /// `role_arn`.
    pub role_arn: Option<String>,
}

/// By which proxy to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// `proxy_url`; it can hold a password, so it is not shown.
    pub url: Option<Secret>,
    /// `no_proxy`.
    pub no_proxy: String,
    /// `proxy_from_environment`.
    pub from_environment: bool,
    /// `proxy_connect_header`, whose values are lists.
    pub connect_headers: Vec<(String, Vec<Secret>)>,
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
    /// `cert_file`: PEM, the certificate to show. Comes with a key.
    pub cert_file: Option<PathBuf>,
    /// `cert`: the same inline.
    pub cert: Option<String>,
    /// `key_file`: PEM, the certificate's private key.
    pub key_file: Option<PathBuf>,
    /// `key`: the same inline.
    pub key: Option<Secret>,
    /// `server_name`: verified instead of the URL's host.
    pub server_name: Option<String>,
    /// `insecure_skip_verify`: any certificate is accepted.
    pub insecure_skip_verify: bool,
    /// `min_version`: `TLS12` unless given.
    pub min_version: TlsVersion,
    /// `max_version`: any unless given.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS12`.
    #[default]
    Tls12,
    /// `TLS13`.
    Tls13,
}
