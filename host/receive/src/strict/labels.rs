//! Names and label sets.

use crate::strict::Broken;

/// Whether a name is one by the data model that all versions share; colons stand in metric names only.
pub(super) fn is_name(name: &str, colons: bool) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// The labels of a stream from their text, `{a="b", c="d"}`.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Broken> {
    let wrong = |what: &str| Broken::new("labels_text", format!("{text}: {what}"));
    let inside = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(|| wrong("no braces"))?;
    let mut rest = inside.trim();
    let mut labels = vec![];
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or_else(|| wrong("a name without a value"))?;
        let value = value.trim_start().strip_prefix('"').ok_or_else(|| wrong("a value without a quote"))?;
        let (value, end) = unquote(value).ok_or_else(|| wrong("a value that does not end, or a bad escape"))?;
        if !is_name(name.trim(), false) {
            return Err(wrong("a name that is none"));
        }
        labels.push((name.trim().to_owned(), value));
        rest = end.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if rest.is_empty() => {}
            None => return Err(wrong("no comma between labels")),
        }
    }
    Ok(labels)
}

/// The value up to its closing quote, by Go's rules (`strconv.Unquote`), and what comes behind.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    loop {
        let (at, c) = chars.next()?;
        match c {
            '"' => return Some((String::from_utf8(bytes).ok()?, &text[at + 1..])),
            '\n' => return None,
            '\\' => match chars.next()?.1 {
                'x' => bytes.push(hex(&mut chars, 2)? as u8),
                'u' => push(&mut bytes, char::from_u32(hex(&mut chars, 4)?)?),
                'U' => push(&mut bytes, char::from_u32(hex(&mut chars, 8)?)?),
                c @ ('\\' | '"') => push(&mut bytes, c),
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'r' => bytes.push(b'\r'),
                'a' => bytes.push(7),
                'b' => bytes.push(8),
                'f' => bytes.push(12),
                'v' => bytes.push(11),
                _ => return None,
            },
            c => push(&mut bytes, c),
        }
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn hex(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |n, _| Some(n * 16 + chars.next()?.1.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_go_does() {
        let labels = parse(r#"{a="b", c="d\"\\\n\u00e9\xc3\xa9,}",e=""}"#).unwrap();
        let want = [("a", "b"), ("c", "d\"\\\n\u{e9}\u{e9},}"), ("e", "")];
        assert_eq!(labels, want.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(parse("{}").unwrap(), []);
        for bad in ["", "a", r#"{a="b}"#, "{a=b}", r#"{a="b" c="d"}"#, r#"{a="\q"}"#, r#"{1a="b"}"#, r#"{a="\xff"}"#] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
