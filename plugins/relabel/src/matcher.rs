//! Anchored regular expressions, with the forms that need no engine recognised.

use crate::template::Group;
use regex::Regex;

/// What a rule's `regex` matches: always the whole text.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// `.*`, or the default `(.*)` with its group.
    Anything { grouped: bool },
    /// Alternatives without any operator: `a|b|c`, or `(a|b|c)` with its group; sorted.
    Literals { of: Vec<String>, grouped: bool },
    /// Everything else.
    Pattern(Regex),
}

/// One match.
pub(crate) enum Match<'t> {
    /// The text, with or without one group around it.
    Whole { text: &'t str, grouped: bool },
    /// Of the engine.
    Groups(regex::Captures<'t>),
}

impl Matcher {
    pub(crate) fn new(regex: &str) -> Result<Self, regex::Error> {
        let inner = regex.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
        let (body, grouped) = inner.map_or((regex, false), |inner| (inner, true));
        if body == ".*" {
            return Ok(Self::Anything { grouped });
        }
        if !body.contains(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$']) {
            let mut of: Vec<String> = body.split('|').map(Into::into).collect();
            of.sort_unstable();
            return Ok(Self::Literals { of, grouped });
        }
        Regex::new(&format!("^(?s:{regex})$")).map(Self::Pattern)
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Anything { .. } => true,
            Self::Literals { of, .. } => of.binary_search_by(|l| l.as_str().cmp(text)).is_ok(),
            Self::Pattern(regex) => regex.is_match(text),
        }
    }

    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<Match<'t>> {
        match self {
            Self::Anything { grouped } | Self::Literals { grouped, .. } => {
                self.is_match(text).then_some(Match::Whole { text, grouped: *grouped })
            }
            Self::Pattern(regex) => regex.captures(text).map(Match::Groups),
        }
    }

    /// The texts it matches, where they can be listed.
    pub(crate) fn literals(&self) -> Option<&[String]> {
        match self {
            Self::Literals { of, .. } => Some(of),
            _ => None,
        }
    }
}

impl<'t> Match<'t> {
    pub(crate) fn group(&self, group: &Group) -> Option<&'t str> {
        match (self, group) {
            (Self::Whole { text, .. }, Group::Index(0)) | (Self::Whole { text, grouped: true }, Group::Index(1)) => {
                Some(text)
            }
            (Self::Whole { .. }, _) => None,
            (Self::Groups(captures), Group::Index(i)) => captures.get(*i).map(|m| m.as_str()),
            (Self::Groups(captures), Group::Name(name)) => captures.name(name).map(|m| m.as_str()),
        }
    }
}
