//! `tls_config`.

use super::exclude;
use crate::check::Check;
use crate::section::Section;
use crate::setting::word;
use crate::settings::{TlsSettings, TlsVersion};

pub(super) fn read(mut section: Section<'_>, check: &mut Check<'_>) -> TlsSettings {
    let tls = TlsSettings {
        ca_file: section.value("ca_file", check),
        ca: section.value("ca", check),
        cert_file: section.value("cert_file", check),
        cert: section.value("cert", check),
        key_file: section.value("key_file", check),
        key: section.value("key", check),
        server_name: section.value("server_name", check),
        insecure_skip_verify: section.or("insecure_skip_verify", false, check),
        min_version: version(&mut section, "min_version", check).unwrap_or_default(),
        max_version: version(&mut section, "max_version", check),
    };
    for (inline, file) in [("ca", "ca_file"), ("cert", "cert_file"), ("key", "key_file")] {
        exclude(&section, inline, file, check);
    }
    let cert = section.has("cert") || section.has("cert_file");
    let key = section.has("key") || section.has("key_file");
    if cert != key {
        check.error(section.place, "a certificate and its key belong together", "", "give both or none");
    }
    if tls.max_version.is_some_and(|newest| newest < tls.min_version) {
        check.error(section.key_place("max_version"), "max_version is older than min_version", "", "raise it");
        check.also(section.key_place("min_version"), "the oldest");
    }
    if tls.insecure_skip_verify {
        let help = "give the receiver's authority as `ca_file` instead";
        let place = section.key_place("insecure_skip_verify");
        check.warn(place, "certificates are not verified: anybody on the way can read and change the data", "", help);
    }
    section.later(&["ca_ref", "cert_ref", "key_ref"]).finish(check);
    tls
}

fn version(section: &mut Section<'_>, key: &'static str, check: &mut Check<'_>) -> Option<TlsVersion> {
    let versions =
        [("TLS12", Some(TlsVersion::Tls12)), ("TLS13", Some(TlsVersion::Tls13)), ("TLS10", None), ("TLS11", None)];
    let node = section.node(key)?;
    let version = word(node, &versions, check)?;
    if version.is_none() {
        check.error(node.place, "this version of TLS is not safe", "", "use TLS12 or TLS13");
    }
    version
}
