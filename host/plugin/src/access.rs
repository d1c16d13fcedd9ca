//! What the grants of one plugin open, made ready when it is loaded: what cannot be given is found then.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::error::LoadReason;
use crate::grants::{Grant, Kind};
use crate::http::{Hosts, HttpAccess, HttpSetup, Outbound};
use crate::settings::PluginSettings;

/// What the instances of a plugin reach.
pub(crate) struct Access {
    /// Folders that can be read, and where the plugin sees them.
    pub(crate) folders: Vec<(Arc<Dir>, String)>,
    /// Environment variables.
    pub(crate) env: Vec<(String, String)>,
    /// Its way to the hosts of its grant.
    pub(crate) http: Option<HttpAccess>,
    /// Where its clock for durations begins.
    pub(crate) since: Instant,
    kinds: Vec<Kind>,
}

impl Default for Access {
    fn default() -> Self {
        Self { folders: vec![], env: vec![], http: None, since: Instant::now(), kinds: vec![] }
    }
}

impl Access {
    /// Opens folders, reads variables, and makes the client for requests.
    pub(crate) fn open(settings: &PluginSettings, outbound: &Outbound) -> Result<Self, LoadReason> {
        let grants = &settings.grants;
        let (mut all_hosts, mut trusted) = (Vec::new(), None);
        let mut access = Self::default();
        for grant in grants {
            let failed = |why: String| LoadReason::Grant { grant: grant.to_string(), why };
            match grant {
                Grant::FsRead { path, mount } => {
                    let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|e| {
                        failed(format!(
                            "cannot open the folder {}: {e}; weir's user must be able to read it",
                            path.display()
                        ))
                    })?;
                    access.folders.push((Arc::new(dir), mount.clone()));
                }
                Grant::Env { names } => {
                    for name in names {
                        let value = std::env::var(name).map_err(|e| {
                            failed(format!("{name}: {e}; set it for weir's process, or take it out of the grant"))
                        })?;
                        access.env.push((name.clone(), value));
                    }
                }
                Grant::Clock | Grant::Random => {}
                Grant::Http { hosts, ca_file } => {
                    if ca_file.is_some() && trusted.is_some() && *ca_file != trusted {
                        return Err(failed(
                            "another grant of `http` has another `ca_file`: put both files in one".to_owned(),
                        ));
                    }
                    Hosts::new(hosts).map_err(failed)?;
                    all_hosts.extend(hosts.iter().cloned());
                    trusted = trusted.or_else(|| ca_file.clone());
                }
            }
            access.kinds.push(grant.kind());
        }
        if access.has(Kind::Http) {
            let failed = |why| LoadReason::Grant { grant: Kind::Http.to_string(), why };
            access.http = Some(HttpAccess::new(HttpSetup {
                hosts: Hosts::new(&all_hosts).map_err(failed)?,
                ca_file: trusted,
                outbound,
                timeout: settings.http_timeout,
                requests: settings.http_requests,
                max_body: settings.http_body,
            })?);
        }
        Ok(access)
    }

    /// Whether a grant of this kind was given.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Without the values of variables, which may be secrets.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}
