//! A role's temporary keys, from the security token service.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use tokio::time::Instant;

use super::{Keys, What};
use crate::address::host_of;
use crate::lease::{Given, Lease};
use crate::settings::Settings;
use crate::{BuildError, Client, RequestError};

/// How long the service may take for an answer; a request that waits for it goes by its own deadline.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What every role allows: it is the least that a role's maximum can be set to.
const LASTS: Duration = Duration::from_hours(1);
/// The answer takes two kilobytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// As much of a refusal as goes into an error.
const WORDS: usize = 256;

/// A role that is taken on.
#[derive(Debug)]
pub(super) struct Role {
    lease: Lease<Keys, Keys>,
}

#[derive(Debug)]
struct Service {
    client: Client,
    uri: Uri,
    region: String,
    arn: String,
}

impl Role {
    pub(super) fn new(
        arn: &str,
        region: &str,
        client: &Settings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        let wrong = |problem: &str| BuildError::Value { key: "sigv4.role_arn", problem: problem.into() };
        if !arn.starts_with("arn:") {
            return Err(wrong("is not the ARN of a role; it begins with arn:"));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        // the variable by which AWS' own tools are sent elsewhere
        let url = environment("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| format!("https://sts.{region}.{domain}/"));
        let uri: Uri =
            url.parse().map_err(|_| wrong("has no service to ask: the region or AWS_ENDPOINT_URL_STS is wrong"))?;
        let settings =
            Settings { proxy: client.proxy.clone(), connect_timeout: client.connect_timeout, ..Settings::default() };
        let client = Client::new(&settings)?;
        let service = Arc::new(Service { client, uri, region: region.into(), arn: arn.into() });
        let lease = Lease::new(move |keys: Keys| {
            let service = Arc::clone(&service);
            async move { service.assume(&keys).await }
        });
        Ok(Self { lease })
    }

    /// The role's keys, for one's own and their version.
    pub(super) async fn keys(&self, own: Keys, version: u64) -> Result<Keys, RequestError> {
        Ok(self.lease.get(own, version).await?.0)
    }
}

impl Service {
    /// `AssumeRole` of the service's query interface.
    async fn assume(&self, own: &Keys) -> Result<Given<Keys>, RequestError> {
        let body = Serializer::new(String::new())
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.arn)
            .append_pair("RoleSessionName", "weir")
            .append_pair("DurationSeconds", &LASTS.as_secs().to_string())
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let what = What { region: &self.region, service: "sts", time: SystemTime::now() };
        what.sign(own, &Method::POST, &self.uri, &mut headers, body.as_bytes())?;
        // boxed: a client asks with a client
        let asking = Box::pin(self.client.post(&self.uri, headers, body.into(), Instant::now() + TIMEOUT));
        let response = asking.await.map_err(|e| self.failure(e.to_string()))?;
        let status = response.status;
        let text = response.text_limited(ANSWER_BYTES).await;
        if !status.is_success() {
            let words = element(&text, "Message").unwrap_or(&text);
            let words: String = words.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect();
            return Err(self.failure(format!("{status}: {words}")));
        }
        let keys = || {
            Some(Keys {
                id: element(&text, "AccessKeyId")?.to_owned(),
                secret: element(&text, "SecretAccessKey")?.into(),
                token: Some(element(&text, "SessionToken")?.into()),
            })
        };
        let keys = keys().ok_or_else(|| self.failure("its answer holds no keys".into()))?;
        Ok(Given { value: keys, lasts: Some(LASTS) })
    }

    fn failure(&self, reason: String) -> RequestError {
        RequestError::Token { endpoint: host_of(&self.uri).to_string(), reason }
    }
}

/// What stands in an element of the answer. The four that matter are plain there: their characters need no escapes.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.is_empty())
}
