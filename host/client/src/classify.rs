//! From the errors of hyper, rustls and the system to ours.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::RequestError;
use crate::connect::{Refused, TooLate};
use crate::progress::Phase;
use crate::resolver::DnsError;

/// Names what went wrong while a request to `host` was under way.
pub(crate) fn classify(host: &str, error: &(dyn Error + 'static), connecting: bool) -> RequestError {
    let host = host.to_string();
    if let Some(dns) = find::<DnsError>(error) {
        return RequestError::Dns { host, reason: dns.to_string() };
    }
    if let Some(TooLate(phase)) = find::<TooLate>(error) {
        return RequestError::Timeout { host, phase: *phase };
    }
    if let Some(refused) = find::<Refused>(error) {
        return RequestError::Proxy { host, reason: refused.to_string() };
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return RequestError::Tls { host, reason: tls_reason(tls) };
    }
    if connecting {
        if find::<io::Error>(error).is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return RequestError::Timeout { host, phase: Phase::Connect };
        }
        let reason = find::<io::Error>(error).map_or_else(|| root(error), ToString::to_string);
        return RequestError::Connect { host, reason };
    }
    let is_malformed = find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse)
        || find::<io::Error>(error)
            .is_some_and(|e| matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    if is_malformed {
        return RequestError::Protocol { host, reason: root(error) };
    }
    RequestError::Closed { host }
}

/// Whether the connection ended before a byte of the answer came, as a kept one does when its peer tires of it.
pub(crate) fn ended_early(error: &(dyn Error + 'static)) -> bool {
    find::<rustls::Error>(error).is_none()
        && find::<hyper::Error>(error).is_some_and(|e| e.is_incomplete_message() || e.is_canceled() || e.is_closed())
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::Error as E;
    let known = match error {
        E::InvalidCertificate(e) => match e {
            CertificateError::UnknownIssuer => {
                "the certificate is signed by nobody we trust; name its authority in `tls.ca_file`"
            }
            CertificateError::BadSignature => {
                "the certificate names an authority that we trust and that did not sign it"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for other host names; where that is meant, set `tls.server_name`"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet; is a clock wrong?"
            }
            _ => return error.to_string(),
        },
        E::InvalidMessage(_) => "the other side does not speak TLS; is it plain http?",
        E::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a client certificate; set `tls.cert_file` and `tls.key_file`"
        }
        E::AlertReceived(AlertDescription::ProtocolVersion) | E::PeerIncompatible(_) => {
            "no version of TLS that both sides accept; see `tls.min_version`"
        }
        _ => return error.to_string(),
    };
    known.into()
}

/// The first error of a type in the chain of causes, with what io errors wrap.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // `source` of an io error skips the error it wraps and gives that one's source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The words of the innermost cause.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
