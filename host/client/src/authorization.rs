//! The `Authorization` header: made once, or made anew when the file that holds the secret changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::time::Instant;

use crate::settings::{Auth, Credential};
use crate::stamp::{RECHECK, Stamp};
use crate::{BuildError, RequestError};

/// A secret's file may be this large. Tokens are a few kilobytes; more is a mistaken path, and must not fill memory.
const SECRET_BYTES: u64 = 64 << 10;

/// Where the header's value comes from.
#[derive(Debug)]
pub(crate) enum Authorization {
    Fixed(HeaderValue),
    File(Arc<Watched>),
}

#[derive(Debug)]
pub(crate) struct Watched {
    scheme: Scheme,
    key: &'static str,
    path: PathBuf,
    last: Mutex<Reading>,
}

#[derive(Debug)]
struct Reading {
    value: HeaderValue,
    stamp: Stamp,
    checked: Instant,
}

#[derive(Debug)]
enum Scheme {
    Basic(String),
    Other(String),
}

impl Authorization {
    /// Makes the header for the settings, reading their file if there is one.
    pub(crate) fn new(auth: &Auth) -> Result<Self, BuildError> {
        let (scheme, credential, value_key, file_key) = match auth {
            Auth::Basic { username, password } => {
                if username.contains(':') {
                    let problem = "a user name with a `:` cannot be sent (RFC 7617)".into();
                    return Err(BuildError::Value { key: "basic_auth.username", problem });
                }
                (Scheme::Basic(username.clone()), password, "basic_auth.password", "basic_auth.password_file")
            }
            Auth::Authorization { scheme, credentials } => {
                if scheme.is_empty() || scheme.contains(|c: char| !c.is_ascii_graphic()) {
                    let problem = "not a name of a scheme; use one such as Bearer".into();
                    return Err(BuildError::Value { key: "authorization.type", problem });
                }
                let scheme = Scheme::Other(scheme.clone());
                (scheme, credentials, "authorization.credentials", "authorization.credentials_file")
            }
        };
        match credential {
            Credential::Value(secret) => match scheme.header(secret.expose()) {
                Ok(value) => Ok(Self::Fixed(value)),
                Err(problem) => Err(BuildError::Value { key: value_key, problem: problem.into() }),
            },
            Credential::File(path) => match read(&scheme, path) {
                Ok((value, stamp)) => Ok(Self::File(Arc::new(Watched {
                    scheme,
                    key: file_key,
                    path: path.clone(),
                    last: Mutex::new(Reading { value, stamp, checked: Instant::now() }),
                }))),
                Err(source) => Err(BuildError::File { key: file_key, path: path.clone(), source }),
            },
        }
    }

    /// The header's value as of now, or of a few seconds ago.
    pub(crate) async fn value(&self) -> Result<HeaderValue, RequestError> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::File(watched) => watched.value().await,
        }
    }
}

/// Basic authentication for what a URL states before its `@`.
pub(crate) fn from_user_info(user_info: &str) -> Option<HeaderValue> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    Scheme::Basic(percent_decoded(user)).header(&percent_decoded(password)).ok()
}

impl Watched {
    async fn value(self: &Arc<Self>) -> Result<HeaderValue, RequestError> {
        let stamp = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.checked.elapsed() < RECHECK {
                return Ok(last.value.clone());
            }
            // Whoever asks while this request looks at the file gets the former value.
            last.checked = Instant::now();
            last.stamp
        };
        let this = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            if Stamp::of(&this.path)? == stamp { Ok(None) } else { read(&this.scheme, &this.path).map(Some) }
        });
        let read = read.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(None) => {}
            Ok(Some((value, stamp))) => *last = Reading { value, stamp, checked: Instant::now() },
            Err(e) => {
                // Until it can be read again each request looks, and says so.
                last.checked = last.checked.checked_sub(RECHECK).unwrap_or(last.checked);
                return Err(RequestError::SecretFile { key: self.key, path: self.path.clone(), reason: e.to_string() });
            }
        }
        Ok(last.value.clone())
    }
}

impl Scheme {
    fn header(&self, secret: &str) -> Result<HeaderValue, &'static str> {
        let text = match self {
            Self::Basic(username) => format!("Basic {}", STANDARD.encode(format!("{username}:{secret}"))),
            Self::Other(scheme) => format!("{scheme} {secret}"),
        };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "the secret holds a control character or a line break")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn read(scheme: &Scheme, path: &Path) -> std::io::Result<(HeaderValue, Stamp)> {
    use std::io::{Error, Read as _};
    // The stamp first: a change between the two is then seen at the next look.
    let stamp = Stamp::of(path)?;
    let mut text = String::new();
    std::fs::File::open(path)?.take(SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES {
        return Err(Error::other("the file is too large for a secret (over 64 KiB)"));
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::other("the file is empty"));
    }
    Ok((scheme.header(text).map_err(Error::other)?, stamp))
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|h| h.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) if first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urls_user_information_becomes_basic_authentication() {
        let value = from_user_info("me:p%40s%+1s%").unwrap();
        assert_eq!(value.to_str().unwrap(), format!("Basic {}", STANDARD.encode("me:p@s%+1s%")));
        assert_eq!(format!("{value:?}"), "Sensitive");
    }
}
