//! What of a request is the guest's to say.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use super::{HttpRefusal, Request};

/// Headers of a request, and their bytes in all: what servers take.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 << 10;

/// What belongs to the connection, or to the proxies on the way.
const NOT_THE_GUESTS: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
];

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The method of a request; anything else than these is refused, CONNECT above all.
pub(super) fn method(request: &Request) -> Result<Method, HttpRefusal> {
    let known = METHODS.into_iter().find(|m| m.as_str() == request.method);
    known.ok_or_else(|| {
        HttpRefusal::Malformed(format!(
            "{:?} is none of GET, HEAD, POST, PUT, PATCH and DELETE",
            short(&request.method)
        ))
    })
}

/// The headers of a request.
pub(super) fn headers(request: &Request) -> Result<HeaderMap, HttpRefusal> {
    let bytes: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if request.headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(HttpRefusal::TooLarge(format!(
            "the request has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them"
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let wrong = |what: &str| HttpRefusal::Malformed(format!("the header {:?} {what}", short(name)));
        let name: HeaderName = name.parse().map_err(|_| wrong("has a name that HTTP does not allow"))?;
        if NOT_THE_GUESTS.contains(&name) || matches!(name.as_str(), "keep-alive" | "proxy-connection") {
            return Err(wrong("is weir's to set"));
        }
        let value = HeaderValue::from_str(value).map_err(|_| wrong("has a value that HTTP does not allow"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A text of the guest's within a message.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Request { headers, ..Request::default() }
    }

    #[test]
    fn methods() {
        let of = |m: &str| method(&Request { method: m.to_owned(), ..Request::default() });
        assert_eq!(of("PATCH").unwrap(), Method::PATCH);
        for bad in ["", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n"] {
            assert!(matches!(of(bad), Err(HttpRefusal::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn headers_are_the_guests_but_for_the_connections() {
        let h = headers(&with(&[("Accept", "a"), ("accept", "b"), ("X-Token", "t")])).unwrap();
        assert_eq!((h.get_all("accept").iter().count(), h["x-token"].to_str().unwrap()), (2, "t"));
        for (name, value) in [
            ("Host", "evil"),
            ("content-length", "1"),
            ("Keep-Alive", "1"),
            ("a b", "x"),
            ("", "x"),
            ("x", "a\r\nb: c"),
            ("x", "\0"),
        ] {
            assert!(matches!(headers(&with(&[(name, value)])), Err(HttpRefusal::Malformed(_))), "{name}");
        }
        assert!(matches!(headers(&with(&[("x", "y"); 65])), Err(HttpRefusal::TooLarge(_))));
        assert!(matches!(headers(&with(&[("x", &"y".repeat(16 << 10))])), Err(HttpRefusal::TooLarge(_))));
    }
}
