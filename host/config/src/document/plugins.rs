//! `[plugins.NAME]`, and which plugins there are.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use super::grants;
use crate::check::Check;
use crate::names;
use crate::pipelines::Names;
use crate::section::{Section, wrong_type};
use crate::setting::{At, Setting, Size, word};
use crate::settings::{OnError, PluginConfig, Secret};
use crate::source::names_a_secret;
use crate::suggest;
use crate::tree::{Node, Table, Value};

/// Reads all plugins' tables and finds out which plugins there are.
pub(super) fn read(
    top: &mut Section<'_>,
    plugin_dir: Option<&At<PathBuf>>,
    all: &mut Names,
    check: &mut Check<'_>,
) -> BTreeMap<String, PluginConfig> {
    let unknown = present(plugin_dir, all, check);
    let mut plugins = BTreeMap::new();
    for (name, place, node) in top.named("plugins", check) {
        let name = At { value: name.to_owned(), place };
        let good = names::component(&name, check);
        if good && !unknown && !all.plugins.contains(&name.value) {
            let help = match plugin_dir {
                None => "set `plugin_dir` to the folder that holds the plugins".to_owned(),
                Some(_) => suggest::help(&name.value, all.plugins.iter().map(String::as_str)),
            };
            let message = match plugin_dir {
                None => format!("there is no plugin `{}`", name.value),
                Some(dir) => format!("there is no file `{}`", dir.value.join(format!("{}.wasm", name.value)).display()),
            };
            check.error(place, message, "", help);
        }
        all.configured.push(name.clone());
        if let Some(section) = Section::open(node, format!("[plugins.{}]", name.value), check) {
            plugins.insert(name.value, plugin(section, check));
        }
    }
    plugins
}

/// Lists the plugins. True when that was not possible, so that no name can be called wrong.
fn present(plugin_dir: Option<&At<PathBuf>>, all: &mut Names, check: &mut Check<'_>) -> bool {
    all.plugins = check.environment.plugins();
    let mut failed = false;
    if let Some(dir) = plugin_dir {
        match check.environment.list(&dir.value) {
            Ok(files) => {
                let names = files.iter().filter_map(|file| file.strip_suffix(".wasm"));
                all.plugins.extend(names.map(str::to_owned));
            }
            Err(error) => {
                failed = true;
                let message = format!("cannot list the plugins in `{}`: {error}", dir.value.display());
                check.error(dir.place, message, "", "create the folder, or remove `plugin_dir`");
            }
        }
    }
    all.plugins.sort();
    all.plugins.dedup();
    all.plugins_unknown = failed;
    failed
}

fn plugin(mut section: Section<'_>, check: &mut Check<'_>) -> PluginConfig {
    let config = section.node("config");
    let json = config.map_or_else(|| Json::Object(serde_json::Map::new()), |node| json(node, false, check));
    let shown = config.map_or_else(|| Json::Object(serde_json::Map::new()), |node| self::json(node, true, check));
    let mut plugin = PluginConfig {
        config: Secret::new(json.to_string()),
        config_shown: shown.to_string(),
        memory: 64 << 20,
        table_elements: 65_536,
        stack: 512 << 10,
        state: 4 << 20,
        timeout: Duration::from_millis(50),
        configure_timeout: Duration::from_secs(5),
        returned_bytes: 16 << 20,
        host_call_bytes: 16 << 20,
        emit_records: 10_000,
        emit_bytes: 4 << 20,
        http_timeout: Duration::from_secs(5),
        http_requests: 10,
        http_body: 1 << 20,
        on_error: OnError::default(),
        sha256: section.get("sha256", check).and_then(|hash| sha256(&hash, check)),
        grants: Vec::new(),
        file_size: 64 << 20,
        compile_time: Duration::from_mins(1),
        compile_memory: 1 << 30,
    };
    if let Some(mut limits) = section.section("limits", check) {
        // a component of any language takes some pages of 64 KiB; a 32-bit one cannot have more than 4 GiB
        plugin.memory = within(&mut limits, "memory", plugin.memory, 64 << 10, 4 << 30, check);
        plugin.returned_bytes = within(&mut limits, "returned_bytes", plugin.returned_bytes, 1 << 10, 1 << 30, check);
        plugin.host_call_bytes =
            within(&mut limits, "host_call_bytes", plugin.host_call_bytes, 1 << 10, 1 << 30, check);
        // the runtime cannot give one table more; fewer than the functions that a component of any language points to help nobody
        plugin.table_elements = count(&mut limits, "table_elements", plugin.table_elements, 16, 262_144, check);
        // less starts no interpreter, and a thread of weir's has 2 MiB, of which weir needs some itself
        plugin.stack = within(&mut limits, "stack", plugin.stack, 64 << 10, 1 << 20, check);
        plugin.state = within(&mut limits, "state", plugin.state, 1 << 10, 1 << 30, check);
        // time is kept to within 5 ms; and a call holds up its page, which should not be longer than a scrape interval
        let (least, most) = (Duration::from_millis(1), Duration::from_mins(1));
        plugin.timeout = lasting(&mut limits, "timeout", plugin.timeout, least, most, check);
        plugin.configure_timeout =
            lasting(&mut limits, "configure_timeout", plugin.configure_timeout, least, most * 10, check);
        plugin.emit_bytes = within(&mut limits, "emit_bytes", plugin.emit_bytes, 1 << 10, 1 << 30, check);
        // more than any sink takes in; none at all keeps a plugin from emitting
        plugin.emit_records = count(&mut limits, "emit_records", plugin.emit_records, 0, 10_000_000, check);
        plugin.http_timeout = lasting(&mut limits, "http_timeout", plugin.http_timeout, least, most, check);
        plugin.http_requests = count(&mut limits, "http_requests", plugin.http_requests, 1, 10_000, check);
        plugin.http_body = within(&mut limits, "http_body", plugin.http_body, 1 << 10, 1 << 30, check);
        plugin.file_size = within(&mut limits, "file_size", plugin.file_size, 1 << 10, 1 << 30, check);
        // an idle compiler has some 30 MiB
        plugin.compile_memory = within(&mut limits, "compile_memory", plugin.compile_memory, 64 << 20, 64 << 30, check);
        // the quickest takes tens of milliseconds on an idle machine, and nobody should wait for ever
        plugin.compile_time =
            lasting(&mut limits, "compile_time", plugin.compile_time, Duration::from_secs(1), most * 60, check);
        limits.finish(check);
    }
    let policies = [("drop", OnError::Drop), ("pass", OnError::Pass), ("stop", OnError::Stop)];
    plugin.on_error = section.node("on_error").and_then(|node| word(node, &policies, check)).unwrap_or_default();
    plugin.grants = grants::read(&mut section, check);
    section.finish(check);
    plugin
}

fn within(
    section: &mut Section<'_>,
    key: &'static str,
    default: u64,
    least: u64,
    most: u64,
    check: &mut Check<'_>,
) -> u64 {
    let help = format!("choose a size from {}KiB to {}MiB", least >> 10, most >> 20);
    limit(section, key, Size(default), Size(least)..=Size(most), help, check).0
}

fn count(
    section: &mut Section<'_>,
    key: &'static str,
    default: u64,
    least: u64,
    most: u64,
    check: &mut Check<'_>,
) -> u64 {
    let help = format!("choose a number from {least} to {most}, or remove it for the default of {default}");
    limit(section, key, default, least..=most, help, check)
}

fn lasting(
    section: &mut Section<'_>,
    key: &'static str,
    default: Duration,
    least: Duration,
    most: Duration,
    check: &mut Check<'_>,
) -> Duration {
    let help = format!("choose a time from {least:?} to {most:?}, or remove it for the default of {default:?}");
    limit(section, key, default, least..=most, help, check)
}

/// A limit that has bounds of its own.
fn limit<T: Setting + PartialOrd>(
    section: &mut Section<'_>,
    key: &'static str,
    default: T,
    bounds: RangeInclusive<T>,
    help: String,
    check: &mut Check<'_>,
) -> T {
    let Some(written) = section.get::<T>(key, check) else { return default };
    if !bounds.contains(&written.value) {
        check.error(written.place, format!("this is no sensible limit for `{key}`"), "", help);
    }
    written.value
}

fn sha256(hash: &At<String>, check: &mut Check<'_>) -> Option<String> {
    if hash.value.len() == 64 && hash.value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(hash.value.to_ascii_lowercase());
    }
    let help = "write the 64 hexadecimal digits that `sha256sum NAME.wasm` prints";
    check.error(hash.place, "this is not a SHA-256", "", help);
    None
}

/// A plugin's own configuration. With `hide`, for showing.
fn json(node: &Node, hide: bool, check: &mut Check<'_>) -> Json {
    match &node.value {
        Value::String { expanded: true, .. } if hide => Json::from("<secret>"),
        Value::String { text, .. } => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => {
            let json = serde_json::Number::from_f64(*number).map(Json::Number);
            if json.is_none() && !hide {
                check.error(
                    node.place,
                    "a plugin cannot get this number: JSON has none like it",
                    "",
                    "use a finite one",
                );
            }
            json.unwrap_or_default()
        }
        Value::Boolean(truth) => Json::from(*truth),
        Value::Datetime(time) => Json::from(time.as_str()),
        Value::Array(items) => items.iter().map(|item| json(item, hide, check)).collect(),
        Value::Table(table) => object(table, hide, check),
        Value::Broken => {
            wrong_type(node, "a value", check);
            Json::Null
        }
    }
}

fn object(table: &Table, hide: bool, check: &mut Check<'_>) -> Json {
    let entries = table.0.iter().map(|(key, entry)| {
        let value = if hide && names_a_secret(key) { Json::from("<secret>") } else { json(&entry.node, hide, check) };
        (key.clone(), value)
    });
    Json::Object(entries.collect())
}
