//! How a client is to behave.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

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
    /// By which proxy to go.
    pub proxy: ProxySettings,
    /// Whether HTTP/2 is spoken with `https` servers that offer it (by ALPN, RFC 7301). Never without TLS.
    pub enable_http2: bool,
    /// Whether [`Client::get`](crate::Client::get) follows redirects; a POST never does. Authentication and `headers`
    /// are never sent to another origin than the first.
    pub follow_redirects: bool,
    /// How long each step to a connection may take: the attempts to connect, TLS, a proxy's leave to pass; and resolving
    /// the name with them no longer than twice that. A host that swallows packets must not use up the time that an
    /// address of the same name which does answer would need.
    pub connect_timeout: Duration,
    /// How long a connection without a request is kept.
    pub idle_timeout: Duration,
}

impl Settings {
    /// For a client that only gets: longer than the usual scrape intervals, so that each scrape finds a connection. Should
    /// the server have closed it just then, a GET is simply tried again.
    pub const IDLE_GETTING: Duration = Duration::from_mins(5);
    /// For a client that posts: shorter than servers and what stands before them keep one (an AWS load balancer 60 s,
    /// nginx 75 s), so that it is we who close it: a POST that meets a connection just closed cannot tell whether it was
    /// taken, and is sent twice or not at all.
    pub const IDLE_POSTING: Duration = Duration::from_secs(50);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: None,
            headers: Vec::new(),
            tls: TlsSettings::default(),
            proxy: ProxySettings::default(),
            enable_http2: true,
            follow_redirects: true,
            // Two lost SYNs (1 s + 2 s) and some; below the shortest usual scrape timeout of 10 s.
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Self::IDLE_POSTING,
        }
    }
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// HTTP basic authentication (RFC 7617).
    Basic {
        /// The user's name, sent in the clear of the encoding.
        username: Credential,
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
    /// A token that a token endpoint gives for a client's credentials (RFC 6749 section 4.4).
    OAuth2(Box<OAuth2Settings>),
    /// AWS Signature Version 4 over each request.
    SigV4(Box<SigV4Settings>),
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The configuration itself.
    Value(Secret),
    /// A file, read again when it changes; white space around its content does not count.
    File(PathBuf),
}

/// The client credentials grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2Settings {
    /// Who asks.
    pub client_id: String,
    /// The client's secret. A new one asks for a new token.
    pub client_secret: Credential,
    /// Where to ask.
    pub token_url: Uri,
    /// What for; may be empty.
    pub scopes: Vec<String>,
    /// Further parameters of the request for a token.
    pub endpoint_params: Vec<(String, Secret)>,
    /// How to speak TLS with the token endpoint: independent of the client's own.
    pub tls: TlsSettings,
    /// By which proxy to reach the token endpoint: independent of the client's own.
    pub proxy: ProxySettings,
}

/// Signing for AWS. What is not set comes from where AWS' own tools look: `AWS_ACCESS_KEY_ID` with
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, then the shared credentials file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4Settings {
    /// The region; otherwise `AWS_REGION`, `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// The service that is signed for: `aps` for Amazon's Prometheus.
    pub service: String,
    /// The access key's id and its secret.
    pub keys: Option<(String, Secret)>,
    /// A profile of the shared credentials file.
    pub profile: Option<String>,
    /// A role to take on by the security token service, whose temporary keys are then used.
    pub role_arn: Option<String>,
}

/// By which proxy requests go, as Prometheus' `proxy_url`, `no_proxy` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProxySettings {
    /// The proxy: `http://` or `https://`, perhaps with a user and a password.
    pub url: Option<Secret>,
    /// What is reached without it, separated by commas: hosts, domains, addresses, networks, each perhaps with a port.
    /// With this set, loopback is never reached by a proxy.
    pub no_proxy: String,
    /// Take `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment instead.
    pub from_environment: bool,
    /// Headers for the proxy itself, sent with CONNECT.
    pub connect_headers: Vec<(String, Secret)>,
}

/// How to speak TLS.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// A PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The same, inline. With both, both are trusted.
    pub ca: Option<String>,
    /// A PEM file with the certificate to show, its chain behind it. Needs a key.
    pub cert_file: Option<PathBuf>,
    /// The same, inline.
    pub cert: Option<String>,
    /// A PEM file with that certificate's private key. Needs a certificate.
    pub key_file: Option<PathBuf>,
    /// The same, inline.
    pub key: Option<Secret>,
    /// The name to ask for and to verify, instead of the URL's host.
    pub server_name: Option<String>,
    /// Accept any certificate. Then anybody on the path can read and change what is sent.
    pub insecure_skip_verify: bool,
    /// The oldest version to accept; TLS 1.2 by default.
    pub min_version: TlsVersion,
    /// The newest version to accept; any by default.
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}
