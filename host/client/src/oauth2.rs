//! Tokens for a client's credentials (RFC 6749 section 4.4), as Prometheus gets them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use tokio::time::Instant;

use crate::address::host_of;
use crate::authorization::{basic_header, sensitive};
use crate::lease::{Given, Lease};
use crate::settings::{OAuth2Settings, Settings};
use crate::watched::Watched;
use crate::{BuildError, Client, RequestError, Secret};

/// How long the endpoint may take for an answer; a request that waits for it goes by its own deadline.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tokens take a few kilobytes; more is something else.
const ANSWER_BYTES: usize = 64 * 1024;
/// As much of an answer that is no token as goes into an error.
const WORDS: usize = 256;

/// Where tokens come from.
#[derive(Debug)]
pub(crate) struct Tokens {
    secret: Watched<String>,
    lease: Lease<String, HeaderValue>,
}

#[derive(Debug)]
struct Endpoint {
    client: Client,
    uri: Uri,
    id: String,
    scopes: String,
    params: Vec<(String, Secret)>,
    /// Whether the secret goes into the body; found out at the first token, for endpoints want it in a header or in the
    /// body and do not say which.
    in_body: OnceLock<bool>,
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Token {
    #[serde(rename = "access_token")]
    text: String,
    #[serde(rename = "token_type", default)]
    scheme: Option<String>,
    #[serde(default)]
    expires_in: Option<Seconds>,
}

/// Some endpoints write the number as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Tokens {
    pub(crate) fn new(settings: &OAuth2Settings, connect_timeout: Duration) -> Result<Self, BuildError> {
        let secret = Watched::secret(&settings.client_secret, "oauth2.client_secret", "oauth2.client_secret_file")?;
        let wrong = |key, problem: &str| BuildError::Value { key, problem: problem.into() };
        if settings.client_id.is_empty() {
            return Err(wrong("oauth2.client_id", "is empty"));
        }
        if !matches!(settings.token_url.scheme_str(), Some("http" | "https")) {
            return Err(wrong("oauth2.token_url", "is neither http nor https"));
        }
        let client = Client::new(&Settings {
            tls: settings.tls.clone(),
            proxy: settings.proxy.clone(),
            connect_timeout,
            ..Settings::default()
        })?;
        let endpoint = Arc::new(Endpoint {
            client,
            uri: settings.token_url.clone(),
            id: settings.client_id.clone(),
            scopes: settings.scopes.join(" "),
            params: settings.endpoint_params.clone(),
            in_body: OnceLock::new(),
        });
        let lease = Lease::new(move |secret: String| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.fetch(&secret).await }
        });
        Ok(Self { secret, lease })
    }

    /// The `Authorization` header to send now, and the token's number.
    pub(crate) async fn token(&self) -> Result<(HeaderValue, u64), RequestError> {
        let (secret, version) = self.secret.versioned().await;
        self.lease.get(secret, version).await
    }

    /// Says that a token was refused; whether another one may be asked for now.
    pub(crate) fn refused(&self, which: u64) -> bool {
        self.lease.refused(which)
    }
}

impl Endpoint {
    async fn fetch(&self, secret: &str) -> Result<Given<HeaderValue>, RequestError> {
        let known = self.in_body.get().copied();
        let mut in_body = known.unwrap_or(false);
        let (mut status, mut text) = self.ask(secret, in_body).await?;
        if known.is_none() && matches!(status.as_u16(), 400 | 401 | 403) {
            in_body = true;
            (status, text) = self.ask(secret, in_body).await?;
        }
        if !status.is_success() {
            return Err(self.failure(secret, &format!("{status}: {}", words(&self.scrubbed(secret, &text)))));
        }
        let _ = self.in_body.set(in_body);
        let token: Token = serde_json::from_str(&text)
            .map_err(|_| self.failure(secret, "its answer is not the JSON of a token (RFC 6749 section 5.1)"))?;
        if token.text.is_empty() {
            return Err(self.failure(secret, "its answer holds no access_token"));
        }
        let scheme = match token.scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => "Bearer".into(),
            Some(scheme) if !scheme.is_empty() => scheme,
            _ => "Bearer".into(),
        };
        let value = sensitive(&format!("{scheme} {}", token.text))
            .map_err(|_| self.failure(secret, "its token holds a control character or a line break"))?;
        Ok(Given { value, lasts: token.expires_in.and_then(Seconds::duration) })
    }

    async fn ask(&self, secret: &str, in_body: bool) -> Result<(StatusCode, String), RequestError> {
        let (headers, form) = self.question(secret, in_body)?;
        let deadline = Instant::now() + TIMEOUT;
        // boxed: a client asks with a client
        let asking = Box::pin(self.client.post(&self.uri, headers, form.into(), deadline));
        let response = asking.await.map_err(|e| self.failure(secret, &e.to_string()))?;
        let status = response.status;
        Ok((status, response.text_limited(ANSWER_BYTES).await))
    }

    fn question(&self, secret: &str, in_body: bool) -> Result<(HeaderMap, String), RequestError> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes);
        }
        for (name, value) in &self.params {
            form.append_pair(name, value.expose());
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if in_body {
            form.append_pair("client_id", &self.id).append_pair("client_secret", secret);
        } else {
            headers.insert(header::AUTHORIZATION, self.basic(secret).map_err(|e| self.failure(secret, e))?);
        }
        Ok((headers, form.finish()))
    }

    /// User and password encoded as in a form (RFC 6749 section 2.3.1).
    fn basic(&self, secret: &str) -> Result<HeaderValue, &'static str> {
        basic_header(&encoded(&self.id), &encoded(secret))
    }

    fn failure(&self, secret: &str, reason: &str) -> RequestError {
        let reason = self.scrubbed(secret, reason);
        RequestError::Token { endpoint: host_of(&self.uri).to_string(), reason }
    }

    /// An endpoint may repeat what it was told, in any of the forms in which it was told.
    fn scrubbed(&self, secret: &str, text: &str) -> String {
        let basic = self.basic(secret).ok();
        let basic = basic.iter().filter_map(|value| value.to_str().ok()?.split(' ').nth(1));
        let params = self.params.iter().map(|(_, value)| value.expose());
        let told = basic.chain([secret]).chain(params).filter(|told| !told.is_empty());
        told.fold(text.to_owned(), |text, told| text.replace(told, "<secret>").replace(&encoded(told), "<secret>"))
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Seconds {
    /// `None` for what Prometheus takes for a token that does not expire.
    fn duration(self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten().filter(|d| d.as_secs() < LONGEST)
    }
}

/// Beyond that a token may as well last for good; and no clock overflows.
const LONGEST: u64 = 10 * 365 * 86_400;

/// The words of an error (RFC 6749 section 5.2), or the beginning of what came instead.
fn words(text: &str) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        error_description: Option<String>,
    }
    let text = match serde_json::from_str::<Refusal>(text) {
        Ok(Refusal { error, error_description: Some(more) }) => format!("{error}: {more}"),
        Ok(Refusal { error, error_description: None }) => error,
        Err(_) => text.to_owned(),
    };
    text.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
