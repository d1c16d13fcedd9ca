//! From a project to a component's file.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::component::{add_manifest, exports_lifecycle};
use crate::error::AuthorError;
use crate::language::Mode;
use crate::project::Project;

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The component.
    pub component: Vec<u8>,
    /// What the compiler has to say of the author's code all the same: its warnings. Mostly empty.
    pub said: String,
}

/// Builds a project and gives the component, its manifest within.
pub fn build(project: &Project, mode: Mode) -> Result<Built, AuthorError> {
    if let Some(asked) = project.manifest.grants.iter().find(|asked| !project.language.can_have(asked.kind)) {
        let (kind, language) = (asked.kind, project.language);
        let what = format!(
            "a plugin in {} cannot have the grant `{kind}`: see \"What a plugin cannot have\" in weir/sdk/{}/README.md",
            language.name(),
            language.sdk()
        );
        return Err(AuthorError::Manifest { path: project.dir.join(crate::MANIFEST_FILE), what });
    }
    let missing = project.language.toolchain(project);
    if !missing.is_empty() {
        return Err(AuthorError::Toolchain(missing));
    }
    let mut built = project.language.build(project, mode)?;
    if !exports_lifecycle(&built.component) {
        return Err(AuthorError::Component {
            what: "what the compiler made is no plugin",
            reason: format!(
                "it exports nothing of weir's; weir/sdk/{}/README.md shows how a plugin is exported",
                project.language.sdk()
            ),
        });
    }
    add_manifest(&mut built.component, &project.manifest_text);
    Ok(built)
}

/// Puts a file in its place at once: whoever looks there sees the old one or the whole new one.
pub fn place(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(AuthorError::file(dir))?;
    let named = |e| AuthorError::File { path: path.to_owned(), source: e };
    let mut file = tempfile::Builder::new().prefix(".weir-").tempfile_in(dir).map_err(named)?;
    file.write_all(bytes).map_err(named)?;
    // made for its owner alone: a running weir may be another user
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(named)?;
    }
    file.persist(path).map_err(|e| named(e.error))?;
    Ok(())
}
