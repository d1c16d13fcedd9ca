//! Which certificates are accepted, and which are shown.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::server::{Server, answer};
use super::{client, get};
use crate::{Client, RequestError, Settings, TlsSettings, TlsVersion};

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both in PEM.
pub(super) struct Leaf {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn issue(&self, name: &str) -> Leaf {
        self.issue_until(name, 4096)
    }

    /// The year is the last.
    pub(super) fn issue_until(&self, name: &str, year: i32) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.0).unwrap();
        Leaf { cert: cert.pem(), key: key.serialize_pem() }
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }
}

fn self_signed(name: &str) -> Leaf {
    let made = rcgen::generate_simple_self_signed(vec![name.to_string()]).unwrap();
    Leaf { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

pub(super) fn acceptor(leaf: &Leaf, clients: Option<&Authority>, alpn: &[&str]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

pub(super) async fn serve(leaf: &Leaf, clients: Option<&Authority>) -> Server {
    Server::start_with(Some(acceptor(leaf, clients, &[])), |_| answer(200, &[], "secure")).await
}

pub(super) fn with(tls: TlsSettings) -> Client {
    client(&Settings { tls, ..Settings::default() })
}

pub(super) fn url(server: &Server, host: &str) -> String {
    format!("https://{host}:{}/", server.port())
}

pub(super) async fn refusal(client: &Client, url: &str) -> String {
    match get(client, url).await {
        Err(RequestError::Tls { reason, .. }) => reason,
        other => panic!("not refused by TLS: {other:?}"),
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_unless_any_will_do() {
    let server = serve(&self_signed("localhost"), None).await;
    let reason = refusal(&with(TlsSettings::default()), &url(&server, "localhost")).await;
    assert!(reason.contains("tls.ca_file"), "{reason}");
    let anything = with(TlsSettings { insecure_skip_verify: true, ..TlsSettings::default() });
    assert_eq!(get(&anything, &url(&server, "localhost")).await.unwrap().text_limited(10).await, "secure");
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_inline_and_from_a_file() {
    let authority = Authority::new();
    let server = serve(&authority.issue("localhost"), None).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    for tls in [
        TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() },
        TlsSettings { ca_file: Some(path), min_version: TlsVersion::Tls13, ..TlsSettings::default() },
    ] {
        assert_eq!(get(&with(tls), &url(&server, "localhost")).await.unwrap().status, 200);
    }
    let other = with(TlsSettings { ca: Some(Authority::new().pem()), ..TlsSettings::default() });
    refusal(&other, &url(&server, "localhost")).await;
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_unless_that_name_is_meant() {
    let authority = Authority::new();
    let server = serve(&authority.issue("other.example"), None).await;
    let trusting = TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() };
    let reason = refusal(&with(trusting.clone()), &url(&server, "localhost")).await;
    assert!(reason.contains("tls.server_name"), "{reason}");
    let named = TlsSettings { server_name: Some("other.example".into()), ..trusting };
    assert_eq!(get(&with(named), &url(&server, "localhost")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_shows_its_certificate_where_one_is_asked_for() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = serve(&servers.issue("127.0.0.1"), Some(&clients)).await;
    let trusting = TlsSettings { ca: Some(servers.pem()), ..TlsSettings::default() };
    let reason = refusal(&with(trusting.clone()), &url(&server, "127.0.0.1")).await;
    assert!(reason.contains("tls.cert_file"), "{reason}");

    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = write(folder.path(), &clients.issue("client"));
    let known = TlsSettings { cert_file: Some(cert.clone()), key_file: Some(key.clone()), ..trusting.clone() };
    assert_eq!(get(&with(known), &url(&server, "127.0.0.1")).await.unwrap().status, 200);

    write(folder.path(), &servers.issue("client"));
    let unknown = TlsSettings { cert_file: Some(cert), key_file: Some(key), ..trusting };
    refusal(&with(unknown), &url(&server, "127.0.0.1")).await;
}

#[tokio::test]
async fn a_certificate_that_only_claims_an_authority_is_refused() {
    // rcgen gives both the same name
    let server = serve(&self_signed("localhost"), None).await;
    let trusting = with(TlsSettings { ca: Some(Authority::new().pem()), ..TlsSettings::default() });
    let reason = refusal(&trusting, &url(&server, "localhost")).await;
    assert!(reason.contains("did not sign it"), "{reason}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let server = serve(&authority.issue_until("localhost", 2001), None).await;
    let trusting = with(TlsSettings { ca: Some(authority.pem()), ..TlsSettings::default() });
    let reason = refusal(&trusting, &url(&server, "localhost")).await;
    assert_eq!(reason, "the certificate has expired");
    assert_eq!(server.requests(), Vec::<String>::new(), "nothing was said to it");
}

#[tokio::test]
async fn a_certificate_and_its_key_can_stand_inline() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = serve(&servers.issue("127.0.0.1"), Some(&clients)).await;
    let Leaf { cert, key } = clients.issue("client");
    let tls =
        TlsSettings { ca: Some(servers.pem()), cert: Some(cert), key: Some(key.into()), ..TlsSettings::default() };
    assert!(!format!("{tls:?}").contains("PRIVATE"), "{tls:?}");
    assert_eq!(get(&with(tls), &url(&server, "127.0.0.1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_newest_version_can_be_bounded() {
    let authority = Authority::new();
    let server = serve(&authority.issue("localhost"), None).await;
    let tls = TlsSettings { ca: Some(authority.pem()), max_version: Some(TlsVersion::Tls12), ..TlsSettings::default() };
    assert_eq!(get(&with(tls.clone()), &url(&server, "localhost")).await.unwrap().status, 200);
    assert_eq!(server.tls_versions(), ["TLSv1_2"]);
    let error =
        Client::new(&Settings { tls: TlsSettings { min_version: TlsVersion::Tls13, ..tls }, ..Settings::default() });
    assert!(error.unwrap_err().to_string().starts_with("`tls.max_version`: "));
}

#[test]
fn tls_settings_that_cannot_work_name_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = write(folder.path(), &self_signed("client"));
    let (_, other_key) = write(tempfile::tempdir_in(&folder).unwrap().keep().as_path(), &self_signed("client"));
    let none = TlsSettings::default;
    for (tls, expected) in [
        (
            TlsSettings { ca_file: Some("/does/not/exist".into()), ..none() },
            "`tls.ca_file`: cannot read /does/not/exist",
        ),
        (TlsSettings { ca_file: Some(key.clone()), ..none() }, "`tls.ca_file`: "),
        (TlsSettings { ca: Some("nothing".into()), ..none() }, "`tls.ca`: the value holds no certificate in PEM"),
        (
            TlsSettings { cert_file: Some(cert.clone()), ..none() },
            "`tls.cert_file`: needs `tls.key_file` or `tls.key` too",
        ),
        (TlsSettings { key_file: Some(key), ..none() }, "`tls.key_file`: needs `tls.cert_file` or `tls.cert` too"),
        (TlsSettings { cert_file: Some(cert.clone()), key_file: Some(cert.clone()), ..none() }, "`tls.key_file`: "),
        (TlsSettings { cert_file: Some(cert), key_file: Some(other_key), ..none() }, "`tls.key_file`: the key in "),
        (TlsSettings { server_name: Some("not a name".into()), ..none() }, "`tls.server_name`: \"not a name\""),
    ] {
        let error = Client::new(&Settings { tls, ..Settings::default() }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

pub(super) fn write(folder: &std::path::Path, leaf: &Leaf) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, &leaf.cert).unwrap();
    std::fs::write(&key, &leaf.key).unwrap();
    (cert, key)
}
