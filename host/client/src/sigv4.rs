//! AWS Signature Version 4 over each request: who sends, when, and what, body and headers included.

mod keys;
mod role;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};

use crate::address::host_of;
use crate::settings::{Settings, SigV4Settings};
use crate::watched::Watched;
use crate::{BuildError, RequestError};
pub(crate) use keys::Keys;
use keys::Source;
use role::Role;

/// Not signed, as AWS' own clients do not: those on the way may change them.
const UNSIGNED: [HeaderName; 4] =
    [header::USER_AGENT, header::ACCEPT_ENCODING, header::AUTHORIZATION, header::PROXY_AUTHORIZATION];

/// Signs requests.
#[derive(Debug)]
pub(crate) struct Signer {
    region: String,
    service: String,
    keys: Watched<Keys>,
    role: Option<Role>,
}

impl Signer {
    pub(crate) fn new(settings: &SigV4Settings, client: &Settings) -> Result<Self, BuildError> {
        Self::with(settings, client, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The same with another environment.
    pub(crate) fn with(
        settings: &SigV4Settings,
        client: &Settings,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        let region = settings.region.clone();
        let region = region.or_else(|| environment("AWS_REGION")).or_else(|| environment("AWS_DEFAULT_REGION"));
        let region = region.ok_or_else(|| BuildError::Value {
            key: "sigv4.region",
            problem: "is missing, and neither AWS_REGION nor AWS_DEFAULT_REGION is set".into(),
        })?;
        let keys = Source::new(settings, &environment)?.watch()?;
        let role = settings.role_arn.as_ref().map(|arn| Role::new(arn, &region, client, &environment)).transpose()?;
        Ok(Self { region, service: settings.service.clone(), keys, role })
    }

    /// Adds the signature and what belongs to it.
    pub(crate) async fn sign(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        body: &Bytes,
    ) -> Result<(), RequestError> {
        let (keys, version) = self.keys.versioned().await;
        let keys = match &self.role {
            None => keys,
            Some(role) => role.keys(keys, version).await?,
        };
        let what = What { region: &self.region, service: &self.service, time: SystemTime::now() };
        what.sign(&keys, method, uri, headers, body)
    }
}

/// What a signature is for.
pub(crate) struct What<'w> {
    pub(crate) region: &'w str,
    pub(crate) service: &'w str,
    pub(crate) time: SystemTime,
}

impl What<'_> {
    pub(crate) fn sign(
        &self,
        keys: &Keys,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), RequestError> {
        let failed = |reason: String| RequestError::Request { reason: format!("it cannot be signed: {reason}") };
        let token = keys.token.as_ref().map(|token| token.expose().to_owned());
        let identity = Credentials::new(keys.id.clone(), keys.secret.expose(), token, None, "weir").into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|e| failed(e.to_string()))?
            .into();
        let host = host_header(uri);
        let mut signed = vec![("host", host.as_str())];
        for (name, value) in headers.iter().filter(|(name, _)| !UNSIGNED.contains(name)) {
            let value = value.to_str().map_err(|_| failed(format!("{name} is not ASCII")))?;
            signed.push((name.as_str(), value));
        }
        let request =
            SignableRequest::new(method.as_str(), uri.to_string(), signed.into_iter(), SignableBody::Bytes(body))
                .map_err(|e| failed(e.to_string()))?;
        let (instructions, _) = sign(request, &params).map_err(|e| failed(e.to_string()))?.into_parts();
        for header in instructions.into_parts().0 {
            let mut value = HeaderValue::from_str(header.value()).map_err(|e| failed(e.to_string()))?;
            value.set_sensitive(header.sensitive() || header.name().eq_ignore_ascii_case("authorization"));
            let name: HeaderName = header.name().parse().map_err(|_| failed(header.name().to_owned()))?;
            headers.insert(name, value);
        }
        Ok(())
    }
}

/// As it will be sent: without a port that the scheme implies.
fn host_header(uri: &Uri) -> String {
    let implied = matches!((uri.scheme_str(), uri.port_u16()), (Some("http"), Some(80)) | (Some("https"), Some(443)));
    if implied { uri.host().unwrap_or_default().to_owned() } else { host_of(uri).to_string() }
}
