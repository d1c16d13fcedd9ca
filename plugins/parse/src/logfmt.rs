//! logfmt: `key=value key="a \"quoted\" value" word`. A word without a value is passed over.

use crate::found::{Found, Piece, Wanted, is_name, name_of};

/// Reads a line that has at least one pair and no open quote; says whether it does.
pub(crate) fn read(line: &str, wanted: &Wanted, found: &mut Found) -> bool {
    read_pairs(line, wanted, found).is_some_and(|pairs| pairs > 0)
}

fn read_pairs(line: &str, wanted: &Wanted, found: &mut Found) -> Option<usize> {
    let bytes = line.as_bytes();
    let (mut at, mut pairs) = (0, 0);
    loop {
        at += bytes.get(at..)?.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if at == bytes.len() {
            return Some(pairs);
        }
        let start = at;
        at += bytes.get(at..)?.iter().take_while(|b| !b.is_ascii_whitespace() && **b != b'=').count();
        let key = line.get(start..at)?;
        if bytes.get(at) != Some(&b'=') {
            continue;
        }
        if key.is_empty() {
            return None;
        }
        at += 1;
        pairs += 1;
        let value = if bytes.get(at) == Some(&b'"') {
            quoted(line, &mut at, found)?
        } else {
            let start = at;
            at += bytes.get(at..)?.iter().take_while(|b| !b.is_ascii_whitespace()).count();
            Piece::Line(start..at)
        };
        let plain = is_name(key);
        let name = if plain { None } else { Some(name_of(key)) };
        if let Some(want) = wanted.wants(name.as_deref().unwrap_or(key)) {
            let own = |found: &mut Found| match &name {
                None => Piece::Line(start..start + key.len()),
                Some(name) => found.write(|own| own.push_str(name)),
            };
            found.add(want, own, value);
        }
    }
}

/// A value in quotes, from its first; `at` goes behind its last.
fn quoted(line: &str, at: &mut usize, found: &mut Found) -> Option<Piece> {
    let start = *at + 1;
    let (mut end, mut escaped) = (start, false);
    loop {
        match line.as_bytes().get(end)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                end += 2;
            }
            _ => end += 1,
        }
    }
    *at = end + 1;
    let raw = line.get(start..end)?;
    if !escaped {
        return Some(Piece::Line(start..end));
    }
    Some(found.write(|own| {
        let mut chars = raw.chars();
        while let Some(c) = chars.next() {
            own.extend(if c == '\\' {
                chars.next().map(|escaped| match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                })
            } else {
                Some(c)
            });
        }
    }))
}
