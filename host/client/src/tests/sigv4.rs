//! Signatures for AWS: against AWS' published vectors, and against a receiver that computes them itself.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Method, Uri};
use sha2::{Digest as _, Sha256};

use super::server::{Server, answer};
use super::{client, soon, uri};
use crate::settings::SigV4Settings;
use crate::sigv4::{Keys, Signer, What};
use crate::{Auth, Client, RequestError, Settings};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn keys() -> Keys {
    Keys { id: ID.into(), secret: SECRET.into(), token: None }
}

fn settings() -> SigV4Settings {
    SigV4Settings {
        region: Some("eu-central-1".into()),
        service: "aps".into(),
        keys: Some((ID.into(), SECRET.into())),
        profile: None,
        role_arn: None,
    }
}

/// Of the Signature Version 4 test suite: `get-vanilla`, `get-vanilla-query-order-key-case`, `post-vanilla`,
/// `post-header-key-sort`, `post-x-www-form-urlencoded`; all at 20150830T123600Z.
#[test]
fn aws_own_vectors() {
    let time = UNIX_EPOCH + Duration::from_mins(24_015_636);
    let what = What { region: "us-east-1", service: "service", time };
    for (method, path, header, body, signature) in [
        (Method::GET, "/", None, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            Method::GET,
            "/?Param2=value2&Param1=value1",
            None,
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (Method::POST, "/", None, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Method::POST,
            "/",
            Some(("my-header1", "value1")),
            "",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            Method::POST,
            "/",
            Some(("content-type", "application/x-www-form-urlencoded")),
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        let uri: Uri = format!("https://example.amazonaws.com{path}").parse().unwrap();
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        what.sign(&keys(), &method, &uri, &mut headers, body.as_bytes()).unwrap();
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{method} {path}: {authorization}");
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert!(!format!("{headers:?}").contains(signature), "{headers:?}");
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8, text: &[u8]| -> [u8; 32] {
        let padded: Vec<u8> = block.iter().map(|b| b ^ pad).collect();
        Sha256::new().chain_update(padded).chain_update(text).finalize().into()
    };
    with(0x5c, &with(0x36, text))
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |text, b| text + &format!("{b:02x}"))
}

/// The signature that a request ought to have, from its own bytes (AWS' "Create a signed API request").
fn expected(request: &str, secret: &str) -> (String, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &str)> = lines.map(|l| l.split_once(": ").unwrap()).collect();
    let header = |name: &str| headers.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no {name}: {head}")).1;
    let authorization = header("authorization").strip_prefix("AWS4-HMAC-SHA256 Credential=").unwrap();
    let (credential, rest) = authorization.split_once(", SignedHeaders=").unwrap();
    let (signed, signature) = rest.split_once(", Signature=").unwrap();
    let scope = credential.split_once('/').unwrap().1;
    let line = |text: String, name| text + name + ":" + header(name) + "\n";
    let canonical = signed.split(';').fold(String::new(), line);
    let request = format!("{method}\n{path}\n{query}\n{canonical}\n{signed}\n{}", hex(Sha256::digest(body)));
    let text =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", header("x-amz-date"), hex(Sha256::digest(request.as_bytes())));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |k, part| hmac(&k, part.as_bytes()).into());
    (hex(hmac(&key, text.as_bytes())), signature.to_owned())
}

async fn post(client: &Client, server: &Server) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/x-protobuf".parse().unwrap());
    headers.insert("content-encoding", "snappy".parse().unwrap());
    headers.insert("x-prometheus-remote-write-version", "0.1.0".parse().unwrap());
    let path = "/workspaces/ws-1/api/v1/remote_write";
    let response = client.post(&uri(&server.url(path)), headers, "a body".into(), soon()).await.unwrap();
    assert_eq!(response.status, 200);
    response.text_limited(9).await;
    server.last()
}

#[tokio::test]
async fn a_receiver_that_signs_itself_agrees() {
    let server = Server::start(|_| answer(200, &[], "ok")).await;
    let client = client(&Settings {
        auth: Some(Auth::SigV4(Box::new(settings()))),
        headers: vec![("X-Scope-OrgID".into(), "tenant".into())],
        ..Settings::default()
    });
    let request = post(&client, &server).await;
    let (expected, signature) = expected(&request, SECRET);
    assert_eq!(signature, expected, "{request}");
    assert!(request.contains("/eu-central-1/aps/aws4_request, SignedHeaders="), "{request}");
    let signed = request.split_once("SignedHeaders=").unwrap().1.split(',').next().unwrap();
    assert_eq!(signed, "content-encoding;content-type;host;x-amz-date;x-prometheus-remote-write-version;x-scope-orgid");
    assert!(!request.contains(SECRET) && !format!("{client:?}").contains(SECRET));
    let tampered = request.replace("a body", "b body");
    assert_ne!(super::sigv4::expected(&tampered, SECRET).0, signature);
}

const ROLE: &str = "arn:aws:iam::123456789012:role/push me";

fn assumed(secret: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIATEMP</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>hush/token=</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

async fn signed_with_role(service: &Server) -> Result<HeaderMap, RequestError> {
    let url = service.url("/");
    let settings = SigV4Settings { role_arn: Some(ROLE.into()), ..settings() };
    let environment = |name: &str| (name == "AWS_ENDPOINT_URL_STS").then(|| url.clone());
    let signer = Signer::with(&settings, &Settings::default(), environment).unwrap();
    let target = uri("https://aps.example/");
    let mut headers = HeaderMap::new();
    for _ in 0..3 {
        headers.clear();
        signer.sign(&Method::POST, &target, &mut headers, &"body".into()).await?;
    }
    assert!(!format!("{signer:?}").contains("hush"), "{signer:?}");
    Ok(headers)
}

#[tokio::test]
async fn a_role_is_taken_on_once() {
    let service = Server::start(|_| answer(200, &[], &assumed("hush/secret"))).await;
    let headers = signed_with_role(&service).await.unwrap();
    assert_eq!(headers["x-amz-security-token"], "hush/token=");
    assert!(headers["authorization"].to_str().unwrap().contains("Credential=ASIATEMP/"), "{headers:?}");
    assert_eq!(service.requests().len(), 1);
    let asked = service.last();
    assert!(asked.contains("Action=AssumeRole&"), "{asked}");
    assert!(asked.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpush+me&"), "{asked}");
    let (expected, signature) = expected(&asked, SECRET);
    assert_eq!(signature, expected, "{asked}");
    assert!(asked.contains("/eu-central-1/sts/aws4_request"), "{asked}");
}

#[tokio::test]
async fn a_role_that_is_refused_is_quoted() {
    let refusal =
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>";
    let service = Server::start(move |_| answer(403, &[], refusal)).await;
    let error = signed_with_role(&service).await.unwrap_err();
    assert!(matches!(error, RequestError::Token { .. }) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().ends_with("403 Forbidden: not for you"), "{error}");
    let service = Server::start(|_| answer(200, &[], "<html>")).await;
    assert!(signed_with_role(&service).await.unwrap_err().to_string().ends_with("its answer holds no keys"));
}

#[test]
fn settings_that_cannot_work_name_their_key() {
    for (settings, expected) in [
        (SigV4Settings { region: None, ..settings() }, "`sigv4.region`: is missing, and neither AWS_REGION"),
        (SigV4Settings { role_arn: Some("push".into()), ..settings() }, "`sigv4.role_arn`: is not the ARN"),
        (SigV4Settings { keys: None, ..settings() }, "`sigv4`: there are no AWS keys; set `access_key`"),
        (SigV4Settings { keys: None, profile: Some("x".into()), ..settings() }, "`sigv4.profile`: there are no AWS"),
    ] {
        let error = Signer::with(&settings, &Settings::default(), |_| None).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!format!("{error:?} {settings:?}").contains(SECRET));
    }
}
