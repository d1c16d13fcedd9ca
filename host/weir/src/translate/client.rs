//! How to speak HTTP.

use std::time::Duration;

use weir_config as config;

/// For a scrape job.
pub(super) fn getting(from: &config::HttpClient) -> weir_client::Settings {
    client(from, weir_client::Settings::IDLE_GETTING)
}

/// For a sink.
pub(super) fn posting(from: &config::HttpClient) -> weir_client::Settings {
    client(from, weir_client::Settings::IDLE_POSTING)
}

fn client(from: &config::HttpClient, idle_timeout: Duration) -> weir_client::Settings {
    weir_client::Settings {
        auth: from.auth.as_ref().map(auth),
        headers: named(&from.headers),
        tls: tls(&from.tls),
        proxy: proxy(&from.proxy),
        enable_http2: from.enable_http2,
        follow_redirects: from.follow_redirects,
        idle_timeout,
        ..weir_client::Settings::default()
    }
}

fn auth(from: &config::Auth) -> weir_client::Auth {
    match from {
        config::Auth::Basic { username, password } => {
            weir_client::Auth::Basic { username: credential(username), password: credential(password) }
        }
        config::Auth::Authorization { scheme, credentials } => {
            weir_client::Auth::Authorization { scheme: scheme.clone(), credentials: credential(credentials) }
        }
        config::Auth::OAuth2(from) => weir_client::Auth::OAuth2(Box::new(weir_client::OAuth2Settings {
            client_id: from.client_id.clone(),
            client_secret: credential(&from.client_secret),
            // an address that cannot be parsed is refused by the configuration; an empty one would be by the client
            token_url: from.token_url.parse().unwrap_or_default(),
            scopes: from.scopes.clone(),
            endpoint_params: named(&from.endpoint_params),
            tls: tls(&from.tls),
            proxy: proxy(&from.proxy),
        })),
        config::Auth::SigV4(from) => weir_client::Auth::SigV4(Box::new(weir_client::SigV4Settings {
            region: from.region.clone(),
            service: from.service.clone(),
            keys: from.keys.as_ref().map(|(id, key)| (id.clone(), secret(key))),
            profile: from.profile.clone(),
            role_arn: from.role_arn.clone(),
        })),
    }
}

fn tls(from: &config::TlsSettings) -> weir_client::TlsSettings {
    let version = |from: config::TlsVersion| match from {
        config::TlsVersion::Tls12 => weir_client::TlsVersion::Tls12,
        config::TlsVersion::Tls13 => weir_client::TlsVersion::Tls13,
    };
    weir_client::TlsSettings {
        ca_file: from.ca_file.clone(),
        ca: from.ca.clone(),
        cert_file: from.cert_file.clone(),
        cert: from.cert.clone(),
        key_file: from.key_file.clone(),
        key: from.key.as_ref().map(secret),
        server_name: from.server_name.clone(),
        insecure_skip_verify: from.insecure_skip_verify,
        min_version: version(from.min_version),
        max_version: from.max_version.map(version),
    }
}

fn proxy(from: &config::ProxySettings) -> weir_client::ProxySettings {
    weir_client::ProxySettings {
        url: from.url.as_ref().map(secret),
        no_proxy: from.no_proxy.clone(),
        from_environment: from.from_environment,
        connect_headers: from
            .connect_headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.clone(), secret(value))))
            .collect(),
    }
}

fn named(from: &[(String, config::Secret)]) -> Vec<(String, weir_client::Secret)> {
    from.iter().map(|(name, value)| (name.clone(), secret(value))).collect()
}

fn credential(from: &config::Credential) -> weir_client::Credential {
    match from {
        config::Credential::Value(value) => weir_client::Credential::Value(secret(value)),
        config::Credential::File(path) => weir_client::Credential::File(path.clone()),
    }
}

fn secret(from: &config::Secret) -> weir_client::Secret {
    weir_client::Secret::new(from.expose())
}
