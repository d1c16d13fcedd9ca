//! JSON: one walk over an object, which reads its values in place. Nested keys are joined by `_`; a list, and an object that is wanted
//! itself, is its JSON text; null is no value.

use crate::found::{Found, Piece, Want, Wanted, is_name, write_name};

/// How deep objects are taken apart; one that lies deeper is its text. Keys of more parts name nothing that anybody looks for.
const MAX_NESTED: usize = 16;
/// How deep values may lie at all, for the stack's sake.
const MAX_DEPTH: usize = 128;

/// Reads a line that is one object; says whether it is.
pub(crate) fn read(line: &str, wanted: &Wanted, path: &mut String, found: &mut Found) -> bool {
    path.clear();
    let mut reader = Reader { line, at: 0, wanted, found };
    reader.blank();
    reader.take(b'{').is_some() && reader.object(path, 1).is_some() && {
        reader.blank();
        reader.at == line.len()
    }
}

struct Reader<'l, 'f> {
    line: &'l str,
    at: usize,
    wanted: &'f Wanted,
    found: &'f mut Found,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
struct Quoted<'l> {
    raw: &'l str,
    start: usize,
    escaped: bool,
}

impl<'l> Reader<'l, '_> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// An object behind its brace. `path` has the keys above it, and has them again behind this.
    fn object(&mut self, path: &mut String, depth: usize) -> Option<()> {
        self.blank();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.blank();
            let key = self.quoted()?;
            self.blank();
            self.take(b':')?;
            self.blank();
            self.member(key, path, depth)?;
            self.blank();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn member(&mut self, key: Quoted<'l>, path: &mut String, depth: usize) -> Option<()> {
        let is_object = self.peek()? == b'{';
        if path.is_empty() && !is_object && !key.escaped && is_name(key.raw) {
            // the key as it stands
            let name = Piece::Line(key.start..key.start + key.raw.len());
            return self.value(key.raw, |_| name, depth);
        }
        let above = path.len();
        if above > 0 || key.raw.as_bytes().first().is_none_or(u8::is_ascii_digit) {
            path.push('_');
        }
        if key.escaped {
            let mut plain = String::new();
            unescape(key.raw, &mut plain)?;
            write_name(&plain, path);
        } else {
            write_name(key.raw, path);
        }
        let done = if is_object {
            self.nested(path, depth)
        } else {
            let name: &str = path;
            self.value(name, |found| found.write(|own| own.push_str(name)), depth)
        };
        path.truncate(above);
        done
    }

    /// An object as a value.
    fn nested(&mut self, path: &mut String, depth: usize) -> Option<()> {
        let start = self.at;
        if depth < MAX_NESTED && self.wanted.reaches(path) {
            self.at += 1;
            self.object(path, depth + 1)?;
        } else {
            self.skip(depth)?;
        }
        let itself = self.wanted.wants(path).filter(|want| *want != Want::Other || depth >= MAX_NESTED);
        if let Some(want) = itself {
            let name: &str = path;
            self.found.add(want, |found| found.write(|own| own.push_str(name)), Piece::Line(start..self.at));
        }
        Some(())
    }

    /// A value that is no object.
    fn value(&mut self, key: &str, name: impl FnOnce(&mut Found) -> Piece, depth: usize) -> Option<()> {
        let Some(want) = self.wanted.wants(key) else { return self.skip(depth) };
        let start = self.at;
        let piece = match self.peek()? {
            b'"' => {
                let text = self.quoted()?;
                if text.escaped {
                    let mut whole = Some(());
                    let piece = self.found.write(|own| whole = unescape(text.raw, own));
                    whole?;
                    piece
                } else {
                    Piece::Line(text.start..text.start + text.raw.len())
                }
            }
            b'n' => return self.skip(depth),
            _ => {
                self.skip(depth)?;
                Piece::Line(start..self.at)
            }
        };
        self.found.add(want, name, piece);
        Some(())
    }

    /// A string, quotes and all. Control characters in it are taken as they are, where RFC 8259 wants them escaped.
    fn quoted(&mut self) -> Option<Quoted<'l>> {
        self.take(b'"')?;
        let start = self.at;
        let mut escaped = false;
        let bytes = self.line.as_bytes();
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += match bytes.get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return None,
                    };
                }
                _ => self.at += 1,
            }
        }
        let raw = self.line.get(start..self.at)?;
        self.at += 1;
        Some(Quoted { raw, start, escaped })
    }

    /// Passes over any value.
    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.quoted().map(|_| ()),
            b'{' => self.skip_all(b'}', depth),
            b'[' => self.skip_all(b']', depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn skip_all(&mut self, end: u8, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.at += 1;
        self.blank();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            self.blank();
            if end == b'}' {
                self.quoted()?;
                self.blank();
                self.take(b':')?;
                self.blank();
            }
            self.skip(depth + 1)?;
            self.blank();
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.line.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// Writes a string without its escapes; half a surrogate pair becomes U+FFFD.
fn unescape(raw: &str, out: &mut String) -> Option<()> {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at)?);
        let code = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        out.push(match code {
            b'"' | b'\\' | b'/' => char::from(code),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (first, behind) = unit(rest)?;
                rest = behind;
                let second = rest.strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&first)).and_then(unit);
                match second {
                    Some((second, behind)) if (0xdc00..0xe000).contains(&second) => {
                        rest = behind;
                        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                    }
                    _ => char::from_u32(first),
                }
                .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(())
}

/// Four hexadecimal digits, and what is behind them.
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = (text.get(..4)?, text.get(4..)?);
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    hexadecimal.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(|unit| (unit, rest))
}
