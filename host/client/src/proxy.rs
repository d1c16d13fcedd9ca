//! Which proxy leads to a URL: the rules of Go's `httpproxy`, and so of Prometheus.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::BuildError;
use crate::address::{port_of, without_user_info};
use crate::authorization::sensitive;
use crate::settings::ProxySettings;

/// The proxies to http and https URLs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    /// Without exceptions not even loopback is one.
    exceptions: Option<Exceptions>,
    connect_headers: HeaderMap,
}

/// One proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens; scheme and host only.
    pub(crate) uri: Uri,
    /// What its URL said before the `@`.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxies {
    /// Reads the settings, and the environment where they say so.
    pub(crate) fn new(
        settings: &ProxySettings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        let mut connect_headers = HeaderMap::new();
        for (name, value) in &settings.connect_headers {
            let value = sensitive(value.expose()).map_err(|_| wrong("proxy_connect_header", "cannot be sent"))?;
            let name: HeaderName = name
                .parse()
                .map_err(|_| wrong("proxy_connect_header", &format!("{name:?} is not the name of a header")))?;
            connect_headers.append(name, value);
        }
        if settings.from_environment {
            let either = |upper: &str, lower: &str| {
                environment(upper).filter(|v| !v.is_empty()).or_else(|| environment(lower)).filter(|v| !v.is_empty())
            };
            let proxy = |upper: &str, lower: &str| -> Result<_, BuildError> {
                either(upper, lower).map(|url| parse(&url, "proxy_from_environment")).transpose()
            };
            return Ok(Self {
                http: proxy("HTTP_PROXY", "http_proxy")?,
                https: proxy("HTTPS_PROXY", "https_proxy")?,
                exceptions: Some(Exceptions::parse(&either("NO_PROXY", "no_proxy").unwrap_or_default())),
                connect_headers,
            });
        }
        let Some(url) = &settings.url else { return Ok(Self::default()) };
        let proxy = parse(url.expose(), "proxy_url")?;
        let exceptions = (!settings.no_proxy.is_empty()).then(|| Exceptions::parse(&settings.no_proxy));
        Ok(Self { http: Some(proxy.clone()), https: Some(proxy), exceptions, connect_headers })
    }

    /// The proxy that leads to a URL.
    pub(crate) fn to(&self, uri: &Uri) -> Option<&Arc<Proxy>> {
        let proxy = if uri.scheme_str() == Some("https") { self.https.as_ref() } else { self.http.as_ref() }?;
        let excepted = self.exceptions.as_ref().is_some_and(|e| e.hold(uri.host().unwrap_or(""), port_of(uri)));
        (!excepted).then_some(proxy)
    }

    /// What a proxy is to be told with CONNECT.
    pub(crate) fn connect_headers(&self, proxy: &Proxy) -> HeaderMap {
        let mut headers = self.connect_headers.clone();
        if let Some(authorization) = &proxy.authorization {
            headers.insert(http::header::PROXY_AUTHORIZATION, authorization.clone());
        }
        headers
    }
}

fn wrong(key: &'static str, problem: &str) -> BuildError {
    BuildError::Value { key, problem: problem.into() }
}

/// The text may hold a password, so that no message shows it.
fn parse(url: &str, key: &'static str) -> Result<Arc<Proxy>, BuildError> {
    const SCHEMES: &str = "the proxy's URL begins neither with http:// nor https://; weir knows no other kind of proxy";
    // as curl's users write it
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let uri: Uri = url.parse().map_err(|_| wrong(key, "the proxy's URL is not one; write http://host:port"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong(key, SCHEMES));
    }
    let (uri, authorization) = without_user_info(&uri).map_err(|e| wrong(key, &e.to_string()))?;
    if uri.host().unwrap_or("").is_empty() {
        return Err(wrong(key, "the proxy's URL has no host; write http://host:port"));
    }
    Ok(Arc::new(Proxy { uri, authorization }))
}

/// What is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    /// With its dot; the flag says whether the domain itself is meant too.
    Domain(String, bool, Option<u16>),
}

impl Exceptions {
    fn parse(list: &str) -> Self {
        Self(list.split(',').filter_map(|entry| Exception::parse(&entry.trim().to_ascii_lowercase())).collect())
    }

    fn hold(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok();
        host == "localhost"
            || ip.is_some_and(|ip| ip.is_loopback())
            || self.0.iter().any(|exception| exception.holds(&host, ip, port))
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u8>())
        {
            let most = if address.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(address, bits));
        }
        if let Ok(address) = entry.parse() {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            return Some(Self::Address(address, port));
        }
        let domain = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        match domain.strip_prefix('.') {
            _ if domain.is_empty() => None,
            Some(_) => Some(Self::Domain(domain.to_owned(), false, port)),
            None => Some(Self::Domain(format!(".{domain}"), true, port)),
        }
    }

    fn holds(&self, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, bits) => ip.is_some_and(|ip| prefix(ip, *bits) == prefix(*network, *bits)),
            Self::Address(address, only) => ip == Some(*address) && only.is_none_or(|only| only == port),
            Self::Domain(domain, itself, only) => {
                let inside = host.ends_with(domain) || (*itself && domain.get(1..) == Some(host));
                inside && only.is_none_or(|only| only == port)
            }
        }
    }
}

/// The leading bits of an address, and of which kind it is.
fn prefix(ip: IpAddr, bits: u8) -> (bool, u128) {
    let (number, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    (width == 32, number.checked_shr(width - u32::from(bits).min(width)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn proxies(settings: &ProxySettings, environment: &[(&str, &str)]) -> Result<Proxies, BuildError> {
        let find = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Proxies::new(settings, &find)
    }

    fn way(proxies: &Proxies, url: &str) -> String {
        proxies.to(&url.parse().unwrap()).map_or("direct".into(), |proxy| proxy.uri.to_string())
    }

    fn with(no_proxy: &str) -> Proxies {
        let settings =
            ProxySettings { url: Some("http://proxy:3128".into()), no_proxy: no_proxy.into(), ..Default::default() };
        proxies(&settings, &[]).unwrap()
    }

    #[test]
    fn exceptions_are_read_as_go_reads_them() {
        for (no_proxy, url, direct) in [
            ("", "http://localhost:9090/", false),
            ("x", "http://localhost:9090/", true),
            ("x", "https://127.0.0.2/", true),
            ("x", "http://[::1]:1/", true),
            ("*", "https://any.example/", true),
            ("foo.com", "http://foo.com/", true),
            ("foo.com", "http://bar.FOO.com/", true),
            ("foo.com", "http://barfoo.com/", false),
            (".foo.com", "http://foo.com/", false),
            (".foo.com", "http://bar.foo.com/", true),
            ("*.foo.com", "http://bar.foo.com/", true),
            ("foo.com:8080", "http://foo.com/", false),
            ("foo.com:8080", "http://foo.com:8080/", true),
            ("foo.com:443", "https://foo.com/", true),
            ("a, 10.0.0.0/8 ,b", "http://10.200.1.1/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("10.0.0.0/8", "http://ten.example/", false),
            ("0.0.0.0/0", "http://8.8.8.8/", true),
            ("0.0.0.0/0", "http://[2001:db8::1]/", false),
            ("2001:db8::/32", "http://[2001:db8::1]/", true),
            ("10.1.1.1", "http://10.1.1.1:99/", true),
            ("10.1.1.1:80", "http://10.1.1.1:99/", false),
            ("[2001:db8::1]:99", "http://[2001:db8::1]:99/", true),
            (":80,,", "http://foo.com/", false),
        ] {
            assert_eq!(way(&with(no_proxy), url) == "direct", direct, "{no_proxy:?} {url}");
        }
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let settings = ProxySettings { from_environment: true, ..Default::default() };
        let environment =
            [("HTTP_PROXY", "plain:1"), ("https_proxy", "https://u:p%40@tls:2"), ("NO_PROXY", "no.example")];
        let proxies = proxies(&settings, &environment).unwrap();
        assert_eq!(way(&proxies, "http://a/"), "http://plain:1/");
        assert_eq!(way(&proxies, "https://a/"), "https://tls:2/");
        assert_eq!(way(&proxies, "https://no.example/"), "direct");
        assert_eq!(way(&proxies, "http://localhost/"), "direct");
        let proxy = proxies.to(&"https://a/".parse().unwrap()).unwrap();
        assert_eq!(proxies.connect_headers(proxy)["proxy-authorization"], "Basic dTpwQA==");
        assert!(!format!("{proxies:?}").contains("dTpwQA"), "{proxies:?}");
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused_without_its_password() {
        for url in ["socks5://u:hush@host:1", "http://", "ftp://u:hush@x", "http://u:hush@/", "http://u:hush@ho st"] {
            let settings = ProxySettings { url: Some(Secret::from(url)), ..Default::default() };
            let error = proxies(&settings, &[]).unwrap_err();
            assert!(error.to_string().starts_with("`proxy_url`: "), "{error}");
            assert!(!format!("{error:?}{settings:?}").contains("hush"), "{error:?}");
        }
    }
}
