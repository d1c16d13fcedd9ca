//! What scrape jobs and sinks have in common: URLs, authentication, headers, TLS, proxies.

mod auth;
mod proxy;
mod tls;

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Uri};

use crate::check::Check;
use crate::section::Section;
use crate::setting::{Setting, filled};
use crate::settings::{HttpClient, Secret};
use crate::source::Place;
use crate::tree::Node;

/// Headers that the protocols or other keys set.
const RESERVED: [&str; 13] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-prometheus-remote-write-version",
    "x-prometheus-scrape-timeout-seconds",
    "upgrade",
];

/// The URL of a sink.
pub(super) struct Url(pub(super) String);

impl Setting for Url {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let text = filled(node, check)?;
        let wrong = |check: &mut Check<'_>, label: &str, help: &str| {
            check.error(node.place, "this is not a URL that weir can send to", label, help);
            None
        };
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong(check, "not a URL", "write it as https://host.example/path");
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return wrong(check, "not http or https", "write it as https://host.example/path");
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return wrong(check, "holds credentials", "a URL is shown in logs and metrics; use `basic_auth` instead");
        }
        if uri.host().unwrap_or_default().is_empty() {
            return wrong(check, "no host", "write it as https://host.example/path");
        }
        if text.contains('#') {
            return wrong(check, "has a fragment", "remove the `#` and what follows");
        }
        Some(Self(text))
    }
}

impl Url {
    /// A name for a sink that was given none: the host, and the port where there is one.
    pub(super) fn name(&self) -> String {
        let uri = self.0.parse::<Uri>().unwrap_or_default();
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let letters = authority.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        letters.collect::<String>().trim_matches('-').to_owned()
    }

    fn travels_openly(&self) -> bool {
        let uri = self.0.parse::<Uri>().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        uri.scheme_str() == Some("http") && !local
    }
}

/// The keys that scrape jobs and sinks share.
pub(super) fn client(section: &mut Section<'_>, url: Option<&Url>, check: &mut Check<'_>) -> HttpClient {
    read(section, url, &auth::KINDS, check)
}

/// The same for a sink whose requests can be signed for AWS.
pub(super) fn signing_client(section: &mut Section<'_>, url: Option<&Url>, check: &mut Check<'_>) -> HttpClient {
    read(section, url, &auth::KINDS_WITH_SIGV4, check)
}

fn read(section: &mut Section<'_>, url: Option<&Url>, kinds: &[auth::Kind], check: &mut Check<'_>) -> HttpClient {
    let auth = auth::read(section, kinds, check);
    if auth.is_some() && url.is_some_and(Url::travels_openly) {
        let help = "use https, or reach the receiver through a local proxy that does";
        check.warn(section.key_place("url"), "credentials are sent unencrypted over http", "", help);
    }
    HttpClient {
        auth,
        headers: headers(section, check),
        tls: section.section("tls_config", check).map(|tls| tls::read(tls, check)).unwrap_or_default(),
        proxy: proxy::read(section, check),
        enable_http2: section.or("enable_http2", true, check),
        follow_redirects: section.or("follow_redirects", true, check),
    }
}

/// Reports two keys that stand side by side where only one may.
fn exclude(section: &Section<'_>, one: &str, other: &str, check: &mut Check<'_>) {
    if section.has(one) && section.has(other) {
        let message = format!("`{one}` and `{other}` exclude each other");
        check.error(section.key_place(other), message, "", "remove one of them");
        check.also(section.key_place(one), "the other");
    }
}

fn headers(section: &mut Section<'_>, check: &mut Check<'_>) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for (name, place, node) in section.named("headers", check) {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            check.error(place, format!("`{name}` is not a header name"), "", "use letters, digits and `-`");
        } else if let Some(reserved) = RESERVED.iter().find(|reserved| reserved.eq_ignore_ascii_case(name)) {
            let help = match *reserved {
                "authorization" => "use `authorization` or `basic_auth`, which keep the secret hidden",
                _ => "remove it: the protocol decides its value",
            };
            check.error(place, format!("the header `{name}` cannot be set"), "", help);
        }
        if let Some(value) = Secret::read(node, check) {
            header_value(value.expose(), node.place, check);
            headers.push((name.to_owned(), value));
        }
    }
    headers
}

/// Reports a text that HTTP cannot carry in a header.
pub(super) fn header_value(value: &str, place: Place, check: &mut Check<'_>) {
    if HeaderValue::from_str(value).is_err() {
        let help = "it holds a control character, perhaps a newline, or a character that is not ASCII";
        check.error(place, "this value cannot stand in an HTTP header", "", help);
    }
}
