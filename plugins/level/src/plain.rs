//! Severities in plain text: `[ERROR]`, ` WARN `, `error:` near the beginning, and klog's `E0102`.

use crate::severity::Severity;

/// How far in a severity can begin: behind a timestamp, a host and a program. Words further on are the message's.
const REACH: usize = 100;

pub(crate) fn find(line: &[u8]) -> Option<Severity> {
    if let Some(severity) = klog(line) {
        return Some(severity);
    }
    let head = line.get(..line.len().min(REACH))?;
    let mut place = 0;
    while let Some(start) = head.get(place..)?.iter().position(u8::is_ascii_alphabetic).map(|i| place + i) {
        let length = line.get(start..)?.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let word = line.get(start..start + length)?;
        place = start + length;
        let before = start.checked_sub(1).and_then(|i| line.get(i)).copied();
        let apart = stands_out(word, before, line.get(place).copied());
        if let Some(severity) = Severity::of_word(word).filter(|_| apart) {
            return Some(severity);
        }
        if place >= head.len() {
            break;
        }
    }
    None
}

/// Whether a word is set apart from a sentence: in capitals, in brackets, or first in the line and before a colon.
fn stands_out(word: &[u8], before: Option<u8>, after: Option<u8>) -> bool {
    let capitals = word.iter().all(u8::is_ascii_uppercase);
    let bounded = before.is_none_or(|b| b" \t[(<|:".contains(&b)) && after.is_none_or(|b| b" \t])>|:,".contains(&b));
    let bracketed = before.is_some_and(|b| b"[(<:".contains(&b)) && after.is_some_and(|b| b"])>".contains(&b));
    bounded && (capitals || bracketed || (before.is_none() && after == Some(b':')))
}

/// The header of klog and glog: a letter and the month and day.
fn klog(line: &[u8]) -> Option<Severity> {
    let (first, rest) = line.split_first()?;
    let (date, rest) = rest.split_first_chunk::<4>()?;
    if !date.iter().all(u8::is_ascii_digit) || rest.first() != Some(&b' ') {
        return None;
    }
    match first {
        b'I' => Some(Severity::Info),
        b'W' => Some(Severity::Warn),
        b'E' => Some(Severity::Error),
        b'F' => Some(Severity::Fatal),
        _ => None,
    }
}
