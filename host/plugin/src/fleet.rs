//! The plugins themselves: which versions run, and how one takes another's place. Knows no threads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use weir_telemetry::Metrics;

use crate::access::Access;
use crate::change::{Change, ChangeLog};
use crate::custom::CustomMetrics;
use crate::directory::{Changes, File};
use crate::emission::{Budget, EmitLimits};
use crate::engine::{Runtimes, STACK};
use crate::error::{LoadError, LoadReason};
use crate::guest::WasmGuest;
use crate::guest_log::GuestLog;
use crate::http::{AT_ONCE, HttpFamilies, Outbound};
use crate::kept::KeptStates;
use crate::metrics::PluginMetrics;
use crate::outline::Outline;
use crate::seat::{Seats, Ticker};
use crate::settings::{PluginSettings, Settings};
use crate::state::{Crossing, Services};
use crate::store::{Compiled, Store, check_pin, is_component, sha256};
use crate::threads::GuestThreads;

/// The problem of a plugin that the configuration names, and that runs without its file.
const FILE_GONE: &str = "its file is gone";

/// Where a plugin's component comes from.
#[derive(Clone, Debug)]
enum Origin {
    File(File),
    Embedded(usize),
}

/// All plugins by name.
pub(crate) struct Fleet {
    settings: Settings,
    runtimes: Runtimes,
    threads: Arc<GuestThreads>,
    store: Store,
    metrics: PluginMetrics,
    custom: CustomMetrics,
    kept: KeptStates,
    seats: Seats,
    ticker: Arc<Ticker>,
    outbound: Outbound,
    http: HttpFamilies,
    seed: (u64, u64),
    running: BTreeMap<String, Arc<WasmGuest>>,
    /// Why the newest version of a plugin does not run.
    problems: BTreeMap<String, String>,
    /// What other versions changed, or would.
    changes: ChangeLog,
}

impl Fleet {
    /// Loads everything. `files` are whole.
    pub(crate) fn open(
        settings: Settings,
        files: BTreeMap<String, File>,
        metrics: &Metrics,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Vec<LoadError>> {
        let runtimes = Runtimes::new(settings.max_instances).with_places(settings.places);
        let usual = runtimes.with(STACK).map_err(|e| vec![e.of("")])?;
        let threads = GuestThreads::new().map_err(|e| vec![e.of("")])?;
        let store = Store::open(usual.engine(), &settings, stop);
        let mut fleet = Self {
            settings: Settings::default(),
            runtimes,
            threads: Arc::new(threads),
            store,
            metrics: PluginMetrics::new(metrics),
            custom: CustomMetrics::new(metrics),
            kept: KeptStates::default(),
            seats: Seats::default(),
            ticker: Arc::new(Ticker::start(settings.ticks).map_err(|e| vec![e.of("")])?),
            outbound: Outbound::default(),
            http: HttpFamilies::new(metrics),
            seed: seed(),
            running: BTreeMap::new(),
            problems: BTreeMap::new(),
            changes: ChangeLog::default(),
        };
        fleet.apply(settings, files)?;
        Ok(fleet)
    }

    /// What runs, in the order of the files' names.
    pub(crate) fn running(&self) -> Vec<Arc<WasmGuest>> {
        let mut all: Vec<_> = self.running.iter().collect();
        // `a-b.wasm` is before `a.wasm`, other than `a-b` and `a`.
        all.sort_by_cached_key(|(name, _)| format!("{name}.wasm"));
        all.into_iter().map(|(_, guest)| guest.clone()).collect()
    }

    /// What calls the plugins that hold state over time.
    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.ticker
    }

    /// Why the newest version of plugins does not run.
    pub(crate) fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// What the newest versions of plugins changed, or would.
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// The settings that hold.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Goes over to other settings and to what is in `files`, all or nothing.
    pub(crate) fn apply(&mut self, settings: Settings, files: BTreeMap<String, File>) -> Result<(), Vec<LoadError>> {
        let mut origins: BTreeMap<String, Origin> =
            settings.embedded.iter().enumerate().map(|(i, e)| (e.name.clone(), Origin::Embedded(i))).collect();
        origins.extend(files.into_iter().map(|(name, file)| (name, Origin::File(file))));
        let (mut next, mut errors, mut gone) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (name, built) in self.build_all(&settings, &origins) {
            match built {
                Ok(guest) => _ = next.insert(name, guest),
                Err(reason) => errors.push(reason.of(&name)),
            }
        }
        for name in settings.plugins.keys().filter(|n| !origins.contains_key(*n)) {
            match self.keep(&settings, name) {
                Ok(guest) => _ = next.insert(name.clone(), guest),
                Err(reason) => errors.push(reason.of(name)),
            }
            gone.push(name.clone());
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        for name in self.running.keys().filter(|n| !next.contains_key(*n)) {
            self.custom.forget(name);
            self.kept.forget(name);
        }
        for (name, guest) in &next {
            if let Some(old) = self.running.get(name)
                && let Some(change) = change(old.compiled(), guest.compiled())
            {
                tracing::info!(plugin = name, %change, "plugin loaded");
                self.changes.made.insert(name.clone(), change);
            }
        }
        self.changes.made.retain(|name, _| next.contains_key(name));
        self.changes.pending.clear();
        self.running = next;
        self.settings = settings;
        self.problems = gone.into_iter().map(|name| (name, FILE_GONE.to_owned())).collect();
        Ok(())
    }

    /// Follows what happened in the directory, each plugin by itself. Whether anything else runs now.
    pub(crate) fn follow(&mut self, changes: Changes) -> bool {
        let mut moved = false;
        for (name, file) in changes.changed {
            moved |= self.replace(&name, &Origin::File(file));
        }
        for name in changes.gone {
            let embedded = self.settings.embedded.iter().position(|e| e.name == name);
            if let Some(i) = embedded {
                moved |= self.replace(&name, &Origin::Embedded(i));
            } else if self.settings.plugins.contains_key(&name) {
                tracing::warn!(
                    plugin = name,
                    "the file of a plugin that the configuration names is gone: it keeps running"
                );
                self.problems.insert(name, FILE_GONE.to_owned());
            } else {
                self.problems.remove(&name);
                self.changes.pending.remove(&name);
                self.changes.made.remove(&name);
                if self.running.remove(&name).is_some() {
                    tracing::info!(plugin = name, "plugin removed with its file");
                    self.metrics.reloaded(&name, "removed");
                    self.custom.forget(&name);
                    self.kept.forget(&name);
                    moved = true;
                }
            }
        }
        moved
    }

    fn replace(&mut self, name: &str, origin: &Origin) -> bool {
        match self.build(&self.settings, name, origin) {
            Ok(guest) => {
                let change = self.running.get(name).and_then(|old| change(old.compiled(), guest.compiled()));
                let sha256 = &guest.compiled().sha256;
                if let Some(change) = change {
                    tracing::info!(plugin = name, %change, "plugin loaded");
                    self.changes.made.insert(name.to_owned(), change);
                } else {
                    tracing::info!(plugin = name, sha256, "plugin loaded");
                }
                self.changes.pending.remove(name);
                self.metrics.reloaded(name, "ok");
                self.problems.remove(name);
                self.running.insert(name.to_owned(), guest);
                true
            }
            Err(error) => {
                let old =
                    if self.running.contains_key(name) { "the old version keeps running" } else { "it does not run" };
                if let Some(change) = self.pending(name, origin) {
                    tracing::warn!(plugin = name, %error, %change, "plugin not loaded: {old}");
                    self.changes.pending.insert(name.to_owned(), change);
                } else {
                    tracing::warn!(plugin = name, %error, "plugin not loaded: {old}");
                    self.changes.pending.remove(name);
                }
                self.metrics.reloaded(name, "error");
                self.problems.insert(name.to_owned(), error.to_string());
                false
            }
        }
    }

    /// What a version would change that does not run, where it is a component and takes another's place.
    fn pending(&self, name: &str, origin: &Origin) -> Option<Change> {
        let running = self.running.get(name)?.compiled();
        let bytes =
            read(&self.settings, origin, self.settings.plugins.get(name).cloned().unwrap_or_default().max_file_bytes)
                .ok()?;
        let outline = Outline::read(&bytes).ok()?;
        Change::between((&running.sha256, &running.outline), (&sha256(&bytes), &outline))
    }

    /// All guests, in the order of their names, made on as many threads as there are processors: a start should not wait for twenty
    /// plugins one after the other.
    fn build_all(
        &self,
        settings: &Settings,
        origins: &BTreeMap<String, Origin>,
    ) -> BTreeMap<String, Result<Arc<WasmGuest>, LoadReason>> {
        let jobs: Vec<_> = origins.iter().collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut built = Vec::new();
            while let Some((name, origin)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                built.push(((*name).clone(), self.build(settings, name, origin)));
            }
            built
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(jobs.len());
        std::thread::scope(|scope| {
            // Where the system has no more threads to give, the others do it.
            let start = |_| std::thread::Builder::new().name("weir-load".to_owned()).spawn_scoped(scope, work).ok();
            let threads: Vec<_> = (1..threads).filter_map(start).collect();
            let own = work();
            let joined = threads.into_iter().flat_map(|t| t.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            joined.chain(own).collect()
        })
    }

    /// The guest of a component; the one that runs, where nothing has changed.
    fn build(&self, settings: &Settings, name: &str, origin: &Origin) -> Result<Arc<WasmGuest>, LoadReason> {
        let plugin = settings.plugins.get(name).cloned().unwrap_or_default();
        let bytes = read(settings, origin, plugin.max_file_bytes)?;
        let begin = Instant::now();
        let running = self.running.get(name);
        let compiled = if let Some(same) = running.filter(|r| is_component(&bytes, &r.compiled().sha256)) {
            same.compiled().clone()
        } else {
            let compiled = self.store.load(self.runtimes.with(plugin.stack)?.engine(), bytes, &plugin)?;
            self.metrics.compiled(name, begin.elapsed());
            tracing::debug!(plugin = name, cached = compiled.cached, took = ?begin.elapsed(), "plugin compiled");
            compiled
        };
        self.guest(settings, name, plugin, &compiled)
    }

    /// The guest of a plugin whose file is gone: the component that runs, in the settings' configuration.
    fn keep(&self, settings: &Settings, name: &str) -> Result<Arc<WasmGuest>, LoadReason> {
        let Some(running) = self.running.get(name) else {
            let path = settings.dir.clone().unwrap_or_else(|| PathBuf::from("plugin_dir")).join(format!("{name}.wasm"));
            return Err(LoadReason::Missing { path });
        };
        tracing::warn!(plugin = name, "the file of a plugin that the configuration names is gone: it keeps running");
        let plugin = settings.plugins.get(name).cloned().unwrap_or_default();
        self.guest(settings, name, plugin, running.compiled())
    }

    fn guest(
        &self,
        settings: &Settings,
        name: &str,
        plugin: PluginSettings,
        compiled: &Compiled,
    ) -> Result<Arc<WasmGuest>, LoadReason> {
        check_pin(&compiled.sha256, plugin.sha256.as_deref())?;
        if let Some(running) = self.running.get(name)
            && *running.settings() == plugin
            && running.compiled().sha256 == compiled.sha256
        {
            return Ok(running.clone());
        }
        let metrics = self.metrics.of_guest(name);
        let services = Arc::new(Services {
            plugin: name.to_owned(),
            log: GuestLog::new(name, metrics.lines_written.clone(), metrics.lines_dropped.clone())
                .heard_by(settings.log_to.clone()),
            custom: self.custom.clone(),
            seed: self.seed,
            emit_to: settings.emit_to.clone(),
            emit_limits: EmitLimits {
                budget: Budget::new(plugin.emit_records, plugin.emit_bytes),
                ok: self.metrics.emissions(name, "ok"),
                malformed: self.metrics.emissions(name, "malformed"),
                over_budget: self.metrics.emissions(name, "over_budget"),
                not_now: self.metrics.emissions(name, "not_now"),
            },
            kept: self.kept.clone(),
            not_kept: self.metrics.not_kept.clone(),
            seats: self.seats.clone(),
            crossing: Crossing { returned: plugin.max_returned_bytes, handed: plugin.host_call_bytes },
            access: Access::open(&plugin, &self.outbound)?,
            http: self.http.of(name),
        });
        let threads = match services.access.http {
            Some(_) => Arc::new(GuestThreads::waiting(AT_ONCE)?),
            None => self.threads.clone(),
        };
        let (runtime, ticker) = (self.runtimes.with(plugin.stack)?, &self.ticker);
        let compiled = compiled.on(runtime.engine())?;
        WasmGuest::load(&runtime, &threads, ticker, compiled, plugin, services, metrics, settings.idle_instances)
            .map(Arc::new)
    }
}

fn change(old: &Compiled, new: &Compiled) -> Option<Change> {
    Change::between((&old.sha256, &old.outline), (&new.sha256, &new.outline))
}

/// The bytes of a component. A file that grows while it is read ends at the limit.
fn read(settings: &Settings, origin: &Origin, limit: u64) -> Result<Vec<u8>, LoadReason> {
    let too_large = |bytes| LoadReason::TooLarge { bytes, limit };
    match origin {
        Origin::Embedded(i) => {
            let bytes = settings.embedded.get(*i).map(|e| e.bytes.to_vec()).unwrap_or_default();
            if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
        }
        Origin::File(file) => {
            if file.bytes() > limit {
                return Err(too_large(file.bytes()));
            }
            let mut bytes = Vec::new();
            // What was a file when the directory was looked at may be a pipe by now, which would hold weir's reloads for ever.
            let opened = fs::OpenOptions::new()
                .read(true)
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(&file.path);
            opened
                .and_then(|f| if f.metadata()?.is_file() { Ok(f) } else { Err(io::ErrorKind::InvalidInput.into()) })
                .and_then(|f| f.take(limit.saturating_add(1)).read_to_end(&mut bytes))
                .map_err(|source| LoadReason::Read { path: file.path.clone(), source })?;
            if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
        }
    }
}

/// Differs from process to process: what a hash map needs against chosen keys.
fn seed() -> (u64, u64) {
    use std::hash::BuildHasher;
    let state = std::hash::RandomState::new();
    (state.hash_one(1_u8), state.hash_one(2_u8))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_pipe_in_place_of_a_file_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("p.wasm"), b"once a file").unwrap();
        let file = crate::directory::scan(dir.path()).unwrap().files.remove("p").unwrap();
        let path: &Path = &file.path;
        std::fs::remove_file(path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        let error = read(&Settings::default(), &Origin::File(file.clone()), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("cannot read"), "{error}");
    }
}
