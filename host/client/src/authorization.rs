//! The `Authorization` header: made once, or made anew when what it is made of changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use tokio::time::Instant;

use crate::oauth2::Tokens;
use crate::progress::{Phase, within};
use crate::secret_text::read;
use crate::settings::{Auth, Credential, Settings};
use crate::sigv4::Signer;
use crate::watched::Watched;
use crate::{BuildError, RequestError};

/// What proves who sends a request.
#[derive(Debug)]
pub(crate) enum Authorization {
    Header(Watched<HeaderValue>),
    OAuth2(Tokens),
    SigV4(Box<Signer>),
}

/// Which token a request carried, for when it is refused.
pub(crate) struct Carried(u64);

impl Authorization {
    /// Prepares what the settings say, reading the files they name.
    pub(crate) fn new(auth: &Auth, settings: &Settings) -> Result<Self, BuildError> {
        match auth {
            Auth::Basic { username, password } => basic(username.clone(), password.clone()).map(Self::Header),
            Auth::Authorization { scheme, credentials } => bearer(scheme.clone(), credentials).map(Self::Header),
            Auth::OAuth2(oauth2) => Tokens::new(oauth2, settings.connect_timeout).map(Self::OAuth2),
            Auth::SigV4(sigv4) => Signer::new(sigv4, settings).map(|signer| Self::SigV4(Box::new(signer))),
        }
    }

    /// Adds the proof to the headers of a request that is complete otherwise.
    pub(crate) async fn prove(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<Option<Carried>, RequestError> {
        let host = uri.authority().map_or("", |a| a.as_str());
        let (value, carried) = match self {
            // Reading a secret's file may hang, on a dead network file system say.
            Self::Header(value) => (within(host, Phase::Secrets, deadline, value.value()).await?, None),
            Self::OAuth2(tokens) => {
                let (token, which) = within(host, Phase::Secrets, deadline, tokens.token()).await??;
                (token, Some(Carried(which)))
            }
            Self::SigV4(signer) => {
                within(host, Phase::Secrets, deadline, signer.sign(method, uri, headers, body)).await??;
                return Ok(None);
            }
        };
        headers.insert(header::AUTHORIZATION, value);
        Ok(carried)
    }

    /// Says that what a request carried was refused; whether another try, now, may fare better.
    pub(crate) fn refused(&self, carried: &Carried) -> bool {
        match self {
            Self::OAuth2(tokens) => tokens.refused(carried.0),
            Self::Header(_) | Self::SigV4(_) => false,
        }
    }
}

/// Basic authentication for what a URL states before its `@`.
pub(crate) fn from_user_info(user_info: &str) -> Option<HeaderValue> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    basic_header(&percent_decoded(user), &percent_decoded(password)).ok()
}

fn basic(username: Credential, password: Credential) -> Result<Watched<HeaderValue>, BuildError> {
    let files = [&username, &password].into_iter().filter_map(Credential::file).collect();
    Watched::new("basic_auth", files, move || {
        let key = username.key("basic_auth.username", "basic_auth.username_file");
        let name = username.text(key)?;
        if name.contains(':') {
            let problem = "a user name with a `:` cannot be sent (RFC 7617)".into();
            return Err(BuildError::Value { key, problem });
        }
        let key = password.key("basic_auth.password", "basic_auth.password_file");
        basic_header(&name, &password.text(key)?).map_err(|problem| BuildError::Value { key, problem: problem.into() })
    })
}

fn bearer(scheme: String, credentials: &Credential) -> Result<Watched<HeaderValue>, BuildError> {
    if scheme.is_empty() || scheme.contains(|c: char| !c.is_ascii_graphic()) {
        let problem = "not a name of a scheme; use one such as Bearer".into();
        return Err(BuildError::Value { key: "authorization.type", problem });
    }
    let key = credentials.key("authorization.credentials", "authorization.credentials_file");
    let credentials = credentials.clone();
    Watched::new(key, credentials.file().into_iter().collect(), move || {
        sensitive(&format!("{scheme} {}", credentials.text(key)?))
            .map_err(|problem| BuildError::Value { key, problem: problem.into() })
    })
}

impl Credential {
    /// The file to watch.
    pub(crate) fn file(&self) -> Option<std::path::PathBuf> {
        match self {
            Self::Value(_) => None,
            Self::File(path) => Some(path.clone()),
        }
    }

    /// The key that holds it, of the two that could.
    pub(crate) fn key(&self, value: &'static str, file: &'static str) -> &'static str {
        match self {
            Self::Value(_) => value,
            Self::File(_) => file,
        }
    }

    fn text(&self, key: &'static str) -> Result<String, BuildError> {
        match self {
            Self::Value(secret) => Ok(secret.expose().to_owned()),
            Self::File(path) => read(key, path),
        }
    }
}

/// `Basic …` for a user and a password.
pub(crate) fn basic_header(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// A header's value that `Debug` does not show, and HTTP/2 does not keep in its table.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "the secret holds a control character or a line break")?;
    value.set_sensitive(true);
    Ok(value)
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
