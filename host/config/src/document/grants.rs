//! `grant` of `[plugins.NAME]`: what an operator opens to a plugin.

use std::path::PathBuf;

use crate::check::Check;
use crate::section::Section;
use crate::setting::{At, word};
use crate::settings::Grant;

#[derive(Clone, Copy)]
enum Kind {
    FsRead,
    Env,
    Clock,
    Random,
    Http,
}

const KINDS: [(&str, Kind); 5] = [
    ("fs.read", Kind::FsRead),
    ("env", Kind::Env),
    ("clock", Kind::Clock),
    ("random", Kind::Random),
    ("http", Kind::Http),
];

/// Reads the list; what is wrong in it is reported.
pub(super) fn read(plugin: &mut Section<'_>, check: &mut Check<'_>) -> Vec<Grant> {
    let entries = plugin.sections("grant", "an entry of `grant`", check);
    entries.into_iter().filter_map(|entry| grant(entry, check)).collect()
}

fn grant(mut entry: Section<'_>, check: &mut Check<'_>) -> Option<Grant> {
    let Some(node) = entry.node("kind") else {
        let help = "as in grant = [{ kind = \"fs.read\", path = \"/var/lib/geoip\", mount = \"/data\" }]";
        check.error(entry.place, "a grant needs a `kind`: fs.read, env, clock, random or http", "", help);
        return None;
    };
    let grant = match word(node, &KINDS, check)? {
        Kind::FsRead => fs_read(&mut entry, check),
        Kind::Env => env(&mut entry, check),
        Kind::Clock => Some(Grant::Clock),
        Kind::Random => Some(Grant::Random),
        Kind::Http => http(&mut entry, check),
    };
    entry.finish(check);
    grant
}

fn fs_read(entry: &mut Section<'_>, check: &mut Check<'_>) -> Option<Grant> {
    let path = entry.need::<PathBuf>("path", check);
    let mount = entry.get::<String>("mount", check);
    let path = path?;
    if let Some(mount) = &mount
        && (!mount.value.starts_with('/') || mount.value.split('/').any(|part| part == ".."))
    {
        let help = "write where the plugin looks for it, as \"/data\"";
        check.error(mount.place, "this is not an absolute path", "", help);
    }
    let mount = mount.map_or_else(|| path.value.display().to_string(), |m| m.value);
    Some(Grant::FsRead { path: path.value, mount })
}

fn http(entry: &mut Section<'_>, check: &mut Check<'_>) -> Option<Grant> {
    let hosts = entry.need::<Vec<At<String>>>("hosts", check);
    let ca_file = entry.get::<PathBuf>("ca_file", check).map(|file| file.value);
    let hosts = hosts?;
    if hosts.value.is_empty() {
        check.error(hosts.place, "no host is listed", "", "list those that the plugin may ask, or remove the grant");
    }
    for host in &hosts.value {
        let written = &host.value;
        let is_host =
            !written.is_empty() && !written.contains(['/', '@', '*', '?', '#', ' ']) && !written.ends_with(':');
        if !is_host {
            let help = "write `host` (for ports 80 and 443) or `host:port`, as \"api.example.com:8443\"";
            check.error(host.place, "this is not a host", "", help);
        }
    }
    Some(Grant::Http { hosts: hosts.value.into_iter().map(|host| host.value).collect(), ca_file })
}

fn env(entry: &mut Section<'_>, check: &mut Check<'_>) -> Option<Grant> {
    let names = entry.need::<Vec<At<String>>>("names", check)?.value;
    for name in &names {
        if check.environment.var(&name.value).is_none() {
            let message = format!("the environment variable {} is not set", name.value);
            check.error(name.place, message, "", "set it for weir's process, or take it out of the grant");
        }
    }
    Some(Grant::Env { names: names.into_iter().map(|name| name.value).collect() })
}
