//! `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`, with Prometheus' rules.

use http::{HeaderName, Uri};

use super::{exclude, header_value};
use crate::check::Check;
use crate::section::Section;
use crate::setting::{At, Setting};
use crate::settings::{ProxySettings, Secret};
use crate::source::Place;

pub(super) fn read(section: &mut Section<'_>, check: &mut Check<'_>) -> ProxySettings {
    let url: Option<At<Secret>> = section.get("proxy_url", check);
    // empty is none, as in Prometheus
    let url = url.filter(|url| !url.value.expose().is_empty());
    if let Some(url) = &url {
        proxy_url(url, check);
    }
    let from_environment = section.or("proxy_from_environment", false, check);
    if from_environment {
        exclude(section, "proxy_url", "proxy_from_environment", check);
        exclude(section, "no_proxy", "proxy_from_environment", check);
    }
    let none = url.is_none() && !from_environment;
    for key in ["no_proxy", "proxy_connect_header"] {
        if section.has(key) && none && !section.has("proxy_url") {
            let help = "add `proxy_url`, or remove it";
            check.error(section.key_place(key), format!("`{key}` needs a proxy"), "", help);
        }
    }
    ProxySettings {
        url: url.map(|url| url.value),
        no_proxy: section.or("no_proxy", String::new(), check),
        from_environment,
        connect_headers: connect_headers(section, check),
    }
}

fn proxy_url(url: &At<Secret>, check: &mut Check<'_>) {
    let text = url.value.expose();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let wrong = match text.parse::<Uri>() {
        Err(_) => "not a URL",
        Ok(uri) if !matches!(uri.scheme_str(), Some("http" | "https")) => "not http or https",
        Ok(uri) if uri.host().unwrap_or_default().is_empty() => "no host",
        Ok(_) => return,
    };
    let help = "write it as http://proxy.example:3128; weir knows http and https proxies";
    check.error(url.place, "this is not a proxy that weir can use", wrong, help);
}

fn connect_headers(section: &mut Section<'_>, check: &mut Check<'_>) -> Vec<(String, Vec<Secret>)> {
    let rule = |name: &str, place: Place, check: &mut Check<'_>| {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            check.error(place, format!("`{name}` is not a header name"), "", "use letters, digits and `-`");
        }
    };
    let mut headers = Vec::new();
    for (name, place, node) in section.named("proxy_connect_header", check) {
        rule(name, place, check);
        if let Some(values) = Vec::<At<Secret>>::read(node, check) {
            for value in &values {
                header_value(value.value.expose(), value.place, check);
            }
            headers.push((name.to_owned(), values.into_iter().map(|at| at.value).collect()));
        }
    }
    headers
}
