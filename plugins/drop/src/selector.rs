//! Selectors in PromQL's notation: `name{label="value", other=~"a|b"}`.

use regex::Regex;
use weir_sdk::Error;

/// Label matchers, all of which must hold.
#[derive(Debug)]
pub(crate) struct Selector(Vec<Matcher>);

/// A label and what its value must be. A label that is not there has the empty value.
#[derive(Debug)]
pub(crate) struct Matcher {
    name: String,
    wants: Wants,
}

#[derive(Debug)]
enum Wants {
    Equal(String),
    NotEqual(String),
    Match(Regex),
    NoMatch(Regex),
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { rest: text.trim() };
        let matchers = parser.selector().map_err(|e| format!("{e}, at {:?} of {text:?}", parser.rest))?;
        if matchers.iter().all(|m| m.matches("")) {
            return Err(
                format!("{text:?} selects everything; at least one matcher must not match the empty value").into()
            );
        }
        Ok(Self(matchers))
    }

    pub(crate) fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        self.0.iter()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Matcher::name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn selects<'t>(&self, label: impl Fn(&str) -> &'t str) -> bool {
        self.0.iter().all(|m| m.matches(label(&m.name)))
    }
}

impl Matcher {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        match &self.wants {
            Wants::Equal(wanted) => value == wanted,
            Wants::NotEqual(unwanted) => value != unwanted,
            Wants::Match(regex) => regex.is_match(value),
            Wants::NoMatch(regex) => !regex.is_match(value),
        }
    }

    fn metric(name: &str) -> Self {
        Self { name: "__name__".into(), wants: Wants::Equal(name.into()) }
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn selector(&mut self) -> Result<Vec<Matcher>, Error> {
        let name = self.word(|c| c == ':');
        let mut matchers: Vec<Matcher> = (!name.is_empty()).then(|| Matcher::metric(name)).into_iter().collect();
        if self.take("{") {
            while !self.take("}") {
                matchers.push(self.matcher()?);
                if !self.take(",") && !self.rest.starts_with('}') {
                    return Err("expected , or }".into());
                }
            }
        }
        if !self.rest.is_empty() {
            return Err("expected the end".into());
        }
        Ok(matchers)
    }

    fn matcher(&mut self) -> Result<Matcher, Error> {
        let quoted = self.rest.starts_with(['"', '\'', '`']);
        let name = if quoted { self.string()? } else { self.word(|_| false).to_owned() };
        if name.is_empty() {
            return Err("expected a label name".into());
        }
        if quoted && self.rest.starts_with([',', '}']) {
            return Ok(Matcher::metric(&name));
        }
        let wants = if self.take("=~") {
            Wants::Match(self.regex()?)
        } else if self.take("!~") {
            Wants::NoMatch(self.regex()?)
        } else if self.take("!=") {
            Wants::NotEqual(self.string()?)
        } else if self.take("=") {
            Wants::Equal(self.string()?)
        } else {
            return Err("expected =, !=, =~ or !~".into());
        };
        Ok(Matcher { name, wants })
    }

    fn regex(&mut self) -> Result<Regex, Error> {
        let pattern = self.string()?;
        Ok(Regex::new(&format!("^(?s:{pattern})$"))?)
    }

    /// A quoted string; in backquotes as it stands, else with Go's common escapes.
    fn string(&mut self) -> Result<String, Error> {
        let quote =
            self.rest.chars().next().filter(|c| ['"', '\'', '`'].contains(c)).ok_or("expected a string in quotes")?;
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = self.rest.get(at + 1..).unwrap_or_default().trim_start();
                return Ok(out);
            }
            if c != '\\' || quote == '`' {
                out.push(c);
                continue;
            }
            out.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 't')) => '\t',
                Some((_, 'r')) => '\r',
                Some((_, c @ ('\\' | '"' | '\''))) => c,
                Some((_, c)) => return Err(format!("there is no escape \\{c}; write \\\\ for a backslash").into()),
                None => break,
            });
        }
        Err("the string has no end".into())
    }

    fn word(&mut self, also: impl Fn(char) -> bool) -> &'t str {
        let other = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || also(c));
        let (word, rest) = self.rest.split_at(self.rest.find(other).unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word
    }

    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest.trim_start();
        true
    }
}
