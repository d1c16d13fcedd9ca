//! Small HTTP requests.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An answer: status and text.
pub type Answer = Result<(u16, String), String>;

/// GET.
pub async fn get(url: &str) -> Answer {
    request("GET", url, "", Bytes::new()).await
}

/// POST.
pub async fn post(url: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
    request("POST", url, content_type, body.into()).await
}

/// POST with these headers.
pub async fn post_with(url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    send("POST", url, headers, body.into()).await
}

/// POST with these headers; the status, and the answer's headers.
pub async fn post_for_headers(
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<(u16, hyper::HeaderMap), String> {
    let answer = exchange("POST", url, headers, body.into()).await?;
    Ok((answer.status().as_u16(), answer.headers().clone()))
}

/// GET of a JSON document.
pub async fn json(url: &str) -> Result<Value, String> {
    let (status, text) = get(url).await?;
    if status != 200 {
        return Err(format!("{url}: {status}: {text}"));
    }
    serde_json::from_str(&text).map_err(|e| format!("{url}: {e}: {text}"))
}

async fn request(method: &str, url: &str, content_type: &str, body: Bytes) -> Answer {
    send(method, url, &[("content-type", content_type)], body).await
}

async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
    let answer = exchange(method, url, headers, body).await?;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

async fn exchange(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<hyper::Response<hyper::body::Incoming>, String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = hyper::Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
    client.request(request).await.map_err(|e| format!("{url}: {e:?}"))
}

/// A value for a query string.
pub fn quoted(value: &str) -> String {
    value
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}
