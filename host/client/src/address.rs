//! What a URL says about where to go and as whom.

use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

use crate::RequestError;
use crate::authorization::from_user_info;

/// A URL without its `user:password@`, and what that part says, as a header.
pub(crate) fn without_user_info(uri: &Uri) -> Result<(Uri, Option<HeaderValue>), RequestError> {
    let refuse = |reason: &str| RequestError::Request { reason: reason.into() };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refuse("the URL's scheme is neither http nor https"));
    }
    let authority = uri.authority().map_or("", |a| a.as_str());
    let Some((user_info, host)) = authority.rsplit_once('@') else {
        return Ok((uri.clone(), None));
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(host.parse().map_err(|_| refuse("the URL has no valid host"))?);
    let uri = Uri::from_parts(parts).map_err(|_| refuse("the URL is not valid"))?;
    Ok((uri, from_user_info(user_info)))
}

/// Host and port, as written.
pub(crate) fn host_of(uri: &Uri) -> Arc<str> {
    uri.authority().map_or("", |a| a.as_str()).into()
}

/// The port, or the scheme's own.
pub(crate) fn port_of(uri: &Uri) -> u16 {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    uri.authority().and_then(Authority::port_u16).unwrap_or(default)
}
