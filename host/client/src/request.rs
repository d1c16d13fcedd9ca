//! Requests and their answers.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::authorization::{Authorization, from_user_info};
use crate::classify::{classify, ended_early};
use crate::redirect;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::{BuildError, RequestError};

/// What is read of a redirect's body so that its connection can be used again; a longer one costs the connection.
const REDIRECT_BODY_BYTES: usize = 4 << 10;

/// An HTTP client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Arc<Transport>,
    authorization: Option<Authorization>,
    headers: Vec<(HeaderName, HeaderValue)>,
    follow_redirects: bool,
}

/// The head of an answer, and its body to be read in chunks.
#[derive(Debug)]
pub struct Response {
    /// The status; any status is an answer.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    host: Arc<str>,
    deadline: Instant,
}

impl Client {
    /// A client for the settings; reads the files they name, briefly blocking the thread.
    pub fn new(settings: &Settings) -> Result<Self, BuildError> {
        let authorization = settings.auth.as_ref().map(Authorization::new).transpose()?;
        let headers = headers(settings)?;
        if authorization.is_some() && headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
            let problem = "holds `Authorization` beside `authorization` or `basic_auth`; keep one of them".into();
            return Err(BuildError::Value { key: "headers", problem });
        }
        Ok(Self(Arc::new(Inner {
            transport: Arc::new(Transport::new(settings)?),
            authorization,
            headers,
            follow_redirects: settings.follow_redirects,
        })))
    }

    /// Gets a URL, following redirects where the settings say so. The deadline holds for the body too.
    ///
    /// A connection that ends before the answer begins is tried once more, since a kept one may have been closed by
    /// its peer just then.
    pub async fn get(&self, uri: &Uri, headers: HeaderMap, deadline: Instant) -> Result<Response, RequestError> {
        let (mut uri, own) = without_user_info(uri)?;
        let mut headers = headers;
        let mut trusted = true;
        for _ in 0..=redirect::LIMIT {
            let response = self.get_once(&uri, &headers, trusted, own.as_ref(), deadline).await?;
            if !(self.0.follow_redirects && redirect::is_redirect(response.status)) {
                return Ok(response);
            }
            let failed = |reason| RequestError::Redirect { host: response.host.to_string(), reason };
            let (next, _) = without_user_info(&redirect::target(&uri, &response.headers).map_err(failed)?)?;
            if !redirect::same_origin(&uri, &next) {
                // For good: who sends us back might have chosen the path.
                trusted = false;
                for name in [header::AUTHORIZATION, header::COOKIE, header::HOST, header::PROXY_AUTHORIZATION] {
                    headers.remove(name);
                }
            }
            uri = next;
            response.discard().await;
        }
        Err(RequestError::Redirect { host: host_of(&uri).to_string(), reason: "there are more than 10 in a row" })
    }

    /// Posts a body. The deadline holds for the answer's body too. A redirect is an answer: it is not followed.
    pub async fn post(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response, RequestError> {
        let (uri, own) = without_user_info(uri)?;
        let headers = self.complete(headers, true, own.as_ref(), deadline, &uri).await?;
        let host = host_of(&uri);
        match self.send(Method::POST, &uri, headers, body, &host, deadline).await? {
            Ok(response) => Ok(response),
            Err(e) => Err(classify(&host, &e, e.is_connect())),
        }
    }

    async fn get_once(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        trusted: bool,
        own: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<Response, RequestError> {
        let headers = self.complete(headers.clone(), trusted, own, deadline, uri).await?;
        let host = host_of(uri);
        let error = match self.send(Method::GET, uri, headers.clone(), Bytes::new(), &host, deadline).await? {
            Ok(response) => return Ok(response),
            Err(e) => e,
        };
        if error.is_connect() || !ended_early(&error) {
            return Err(classify(&host, &error, error.is_connect()));
        }
        match self.send(Method::GET, uri, headers, Bytes::new(), &host, deadline).await? {
            Ok(response) => Ok(response),
            Err(e) => Err(classify(&host, &e, e.is_connect())),
        }
    }

    /// Adds what the settings say; the secrets among it only for an origin that is `trusted` with them.
    async fn complete(
        &self,
        mut headers: HeaderMap,
        trusted: bool,
        own: Option<&HeaderValue>,
        deadline: Instant,
        uri: &Uri,
    ) -> Result<HeaderMap, RequestError> {
        if trusted {
            if let Some(own) = own {
                headers.insert(header::AUTHORIZATION, own.clone());
            }
            if let Some(authorization) = &self.0.authorization {
                // Reading a secret's file may hang, on a dead network file system say.
                let value = timeout_at(deadline, authorization.value()).await;
                let value = value.map_err(|_| RequestError::Timeout { host: host_of(uri).to_string() })?;
                headers.insert(header::AUTHORIZATION, value?);
            }
            for (name, value) in &self.0.headers {
                headers.insert(name.clone(), value.clone());
            }
        }
        let agent = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));
        headers.entry(header::USER_AGENT).or_insert(agent);
        Ok(headers)
    }

    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        host: &Arc<str>,
        deadline: Instant,
    ) -> Result<Result<Response, hyper_util::client::legacy::Error>, RequestError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let answer = timeout_at(deadline, async { self.0.transport.pool().await.request(request).await }).await;
        let answer = answer.map_err(|_| RequestError::Timeout { host: host.to_string() })?;
        Ok(answer.map(|answer| {
            let (head, body) = answer.into_parts();
            Response { status: head.status, headers: head.headers, body, host: Arc::clone(host), deadline }
        }))
    }
}

impl Response {
    /// The next piece of the body, `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RequestError> {
        loop {
            let frame = timeout_at(self.deadline, self.body.frame()).await;
            let frame = frame.map_err(|_| RequestError::Timeout { host: self.host.to_string() })?;
            match frame {
                None => return Ok(None),
                Some(Err(e)) => return Err(classify(&self.host, &e, false)),
                // Trailers say nothing that anybody here asks for.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => {}
                },
            }
        }
    }

    /// The body as text, cut after `max` bytes, or where the connection fails; for the words that come with an error
    /// status.
    pub async fn text_limited(mut self, max: usize) -> String {
        let mut text = Vec::new();
        while text.len() < max
            && let Ok(Some(data)) = self.chunk().await
        {
            text.extend_from_slice(data.get(..max - text.len()).unwrap_or(&data));
        }
        String::from_utf8_lossy(&text).trim().to_string()
    }

    /// Moves the deadline to now.
    #[cfg(test)]
    pub(crate) fn expire(&mut self) {
        self.deadline = Instant::now();
    }

    async fn discard(mut self) {
        let mut seen = 0;
        while seen < REDIRECT_BODY_BYTES
            && let Ok(Some(data)) = self.chunk().await
        {
            seen += data.len();
        }
    }
}

fn headers(settings: &Settings) -> Result<Vec<(HeaderName, HeaderValue)>, BuildError> {
    let invalid = |problem: String| BuildError::Value { key: "headers", problem };
    let of_the_connection = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];
    settings
        .headers
        .iter()
        .map(|(name, value)| {
            let parsed: HeaderName =
                name.parse().map_err(|_| invalid(format!("{name:?} is not the name of a header")))?;
            if of_the_connection.contains(&parsed) {
                return Err(invalid(format!("{name} belongs to the connection and cannot be set; remove it")));
            }
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| invalid(format!("the value of {name} holds a control character or a line break")))?;
            value.set_sensitive(true);
            Ok((parsed, value))
        })
        .collect()
}

/// A URL without its `user:password@`, and what that part says, as a header.
fn without_user_info(uri: &Uri) -> Result<(Uri, Option<HeaderValue>), RequestError> {
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

fn host_of(uri: &Uri) -> Arc<str> {
    uri.authority().map_or("", |a| a.as_str()).into()
}
