//! Anchored expressions, with short cuts for the ones that need no automaton.

use std::collections::HashSet;
use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Input, util::syntax};

use crate::dialect::translate;
use crate::validate::RuleErrorKind;

/// A compiled expression may take this much memory, so that a handful of rules cannot eat a small host; it is what the
/// `regex` crate grants by default and far above any expression seen in real configurations.
const COMPILED_BYTES: usize = 10 << 20;

/// From this many words on, a set of them is looked up by hash rather than compared one by one.
const HASH_FROM: usize = 8;

/// Where the groups of a match lie; reused from match to match.
pub(crate) type Slots = Vec<Option<NonMaxUsize>>;

pub(crate) enum Matcher {
    /// `.*` or `(.*)`: everything.
    Any,
    /// `.+` or `(.+)`: everything but the empty text.
    NonEmpty,
    /// `a|b|c.*`: words, and beginnings of words.
    Words { words: Vec<Box<str>>, prefixes: Vec<Box<str>> },
    /// `a|b|c…`: many words.
    WordSet(HashSet<Box<str>>),
    /// All else.
    Regex(Box<Regex>),
}

impl Matcher {
    /// Compiles an expression and tells its groups' names; group 0, the whole match, comes first and has none.
    pub(crate) fn new(regex: &str) -> Result<(Self, Vec<Option<String>>), RuleErrorKind> {
        match regex {
            ".*" => return Ok((Self::Any, vec![None])),
            "(.*)" => return Ok((Self::Any, vec![None, None])),
            ".+" => return Ok((Self::NonEmpty, vec![None])),
            "(.+)" => return Ok((Self::NonEmpty, vec![None, None])),
            _ => {}
        }
        if let Some(words) = Self::words(regex) {
            return Ok((words, vec![None]));
        }
        let pattern = format!("^(?s:{})$", translate(regex)?);
        let config = Regex::config().nfa_size_limit(Some(COMPILED_BYTES));
        let regex = Regex::builder().configure(config).syntax(syntax::Config::new()).build(&pattern).map_err(|e| {
            match e.syntax_error() {
                Some(e) => RuleErrorKind::RegexInvalid { regex: regex.into(), at: 0, reason: first_line(e) },
                None => RuleErrorKind::RegexTooLarge,
            }
        })?;
        let groups = regex.group_info().pattern_names(regex_automata::PatternID::ZERO);
        let groups = groups.map(|name| name.map(str::to_string)).collect();
        Ok((Self::Regex(Box::new(regex)), groups))
    }

    /// The matcher for alternatives that hold no operator beyond a `.*` at their end; `None` for other expressions.
    fn words(regex: &str) -> Option<Self> {
        let (mut words, mut prefixes) = (Vec::new(), Vec::new());
        for alternative in regex.split('|') {
            let (text, is_prefix) = alternative.strip_suffix(".*").map_or((alternative, false), |t| (t, true));
            if text.contains(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$']) {
                return None;
            }
            if is_prefix { prefixes.push(text.into()) } else { words.push(text.into()) }
        }
        if prefixes.is_empty() && words.len() >= HASH_FROM {
            return Some(Self::WordSet(words.into_iter().collect()));
        }
        Some(Self::Words { words, prefixes })
    }

    /// Whether the whole text matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::NonEmpty => !text.is_empty(),
            Self::Words { words, prefixes } => {
                words.iter().any(|w| **w == *text) || prefixes.iter().any(|p| text.starts_with(&**p))
            }
            Self::WordSet(words) => words.contains(text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether the whole text matches; then `slots` tell where the groups up to `last_group` lie in it.
    pub(crate) fn find(&self, text: &str, last_group: usize, slots: &mut Slots) -> bool {
        slots.clear();
        if let Self::Regex(regex) = self {
            slots.resize(2 * (last_group + 1), None);
            return regex.search_slots(&Input::new(text), slots).is_some();
        }
        // The short cuts have at most one group, and it spans the whole text.
        for _ in 0..=last_group {
            slots.extend([NonMaxUsize::new(0), NonMaxUsize::new(text.len())]);
        }
        self.is_match(text)
    }
}

/// Where a group lies, after [`Matcher::find`]; `None` for one that took no part in the match.
pub(crate) fn group(slots: &Slots, group: usize) -> Option<Range<usize>> {
    match slots.get(2 * group..2 * group + 2)? {
        [Some(start), Some(end)] => Some(start.get()..end.get()),
        _ => None,
    }
}

fn first_line(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    // The parser's message ends with "error: <what>", below a drawing of the expression.
    text.lines().rev().find_map(|l| l.strip_prefix("error: ")).unwrap_or("not a valid expression").to_string()
}
