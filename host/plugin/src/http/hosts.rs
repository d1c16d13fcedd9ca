//! Which hosts a plugin may ask.

use std::net::Ipv6Addr;

use http::Uri;
use http::uri::{Authority, Scheme};

use super::HttpRefusal;

/// The longest URL: what servers take, and not a body by another name.
const MAX_URL: usize = 8 << 10;

/// The hosts of a grant.
///
/// An entry is the name or address that a URL has to say, letter case aside: names are not resolved to be compared, and an address is
/// granted only as itself. Whatever other way of writing an address the resolver might take (`127.1`, `0x7f000001`, an IPv4 address
/// within an IPv6 one) is another host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<Host>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    /// `None`: those of `http` and `https`.
    port: Option<u16>,
}

impl Hosts {
    /// Reads the entries: `host` or `host:port`. An error says what is wrong with which.
    pub(crate) fn new(entries: &[String]) -> Result<Self, String> {
        if entries.is_empty() {
            return Err("it lists no host: write hosts = [\"api.example.com\"]".to_owned());
        }
        let wrong =
            |entry: &String| format!("{entry:?} is no host: write `host` or `host:port`, as \"api.example.com:8443\"");
        entries.iter().map(|entry| Host::parse(entry).ok_or_else(|| wrong(entry))).collect::<Result<_, _>>().map(Self)
    }

    /// The URL of a request, where it leads to one of these.
    pub(crate) fn check(&self, url: &str) -> Result<Uri, HttpRefusal> {
        let malformed = |why: &str| HttpRefusal::Malformed(format!("the URL {why}"));
        if url.len() > MAX_URL {
            return Err(malformed(&format!("is longer than {MAX_URL} bytes")));
        }
        let uri: Uri = url.parse().map_err(|_| malformed("is none"))?;
        let default = match uri.scheme() {
            Some(s) if *s == Scheme::HTTP => 80,
            Some(s) if *s == Scheme::HTTPS => 443,
            _ => return Err(malformed("begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| malformed("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(malformed("has user information: use a header"));
        }
        let Host { name, port } = Host::of(authority).ok_or_else(|| malformed("has no valid host"))?;
        let port = port.unwrap_or(default);
        let granted = |h: &Host| h.name == name && h.port.map_or(port == 80 || port == 443, |p| p == port);
        if self.0.iter().any(granted) { Ok(uri) } else { Err(HttpRefusal::NotGranted(format!("{name}:{port}"))) }
    }
}

impl Host {
    fn parse(entry: &str) -> Option<Self> {
        Self::of(&entry.parse().ok()?)
    }

    fn of(authority: &Authority) -> Option<Self> {
        let written = authority.host();
        // Without a port the whole is the host: `host:` and `user@host` are not.
        if authority.port().is_none() && authority.as_str() != written {
            return None;
        }
        let port =
            authority.port().map(|p| p.as_str().parse().ok()).map_or(Some(None), |p: Option<u16>| p.map(Some))?;
        if authority.as_str().contains('@') || port == Some(0) {
            return None;
        }
        let name = match written.strip_prefix('[') {
            Some(rest) => format!("[{}]", rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
            None => written.to_ascii_lowercase(),
        };
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_name = !name.is_empty() && name.bytes().all(legal);
        (name.starts_with('[') || is_name).then_some(Self { name, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Result<Hosts, String> {
        Hosts::new(&entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn entries() {
        assert!(hosts(&["api.example.com", "API:8080", "10.0.0.1:9090", "[::1]:80", "a_b-c.d"]).is_ok());
        for bad in [
            "",
            "http://a",
            "a/b",
            "a:",
            "a:0",
            "a:70000",
            "u@a",
            "u:p@a:80",
            "*.example.com",
            "a b",
            "::1",
            "[::1",
            "[x]",
            "é",
        ] {
            assert!(hosts(&[bad]).unwrap_err().contains("is no host"), "{bad:?}");
        }
        assert!(hosts(&[]).unwrap_err().contains("lists no host"));
    }

    #[test]
    fn a_url_leads_to_a_listed_host_or_nowhere() {
        let h = hosts(&["Api.example.com", "other:8080", "10.0.0.1", "127.0.0.1:9090", "[0:0::1]:81"]).unwrap();
        for ok in [
            "http://api.example.com",
            "https://API.EXAMPLE.COM/x?y=z#f",
            "http://api.example.com:443/",
            "http://other:8080/",
            "http://10.0.0.1/",
            "http://127.0.0.1:9090/x",
            "http://[::1]:81/",
        ] {
            assert!(h.check(ok).is_ok(), "{ok}");
        }
        for (not_granted, says) in [
            ("http://api.example.com:8080/", "api.example.com:8080"),
            ("http://api.example.com./", "api.example.com.:80"),
            ("http://example.com/", "example.com:80"),
            ("http://x.api.example.com/", "x.api.example.com:80"),
            ("http://other/", "other:80"),
            ("https://other/", "other:443"),
            ("http://127.1:9090/", "127.1:9090"),
            ("http://0x7f000001:9090/", "0x7f000001:9090"),
            ("http://2130706433:9090/", "2130706433:9090"),
            ("http://localhost:9090/", "localhost:9090"),
            ("http://[::ffff:127.0.0.1]:9090/", "[::ffff:127.0.0.1]:9090"),
            ("http://[::ffff:10.0.0.1]/", "[::ffff:10.0.0.1]:80"),
        ] {
            assert_eq!(h.check(not_granted), Err(HttpRefusal::NotGranted(says.to_owned())), "{not_granted}");
        }
        for malformed in [
            "",
            "/x",
            "api.example.com",
            "api.example.com/x",
            "ftp://api.example.com/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://u@api.example.com/",
            "http://api.example.com@evil.example/",
            "http://evil.example\\@api.example.com/",
            "http://api.example.com:/",
            "http://api.example.com:99999/",
            "http://api.example.com /",
            "http://api.example.com/\r\nHost: evil",
            "http://api%2eexample.com/",
            "http://é.example/",
        ] {
            assert!(
                matches!(h.check(malformed), Err(HttpRefusal::Malformed(_))),
                "{malformed:?}: {:?}",
                h.check(malformed)
            );
        }
        let long = format!("http://other:8080/{}", "x".repeat(MAX_URL));
        assert!(matches!(h.check(&long), Err(HttpRefusal::Malformed(_))));
    }
}
