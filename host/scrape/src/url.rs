//! URLs from their parts, encoded as Go's `net/url` does it.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Puts a URL together. The path is encoded, a `?` in it too; the parameters are sorted by name.
pub(crate) fn build(scheme: &str, address: &str, path: &str, params: &BTreeMap<String, Vec<String>>) -> String {
    let mut url = format!("{scheme}://{address}");
    if !path.starts_with('/') && !path.is_empty() {
        url.push('/');
    }
    encode(&mut url, path, |b| b"/$&+,:;=@-._~".contains(&b));
    let mut separator = '?';
    for (name, values) in params {
        for value in values {
            url.push(separator);
            separator = '&';
            query(&mut url, name);
            url.push('=');
            query(&mut url, value);
        }
    }
    url
}

/// Whether an address ends in a port. An address that no port can be appended to counts as having one.
pub(crate) fn has_port(address: &str) -> bool {
    match address.rsplit_once(':') {
        None => false,
        // `[::1]` has none; `::1` is ambiguous and left alone
        Some((host, _)) => !(address.starts_with('[') && address.ends_with(']')) || host.is_empty(),
    }
}

fn query(out: &mut String, text: &str) {
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push('+');
        }
        encode(out, word, |b| b"-._~".contains(&b));
    }
}

fn encode(out: &mut String, text: &str, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain(byte) {
            out.push(char::from(byte));
        } else {
            // writing to a string cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_encoded_where_it_stands() {
        let params =
            [("b".to_owned(), vec!["é&=".to_owned()]), ("a[]".to_owned(), vec!["1 2".to_owned(), String::new()])];
        assert_eq!(
            build("http", "h:1", "x/%?#y", &params.into()),
            "http://h:1/x/%25%3F%23y?a%5B%5D=1+2&a%5B%5D=&b=%C3%A9%26%3D"
        );
        assert_eq!(build("http", "h:1", "", &BTreeMap::new()), "http://h:1");
    }

    #[test]
    fn ports_are_seen() {
        for (address, has) in [("h", false), ("h:1", true), ("[::1]", false), ("[::1]:1", true), ("1.2.3.4", false)] {
            assert_eq!(has_port(address), has, "{address}");
        }
    }
}
