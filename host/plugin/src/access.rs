//! What the grants of one plugin open, made ready when it is loaded: what cannot be given is found then.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::error::LoadReason;
use crate::grants::{Grant, Kind};

/// What the instances of a plugin reach.
pub(crate) struct Access {
    /// Folders that can be read, and where the plugin sees them.
    pub(crate) folders: Vec<(Arc<Dir>, String)>,
    /// Environment variables.
    pub(crate) env: Vec<(String, String)>,
    /// Where its clock for durations begins.
    pub(crate) since: Instant,
    kinds: Vec<Kind>,
}

impl Default for Access {
    fn default() -> Self {
        Self { folders: vec![], env: vec![], since: Instant::now(), kinds: vec![] }
    }
}

impl Access {
    /// Opens folders and reads variables.
    pub(crate) fn open(grants: &[Grant]) -> Result<Self, LoadReason> {
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
                Grant::Http { .. } => {
                    return Err(failed("this weir has no requests for plugins yet: remove it".to_owned()));
                }
            }
            access.kinds.push(grant.kind());
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
