//! Requests.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use tokio::time::{Instant, timeout_at};

use crate::address::{host_of, without_user_info};
use crate::authorization::{Authorization, Carried};
use crate::body::RequestBody;
use crate::classify::{classify, ended_early};
use crate::progress::{Phase, Progress, within};
use crate::response::Response;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::{BuildError, RequestError, redirect};

/// An HTTP client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    authorization: Option<Authorization>,
    headers: Vec<(HeaderName, HeaderValue)>,
    follow_redirects: bool,
}

/// A request before what the settings add.
struct Sending<'r> {
    method: Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
    body: Bytes,
    deadline: Instant,
}

impl Client {
    /// A client for the settings; reads the files they name, briefly blocking the thread.
    pub fn new(settings: &Settings) -> Result<Self, BuildError> {
        let authorization = settings.auth.as_ref().map(|auth| Authorization::new(auth, settings)).transpose()?;
        let headers = headers(settings)?;
        if authorization.is_some() && headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
            let problem = "holds `Authorization` beside a key that authenticates; keep one of them".into();
            return Err(BuildError::Value { key: "headers", problem });
        }
        Ok(Self(Arc::new(Inner {
            transport: Transport::new(settings)?,
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
            let sending = Sending { method: Method::GET, uri: &uri, headers: &headers, body: Bytes::new(), deadline };
            let response = self.proven(&sending, trusted, own.as_ref()).await?;
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
    ///
    /// The body is sent once. Only a kept connection that is found closed before anything was written to it is replaced.
    pub async fn post(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response, RequestError> {
        self.request(Method::POST, uri, headers, body, deadline).await
    }

    /// Sends a request of any method as [`Client::post`] does; a GET, which may be made twice, is tried again as by [`Client::get`].
    pub async fn request(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response, RequestError> {
        let (uri, own) = without_user_info(uri)?;
        let sending = Sending { method, uri: &uri, headers: &headers, body, deadline };
        self.proven(&sending, true, own.as_ref()).await
    }

    /// Sends with the proof of who sends, and once more with another where a token was refused.
    async fn proven(
        &self,
        sending: &Sending<'_>,
        trusted: bool,
        own: Option<&HeaderValue>,
    ) -> Result<Response, RequestError> {
        let mut once_more = true;
        loop {
            let (headers, carried) = self.complete(sending, trusted, own).await?;
            let response = self.sent(sending, headers).await?;
            let refused = response.status == StatusCode::UNAUTHORIZED && once_more;
            match (&self.0.authorization, carried) {
                (Some(authorization), Some(carried)) if refused && authorization.refused(&carried) => {
                    once_more = false;
                    response.discard().await;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn sent(&self, sending: &Sending<'_>, headers: HeaderMap) -> Result<Response, RequestError> {
        let host = host_of(sending.uri);
        let error = match self.send(sending, headers.clone(), &host).await? {
            Ok(response) => return Ok(response),
            Err(e) => e,
        };
        let repeatable = sending.method == Method::GET && !error.is_connect() && ended_early(&error);
        if !repeatable {
            return Err(classify(&host, &error, error.is_connect()));
        }
        self.send(sending, headers, &host).await?.map_err(|e| classify(&host, &e, e.is_connect()))
    }

    /// Adds what the settings say; the secrets among it only for an origin that is `trusted` with them.
    async fn complete(
        &self,
        sending: &Sending<'_>,
        trusted: bool,
        own: Option<&HeaderValue>,
    ) -> Result<(HeaderMap, Option<Carried>), RequestError> {
        let Sending { method, uri, body, deadline, .. } = sending;
        let mut headers = sending.headers.clone();
        let agent = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));
        headers.entry(header::USER_AGENT).or_insert(agent);
        let mut carried = None;
        if trusted {
            if let Some(own) = own {
                headers.insert(header::AUTHORIZATION, own.clone());
            }
            for (name, value) in &self.0.headers {
                headers.insert(name.clone(), value.clone());
            }
            if let Some(authorization) = &self.0.authorization {
                carried = authorization.prove(method, uri, &mut headers, body, *deadline).await?;
            }
        }
        if let Some(authorization) = self.0.transport.proxy_authorization(uri) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        Ok((headers, carried))
    }

    async fn send(
        &self,
        sending: &Sending<'_>,
        headers: HeaderMap,
        host: &Arc<str>,
    ) -> Result<Result<Response, hyper_util::client::legacy::Error>, RequestError> {
        let deadline = sending.deadline;
        let pool = within(host, Phase::Secrets, deadline, self.0.transport.pool()).await?;
        let progress = Progress::new();
        let mut request = Request::new(RequestBody::new(sending.body.clone(), progress.clone()));
        *request.method_mut() = sending.method.clone();
        *request.uri_mut() = sending.uri.clone();
        *request.headers_mut() = headers;
        let answer = timeout_at(deadline, progress.follow(pool.request(request))).await;
        let answer = answer.map_err(|_| RequestError::Timeout { host: host.to_string(), phase: progress.phase() })?;
        Ok(answer.map(|answer| {
            let (head, body) = answer.into_parts();
            Response { status: head.status, headers: head.headers, body, host: Arc::clone(host), deadline }
        }))
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
