//! `basic_auth`, `authorization`, `oauth2` and `sigv4`.

use std::path::PathBuf;

use super::{Url, exclude, header_value, proxy, tls};
use crate::check::Check;
use crate::section::Section;
use crate::setting::{At, Setting};
use crate::settings::{Auth, Credential, OAuth2, Secret, SigV4};

/// A key and how to read its table.
pub(super) type Kind = (&'static str, fn(Section<'_>, &mut Check<'_>) -> Option<Auth>);

pub(super) const KINDS: [Kind; 3] = [("basic_auth", basic_auth), ("authorization", authorization), ("oauth2", oauth2)];

pub(super) const KINDS_WITH_SIGV4: [Kind; 4] = [KINDS[0], KINDS[1], KINDS[2], ("sigv4", sigv4)];

/// The one way to authenticate, of those that there are.
pub(super) fn read(section: &mut Section<'_>, kinds: &[Kind], check: &mut Check<'_>) -> Option<Auth> {
    let mut first: Option<&str> = None;
    let mut found = None;
    for (key, read) in kinds {
        // each is checked, also where there are too many
        let auth = section.section(key, check).and_then(|table| read(table, check));
        found = found.or(auth);
        match first {
            Some(first) => exclude(section, first, key, check),
            None => first = section.has(key).then_some(*key),
        }
    }
    found
}

fn basic_auth(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let username = name(&mut section, check);
    let password = credential(&mut section, "password", "password_file", check);
    section.later(&["username_ref", "password_ref"]).finish(check);
    Some(Auth::Basic { username: username?, password: password? })
}

fn name(section: &mut Section<'_>, check: &mut Check<'_>) -> Option<Credential> {
    exclude(section, "username", "username_file", check);
    let file: Option<PathBuf> = section.value("username_file", check);
    if file.is_some() && !section.has("username") {
        return file.map(Credential::File);
    }
    let name: At<String> = section.need("username", check)?;
    if name.value.contains(':') {
        check.error(name.place, "a user name with a `:` cannot be sent", "", "HTTP ends the name there (RFC 7617)");
    }
    Some(Credential::Value(Secret::new(name.value)))
}

fn authorization(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let scheme: At<String> = section.get("type", check).unwrap_or(At { value: "Bearer".into(), place: section.place });
    if scheme.value.eq_ignore_ascii_case("basic") {
        check.error(scheme.place, "basic authentication has its own key", "", "use `basic_auth`");
    } else if scheme.value.is_empty() || !scheme.value.bytes().all(|b| b.is_ascii_graphic()) {
        check.error(scheme.place, "this is not an authentication scheme", "", "write one word, such as Bearer");
    }
    let credentials = credential(&mut section, "credentials", "credentials_file", check);
    section.later(&["credentials_ref"]).finish(check);
    Some(Auth::Authorization { scheme: scheme.value, credentials: credentials? })
}

fn oauth2(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let client_id: Option<At<String>> = section.need("client_id", check);
    let client_secret = credential(&mut section, "client_secret", "client_secret_file", check);
    let token_url: Option<At<Url>> = section.need("token_url", check);
    if token_url.as_ref().is_some_and(|url| url.value.travels_openly()) {
        let help = "use https, or reach the endpoint through a local proxy that does";
        check.warn(section.key_place("token_url"), "the client's secret is sent unencrypted over http", "", help);
    }
    let params = section.named("endpoint_params", check);
    let params = params.into_iter().filter_map(|(name, _, node)| Some((name.to_owned(), Secret::read(node, check)?)));
    let endpoint_params = params.collect();
    let scopes = section.value("scopes", check).unwrap_or_default();
    let tls = section.section("tls_config", check).map(|tls| tls::read(tls, check)).unwrap_or_default();
    let proxy = proxy::read(&mut section, check);
    section.later(&["client_certificate_key", "client_secret_ref", "grant_type"]).finish(check);
    Some(Auth::OAuth2(Box::new(OAuth2 {
        client_id: client_id?.value,
        client_secret: client_secret?,
        token_url: token_url?.value.0,
        scopes,
        endpoint_params,
        tls,
        proxy,
    })))
}

fn sigv4(mut section: Section<'_>, check: &mut Check<'_>) -> Option<Auth> {
    let access_key: Option<String> = section.value("access_key", check);
    let secret_key: Option<Secret> = section.value("secret_key", check);
    let halved = access_key.is_some() != secret_key.is_some();
    if halved {
        let help = "give both, or none for those of the environment";
        check.error(section.place, "`access_key` and `secret_key` belong together", "", help);
    }
    exclude(&section, "access_key", "profile", check);
    let role_arn: Option<At<String>> = section.get("role_arn", check);
    if let Some(role) = role_arn.as_ref().filter(|role| !role.value.starts_with("arn:")) {
        check.error(role.place, "this is not the ARN of a role", "", "write it as arn:aws:iam::123456789012:role/name");
    }
    let sigv4 = SigV4 {
        region: section.value("region", check),
        service: section.or("service_name", "aps".to_owned(), check),
        keys: access_key.zip(secret_key),
        profile: section.value("profile", check),
        role_arn: role_arn.map(|at| at.value),
    };
    section.later(&["external_id", "use_fips_sts_endpoint"]).finish(check);
    (!halved).then(|| Auth::SigV4(Box::new(sigv4)))
}

/// A secret given in place or as a file, exactly one of them.
fn credential(
    section: &mut Section<'_>,
    inline: &'static str,
    file: &'static str,
    check: &mut Check<'_>,
) -> Option<Credential> {
    exclude(section, inline, file, check);
    if !section.has(inline) && !section.has(file) {
        let help = "with the file, the secret stays out of the configuration and can change while weir runs";
        check.error(section.place, format!("`{inline}` or `{file}` is missing"), "", help);
    }
    let value: Option<At<Secret>> = section.get(inline, check);
    if let Some(value) = &value {
        header_value(value.value.expose(), value.place, check);
    }
    let path: Option<PathBuf> = section.value(file, check);
    value.map(|at| Credential::Value(at.value)).or(path.map(Credential::File))
}
