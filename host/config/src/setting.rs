//! From a node of the document to a value of a type, or a report of what is wrong with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::check::Check;
use crate::scalar;
use crate::section::wrong_type;
use crate::settings::Secret;
use crate::source::Place;
use crate::suggest;
use crate::tree::{Node, Value};

/// A value with its place, for checks that come later.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A type that a key's value can have. `read` returns nothing only when something was reported.
pub(crate) trait Setting: Sized {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self>;
}

/// A size in bytes.
#[derive(PartialEq, PartialOrd)]
pub(crate) struct Size(pub(crate) u64);

impl Setting for String {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        if let Value::String { text, .. } = &node.value {
            return Some(text.clone());
        }
        wrong_type(node, "a string in quotes", check);
        None
    }
}

impl Setting for Secret {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        String::read(node, check).map(Self::new)
    }
}

impl Setting for bool {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        if let Value::Boolean(truth) = node.value {
            return Some(truth);
        }
        wrong_type(node, "true or false", check);
        None
    }
}

impl Setting for u64 {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        match node.value {
            Value::Integer(number) if number >= 0 => return Self::try_from(number).ok(),
            Value::Integer(_) => check.error(node.place, "this number cannot be negative", "", ""),
            _ => wrong_type(node, "a whole number", check),
        }
        None
    }
}

impl Setting for Duration {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let help = "write a duration as 15s, 1m30s, 500ms or 2h, in quotes";
        match &node.value {
            Value::String { text, .. } => match scalar::duration(text) {
                Ok(duration) => return Some(duration),
                Err(wrong) => check.error(node.place, "this is not a duration", &wrong, help),
            },
            Value::Integer(_) | Value::Float(_) => {
                check.error(node.place, "this is not a duration", "a number without a unit", help);
            }
            _ => wrong_type(node, "a duration such as \"15s\"", check),
        }
        None
    }
}

impl Setting for Size {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let help = "write a size as \"64KiB\", \"10MB\" or \"4GiB\", or as a number of bytes";
        match &node.value {
            Value::Integer(number) if *number >= 0 => return u64::try_from(*number).ok().map(Self),
            Value::Integer(_) => check.error(node.place, "this is not a size", "it cannot be negative", help),
            Value::String { text, .. } => match scalar::size(text) {
                Ok(size) => return Some(Self(size)),
                Err(wrong) => check.error(node.place, "this is not a size", &wrong, help),
            },
            _ => wrong_type(node, "a size such as \"10MB\"", check),
        }
        None
    }
}

impl Setting for PathBuf {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let text = filled(node, check)?;
        Some(check.sources.resolve(node.place, &text))
    }
}

impl Setting for SocketAddr {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let text = filled(node, check)?;
        let address = text.parse().ok();
        if address.is_none() {
            let help = "write an IP address and a port, as 127.0.0.1:9470 or [::1]:9470; 0.0.0.0 is every interface";
            check.error(node.place, format!("`{text}` is not an address to listen on"), "", help);
        }
        address
    }
}

impl<T: Setting> Setting for Vec<At<T>> {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        let Value::Array(items) = &node.value else {
            wrong_type(node, "an array", check);
            return None;
        };
        // one wrong item does not keep the others from being checked
        let read = items.iter().filter_map(|item| Some(At { value: T::read(item, check)?, place: item.place }));
        Some(read.collect())
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node, check: &mut Check<'_>) -> Option<Self> {
        Vec::<At<T>>::read(node, check).map(|items| items.into_iter().map(|at| at.value).collect())
    }
}

/// A string with something in it.
pub(crate) fn filled(node: &Node, check: &mut Check<'_>) -> Option<String> {
    let text = String::read(node, check)?;
    if text.is_empty() {
        check.error(node.place, "this cannot be empty", "", "write a value, or remove the key");
        return None;
    }
    Some(text)
}

/// One of a fixed set of words.
pub(crate) fn word<T: Copy>(node: &Node, words: &[(&'static str, T)], check: &mut Check<'_>) -> Option<T> {
    let text = String::read(node, check)?;
    let found = words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let help = suggest::help(&text, words.iter().map(|(name, _)| *name));
        check.error(node.place, format!("`{text}` is none of the possible values"), "", help);
    }
    found
}
