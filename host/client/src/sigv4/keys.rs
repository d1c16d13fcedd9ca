//! Access keys: of the settings, of the environment, or of the shared credentials file.

use std::path::PathBuf;

use crate::secret_text::limited;
use crate::settings::SigV4Settings;
use crate::watched::Watched;
use crate::{BuildError, Secret};

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Sent in the clear with each request.
    pub(crate) id: String,
    pub(crate) secret: Secret,
    /// With keys that last for a time only.
    pub(crate) token: Option<Secret>,
}

/// Where keys come from.
pub(super) enum Source {
    Fixed(Keys),
    Profile { file: PathBuf, profile: String, key: &'static str },
}

impl Source {
    /// In the order of AWS' own tools: what is set, then a profile that is named, then the environment, then the profile
    /// that holds without one. Keys of the machine or the container (IMDS, ECS, web identity) are not supported.
    pub(super) fn new(
        settings: &SigV4Settings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        if let Some((id, secret)) = &settings.keys {
            return Ok(Self::Fixed(Keys { id: id.clone(), secret: secret.clone(), token: None }));
        }
        let profile = settings.profile.clone();
        let from_environment = (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"));
        if let (None, (Some(id), Some(secret))) = (&profile, from_environment) {
            let token = environment("AWS_SESSION_TOKEN").map(Secret::from);
            return Ok(Self::Fixed(Keys { id, secret: secret.into(), token }));
        }
        let home = || environment("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
        let file = environment("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from).or_else(home);
        let key = if profile.is_some() { "sigv4.profile" } else { "sigv4" };
        let profile = profile.or_else(|| environment("AWS_PROFILE")).unwrap_or_else(|| "default".into());
        match file.filter(|file| key == "sigv4.profile" || file.exists()) {
            Some(file) => Ok(Self::Profile { file, profile, key }),
            None => Err(BuildError::Value { key, problem: format!("there are no AWS keys; {WHERE}") }),
        }
    }

    pub(super) fn watch(self) -> Result<Watched<Keys>, BuildError> {
        match self {
            Self::Fixed(keys) => Watched::new("sigv4", Vec::new(), move || Ok(keys.clone())),
            Self::Profile { file, profile, key } => Watched::new(key, vec![file.clone()], move || {
                let text = limited(&file).map_err(|source| BuildError::File { key, path: file.clone(), source })?;
                of_profile(&text, &profile).map_err(|problem| BuildError::Value {
                    key,
                    problem: format!("profile `{profile}` in {}: {problem}; {WHERE}", file.display()),
                })
            }),
        }
    }
}

const WHERE: &str = "set `access_key` and `secret_key`, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or keys of a profile \
                     in the shared credentials file";

/// The keys of a profile in the text of a shared credentials file.
fn of_profile(text: &str, profile: &str) -> Result<Keys, &'static str> {
    let mut section = None;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = Some(name.trim());
        } else if section == Some(profile)
            && let Some((key, value)) = line.split_once('=')
        {
            let value = value.trim();
            match key.trim() {
                _ if value.is_empty() => {}
                "aws_access_key_id" => id = Some(value.to_owned()),
                "aws_secret_access_key" => secret = Some(Secret::from(value)),
                "aws_session_token" => token = Some(Secret::from(value)),
                _ => {}
            }
        }
    }
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Keys { id, secret, token }),
        _ => Err("it has no aws_access_key_id and aws_secret_access_key, and weir supports no other kind"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[default]\naws_access_key_id = AKID1\naws_secret_access_key=hush1/+=\n\n\
                        [ other ]\naws_access_key_id=AKID2\n; no\naws_secret_access_key = hush2\n\
                        aws_session_token = hush3\n[sso]\nsso_session = x\n";

    #[test]
    fn a_profile_is_found_in_the_shared_file() {
        let keys = of_profile(FILE, "default").unwrap();
        assert_eq!(keys, Keys { id: "AKID1".into(), secret: "hush1/+=".into(), token: None });
        let keys = of_profile(FILE, "other").unwrap();
        assert_eq!(keys, Keys { id: "AKID2".into(), secret: "hush2".into(), token: Some("hush3".into()) });
        assert!(!format!("{keys:?}").contains("hush"));
        assert!(of_profile(FILE, "sso").is_err() && of_profile(FILE, "none").is_err());
    }

    #[test]
    fn keys_come_from_where_aws_tools_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        std::fs::write(&file, FILE).unwrap();
        let settings = |profile: Option<&str>| SigV4Settings {
            region: None,
            service: "aps".into(),
            keys: None,
            profile: profile.map(str::to_owned),
            role_arn: None,
        };
        let path = file.to_str().unwrap();
        let shared = ("AWS_SHARED_CREDENTIALS_FILE", path);
        let in_environment = [("AWS_ACCESS_KEY_ID", "AKIDE"), ("AWS_SECRET_ACCESS_KEY", "hush"), shared];
        for (profile, environment, expected) in [
            (None, &in_environment[..], Some("AKIDE")),
            (Some("other"), &in_environment[..], Some("AKID2")),
            (None, &[shared, ("AWS_PROFILE", "other")][..], Some("AKID2")),
            (None, &[shared][..], Some("AKID1")),
            (Some("sso"), &[shared][..], None),
            (None, &[("HOME", "/does/not/exist")][..], None),
            (None, &[][..], None),
        ] {
            let find = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            let keys = Source::new(&settings(profile), &find).and_then(Source::watch);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            match (keys, expected) {
                (Ok(keys), Some(expected)) => assert_eq!(runtime.block_on(keys.value()).id, expected),
                (Err(error), None) => assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}"),
                (keys, expected) => panic!("{keys:?} instead of {expected:?}"),
            }
        }
    }
}
