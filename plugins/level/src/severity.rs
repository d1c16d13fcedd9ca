//! The severities, and the words and numbers that programs write for them.

/// A severity, as it is written to the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// Words, in lower case, by what they mean.
const WORDS: &[(Severity, &[&[u8]])] = &[
    (Severity::Info, &[b"info", b"inf", b"information", b"informational", b"notice"]),
    (Severity::Error, &[b"error", b"err", b"severe"]),
    (Severity::Warn, &[b"warn", b"warning", b"wrn"]),
    (Severity::Debug, &[b"debug", b"dbg", b"verbose", b"fine"]),
    (Severity::Trace, &[b"trace", b"trc", b"finer", b"finest"]),
    (Severity::Fatal, &[b"fatal", b"critical", b"crit", b"panic", b"dpanic", b"alert", b"emerg", b"emergency", b"ftl"]),
];

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// What a word means, in any case of letters.
    pub(crate) fn of_word(word: &[u8]) -> Option<Self> {
        // the shortest has three letters, the longest thirteen
        if !(3..=13).contains(&word.len()) {
            return None;
        }
        let means = |words: &[&[u8]]| words.iter().any(|w| word.eq_ignore_ascii_case(w));
        WORDS.iter().find(|(_, words)| means(words)).map(|(severity, _)| *severity)
    }

    /// What a number means in JSON as pino and bunyan write it.
    pub(crate) fn of_number(number: &[u8]) -> Option<Self> {
        Some(match number {
            b"10" => Self::Trace,
            b"20" => Self::Debug,
            b"30" => Self::Info,
            b"40" => Self::Warn,
            b"50" => Self::Error,
            b"60" => Self::Fatal,
            _ => return None,
        })
    }

    /// Whether a key names the severity.
    pub(crate) fn is_key(key: &[u8]) -> bool {
        const KEYS: [&[u8]; 4] = [b"level", b"severity", b"lvl", b"log.level"];
        KEYS.iter().any(|k| key.eq_ignore_ascii_case(k))
    }
}
