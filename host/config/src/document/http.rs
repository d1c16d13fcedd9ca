//! URLs, authentication, headers and TLS.

use std::net::IpAddr;
use std::path::PathBuf;

use http::{HeaderName, HeaderValue, Uri};

use crate::check::Check;
use crate::section::Section;
use crate::setting::{At, Setting, filled, word};
use crate::settings::{Auth, Credential, HttpClient, Secret, TlsSettings, TlsVersion};
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
    let basic = section.section("basic_auth", check).and_then(|auth| basic_auth(auth, check));
    let authorization = section.section("authorization", check).and_then(|auth| authorization(auth, check));
    if basic.is_some() && authorization.is_some() {
        let place = section.key_place("authorization");
        check.error(place, "`basic_auth` and `authorization` exclude each other", "", "remove one of them");
        check.also(section.key_place("basic_auth"), "the other");
    }
    let auth = basic.or(authorization);
    if auth.is_some() && url.is_some_and(Url::travels_openly) {
        let help = "use https, or reach the receiver through a local proxy that does";
        check.warn(section.key_place("url"), "credentials are sent unencrypted over http", "", help);
    }
    HttpClient {
        auth,
        headers: headers(section, check),
        tls: section.section("tls_config", check).map(|tls| tls_config(tls, check)).unwrap_or_default(),
        follow_redirects: section.or("follow_redirects", true, check),
    }
}

fn basic_auth(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let username: Option<At<String>> = section.need("username", check);
    let password = credential(&mut section, "password", "password_file", check);
    section.later(&["username_file", "username_ref", "password_ref"]).finish(check);
    Some(Auth::Basic { username: username?.value, password: password? })
}

fn authorization(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let scheme: At<String> = section.get("type", check).unwrap_or(At { value: "Bearer".into(), place: section.place });
    if scheme.value.eq_ignore_ascii_case("basic") {
        check.error(scheme.place, "basic authentication has its own key", "", "use `basic_auth`");
    } else if scheme.value.is_empty() || !scheme.value.bytes().all(|b| b.is_ascii_graphic()) {
        check.error(scheme.place, "this is not an authentication scheme", "", "write one word, such as Bearer");
    }
    let credentials = credential(&mut section, "credentials", "credentials_file", check);
    section.later(&["credentials_ref"]).finish(check);
    Some(Auth::Authorization { scheme: scheme.value, credentials: credentials? })
}

/// A secret given in place or as a file, exactly one of them.
fn credential(
    section: &mut Section<'_>,
    inline: &'static str,
    file: &'static str,
    check: &mut Check<'_>,
) -> Option<Credential> {
    let both = section.node(inline).is_some() && section.node(file).is_some();
    let neither = section.node(inline).is_none() && section.node(file).is_none();
    if both {
        let help = "remove one of them";
        check.error(section.key_place(file), format!("`{inline}` and `{file}` exclude each other"), "", help);
        check.also(section.key_place(inline), "the other");
    }
    if neither {
        let help = "with the file, the secret stays out of the configuration and can change while weir runs";
        check.error(section.place, format!("`{inline}` or `{file}` is missing"), "", help);
    }
    let value: Option<At<Secret>> = section.get(inline, check);
    if let Some(value) = &value {
        header_value(value.value.expose(), value.place, check);
    }
    let path: Option<PathBuf> = section.value(file, check);
    value.map(|at| Credential::Value(at.value)).or(path.map(Credential::File))
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

fn tls_config(mut section: Section<'_>, check: &mut Check<'_>) -> TlsSettings {
    let versions =
        [("TLS12", Some(TlsVersion::Tls12)), ("TLS13", Some(TlsVersion::Tls13)), ("TLS10", None), ("TLS11", None)];
    let min_version = section.node("min_version").and_then(|node| {
        let version = word(node, &versions, check)?;
        if version.is_none() {
            check.error(node.place, "this version of TLS is not safe", "", "use TLS12 or TLS13");
        }
        version
    });
    let tls = TlsSettings {
        ca_file: section.value("ca_file", check),
        ca: section.value("ca", check),
        cert_file: section.value("cert_file", check),
        key_file: section.value("key_file", check),
        server_name: section.value("server_name", check),
        insecure_skip_verify: section.or("insecure_skip_verify", false, check),
        min_version: min_version.unwrap_or_default(),
    };
    if section.node("cert_file").is_some() != section.node("key_file").is_some() {
        check.error(section.place, "`cert_file` and `key_file` belong together", "", "give both or none");
    }
    if section.node("ca").is_some() && section.node("ca_file").is_some() {
        check.error(section.key_place("ca"), "`ca` and `ca_file` exclude each other", "", "remove one of them");
    }
    if tls.insecure_skip_verify {
        let help = "give the receiver's authority as `ca_file` instead";
        let place = section.key_place("insecure_skip_verify");
        check.warn(place, "certificates are not verified: anybody on the way can read and change the data", "", help);
    }
    section.later(&["cert", "key", "max_version", "ca_ref", "cert_ref", "key_ref"]).finish(check);
    tls
}
