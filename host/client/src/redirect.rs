//! Where a redirect leads (RFC 9110 section 15.4; references as in RFC 3986 section 5).

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, StatusCode, Uri, header};

/// How many redirects are followed; Go's client, and so Prometheus, gives up after as many.
pub(crate) const LIMIT: usize = 10;

/// Whether a status tells a GET to look elsewhere.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The URL that an answer of `from` points to.
pub(crate) fn target(from: &Uri, headers: &HeaderMap) -> Result<Uri, &'static str> {
    const INVALID: &str = "its Location is not a URL";
    let location = headers.get(header::LOCATION).ok_or("it has no Location")?;
    let location = location.to_str().map_err(|_| INVALID)?;
    let location = location.split('#').next().unwrap_or_default();
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = from.scheme_str().unwrap_or("http");
        return format!("{scheme}://{rest}").parse().map_err(|_| INVALID);
    }
    let scheme_end = location.find([':', '/', '?']).filter(|&i| location.as_bytes().get(i) == Some(&b':'));
    if scheme_end.is_some() {
        let uri: Uri = location.parse().map_err(|_| INVALID)?;
        let web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty());
        return if web { Ok(uri) } else { Err("it leads to something other than http or https") };
    }
    let (path, query) = match location.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (location, None),
    };
    let path = if path.is_empty() {
        from.path().to_string()
    } else if path.starts_with('/') {
        without_dots(path)
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        without_dots(&format!("{folder}/{path}"))
    };
    let path = query.map_or(path.clone(), |q| format!("{path}?{q}"));
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(path.parse::<PathAndQuery>().map_err(|_| INVALID)?);
    Uri::from_parts(parts).map_err(|_| INVALID)
}

/// Whether two URLs share scheme, host and port: only then is what authenticates to one sent to the other.
pub(crate) fn same_origin(a: &Uri, b: &Uri) -> bool {
    let same_host = match (a.host(), b.host()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    a.scheme() == b.scheme() && same_host && port(a) == port(b)
}

fn port(uri: &Uri) -> Option<u16> {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    uri.authority().map(Authority::port_u16).map(|p| p.unwrap_or(default))
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_resolved_against_where_it_came_from() {
        let from: Uri = "https://host:9100/a/b?x=1".parse().unwrap();
        for (location, expected) in [
            ("/m", "https://host:9100/m"),
            ("/m?q=http://x", "https://host:9100/m?q=http://x"),
            ("c", "https://host:9100/a/c"),
            ("../c/./d/..", "https://host:9100/c/"),
            ("?y=2", "https://host:9100/a/b?y=2"),
            ("//other/m", "https://other/m"),
            ("http://other:1/m#part", "http://other:1/m"),
        ] {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            assert_eq!(target(&from, &headers).unwrap(), expected, "{location}");
        }
        for location in ["ftp://other/m", "javascript:alert(1)", "http://", "mailto:me@x"] {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            assert!(target(&from, &headers).is_err(), "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let uri = |s: &str| s.parse::<Uri>().unwrap();
        assert!(same_origin(&uri("http://a/x"), &uri("http://A:80/y")));
        assert!(!same_origin(&uri("http://a/x"), &uri("https://a/x")));
        assert!(!same_origin(&uri("http://a/x"), &uri("http://a:81/x")));
        assert!(!same_origin(&uri("http://a/x"), &uri("http://a.b/x")));
    }
}
