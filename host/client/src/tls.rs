//! From TLS settings to rustls.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::BuildError;
use crate::settings::{TlsSettings, TlsVersion};

/// Builds the configuration; reads the files the settings name.
pub(crate) fn client_config(settings: &TlsSettings) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(ring::default_provider());
    let newest = settings.max_version.unwrap_or(TlsVersion::Tls13);
    let versions: &[_] = match (settings.min_version, newest) {
        (TlsVersion::Tls12, TlsVersion::Tls13) => &[&rustls::version::TLS13, &rustls::version::TLS12],
        (TlsVersion::Tls12, TlsVersion::Tls12) => &[&rustls::version::TLS12],
        (TlsVersion::Tls13, TlsVersion::Tls13) => &[&rustls::version::TLS13],
        (TlsVersion::Tls13, TlsVersion::Tls12) => {
            return Err(value("tls.max_version", "is older than `tls.min_version`".into()));
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|e| value("tls.min_version", e.to_string()))?;
    let builder = if settings.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    match identity(settings)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, private, place)) => builder
            .with_client_auth_cert(chain, private)
            .map_err(|e| value(place.key, format!("the key in {} is not the certificate's: {e}", place.name))),
    }
}

/// The name to verify instead of the URL's host, checked.
pub(crate) fn server_name(settings: &TlsSettings) -> Result<Option<ServerName<'static>>, BuildError> {
    let name = settings.server_name.as_ref().map(|name| {
        ServerName::try_from(name.clone())
            .map_err(|_| value("tls.server_name", format!("{name:?} is neither a DNS name nor an IP address")))
    });
    name.transpose()
}

/// The files the settings name.
pub(crate) fn files(settings: &TlsSettings) -> Vec<PathBuf> {
    [&settings.ca_file, &settings.cert_file, &settings.key_file].into_iter().flatten().cloned().collect()
}

fn roots(settings: &TlsSettings) -> Result<Arc<RootCertStore>, BuildError> {
    if settings.ca_file.is_none() && settings.ca.is_none() {
        return Ok(system_roots());
    }
    let mut roots = RootCertStore::empty();
    if let Some(path) = &settings.ca_file {
        let name = path.display().to_string();
        add(&mut roots, &read("tls.ca_file", path)?, "tls.ca_file", &name)?;
    }
    if let Some(pem) = &settings.ca {
        add(&mut roots, pem.as_bytes(), "tls.ca", "the value")?;
    }
    Ok(Arc::new(roots))
}

fn add(roots: &mut RootCertStore, pem: &[u8], key: &'static str, place: &str) -> Result<(), BuildError> {
    for certificate in certificates(pem, key, place)? {
        roots
            .add(certificate)
            .map_err(|e| value(key, format!("{place} holds a certificate that cannot be trusted as authority: {e}")))?;
    }
    Ok(())
}

/// The system's authorities, shared by all clients that live at a time: a set takes a few hundred kilobytes, and there
/// is a client per scrape job.
fn system_roots() -> Arc<RootCertStore> {
    static SHARED: Mutex<Weak<RootCertStore>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = shared.upgrade() {
        return roots;
    }
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's certificate authorities");
    }
    let mut roots = RootCertStore::empty();
    // A set without any is no error here: plain HTTP needs none, and TLS will say that it trusts nobody.
    roots.add_parsable_certificates(found.certs);
    let roots = Arc::new(roots);
    *shared = Arc::downgrade(&roots);
    roots
}

/// Where a PEM text comes from, for messages.
struct Source {
    key: &'static str,
    name: String,
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Source);

fn identity(settings: &TlsSettings) -> Result<Option<Identity>, BuildError> {
    let key = settings.key.as_ref().map(crate::Secret::expose);
    let cert = pem_of(settings.cert.as_deref(), settings.cert_file.as_deref(), ["tls.cert", "tls.cert_file"])?;
    let key = pem_of(key, settings.key_file.as_deref(), ["tls.key", "tls.key_file"])?;
    let ((cert, from), (key, place)) = match (cert, key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        (Some((_, from)), None) => return Err(value(from.key, "needs `tls.key_file` or `tls.key` too".into())),
        (None, Some((_, from))) => return Err(value(from.key, "needs `tls.cert_file` or `tls.cert` too".into())),
    };
    let chain = certificates(&cert, from.key, &from.name)?;
    let private = PrivateKeyDer::from_pem_slice(&key).map_err(|e| {
        let why =
            if matches!(e, pem::Error::NoItemsFound) { "holds no private key in PEM" } else { "is not valid PEM" };
        value(place.key, format!("{} {why}", place.name))
    })?;
    Ok(Some((chain, private, place)))
}

/// A PEM text that stands in the settings or in a file.
fn pem_of(
    inline: Option<&str>,
    file: Option<&Path>,
    [inline_key, file_key]: [&'static str; 2],
) -> Result<Option<(Vec<u8>, Source)>, BuildError> {
    match (inline, file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(value(inline_key, format!("excludes `{file_key}`; keep one of them"))),
        (Some(text), None) => {
            Ok(Some((text.as_bytes().to_vec(), Source { key: inline_key, name: "the value".into() })))
        }
        (None, Some(path)) => {
            Ok(Some((read(file_key, path)?, Source { key: file_key, name: path.display().to_string() })))
        }
    }
}

fn certificates(pem: &[u8], key: &'static str, place: &str) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(value(key, format!("{place} holds no certificate in PEM"))),
        Ok(found) => Ok(found),
        Err(e) => Err(value(key, format!("{place} is not valid PEM: {e}"))),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::File { key, path: path.to_path_buf(), source })
}

fn value(key: &'static str, problem: String) -> BuildError {
    BuildError::Value { key, problem }
}

/// `insecure_skip_verify`: any certificate will do, though its holder must still prove to own it.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
