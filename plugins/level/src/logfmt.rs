//! Severities in logfmt: `level=warn`, `lvl="error"`.

use crate::severity::Severity;
use memchr::memchr_iter;

pub(crate) fn find(line: &[u8]) -> Option<Severity> {
    memchr_iter(b'=', line).find_map(|equals| {
        let before = line.get(..equals)?;
        let key = before.iter().rev().take_while(|b| b.is_ascii_alphabetic() || **b == b'.').count();
        let key = before.get(equals - key..)?;
        if !Severity::is_key(key) {
            return None;
        }
        let value = line.get(equals + 1..)?;
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        let letters = value.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        Severity::of_word(value.get(..letters)?)
    })
}
