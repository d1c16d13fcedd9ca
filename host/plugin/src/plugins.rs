//! The public face: one thread owns the plugins, looks after their directory and publishes what runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;
use weir_pipeline::guest::{CallError, Guest, Wants};
use weir_telemetry::Metrics;

use crate::change::{Change, ChangeLog};
use crate::directory::{File, Scan, Watched, scan};
use crate::error::{LoadError, LoadReason};
use crate::fleet::Fleet;
use crate::guest::WasmGuest;
use crate::seat::Ticker;
use crate::settings::Settings;

/// How long a start waits for files that somebody is just copying. What is not whole then is an error.
const SETTLE_AT_START: Duration = Duration::from_secs(10);

/// The plugins that run, in the order of their files' names. Never changes; a reload makes another.
#[derive(Clone, Default)]
pub struct PluginSet {
    /// Counts the sets of this process.
    pub generation: u64,
    /// The guests, by ascending file name.
    pub guests: Vec<Arc<dyn Guest>>,
}

/// How a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginState {
    /// Calls go through.
    Running,
    /// It failed too often and rests (the circuit breaker is open).
    Resting,
    /// It has never run; [`PluginStatus::problem`] says why.
    Failed,
}

/// What an operator wants to know of a plugin.
#[derive(Clone, Debug)]
pub struct PluginStatus {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its component, in hexadecimal; empty where none runs.
    pub sha256: String,
    /// The interfaces it has and what they read.
    pub wants: Wants,
    /// Whether it can emit samples or lines of its own: it imports `emit`, which toolchains leave out where it is not used.
    pub emits: bool,
    /// How it does.
    pub state: PluginState,
    /// How much processor time calls take lately; `None` before the first.
    pub average_call: Option<Duration>,
    /// Why its file's newest version does not run, where it does not.
    pub problem: Option<String>,
    /// Requests that this version has made and that were answered, and those that were not; `None` where it may make none.
    pub requests: Option<(u64, u64)>,
    /// What the last version that took the place of another changed.
    pub change: Option<Change>,
    /// What its file's newest version would change, which does not run; [`PluginStatus::problem`] says why.
    pub pending: Option<Change>,
}

/// All plugins, and the thread that watches their directory. Dropping it ends the thread; guests that are still
/// held elsewhere keep working.
pub struct Plugins {
    current: watch::Receiver<Arc<PluginSet>>,
    shown: Arc<Mutex<Shown>>,
    orders: SyncSender<Order>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    ticker: Arc<Ticker>,
}

/// What [`Plugins::status`] is made of.
#[derive(Default)]
struct Shown {
    running: Vec<Arc<WasmGuest>>,
    problems: BTreeMap<String, String>,
    changes: ChangeLog,
}

enum Order {
    /// Something happened in the directory, or weir stops.
    Look,
    Apply(Box<Settings>, SyncSender<Result<Arc<PluginSet>, Vec<LoadError>>>),
}

impl Plugins {
    /// Loads everything, starts watching. Blocks while components compile: not for a thread that serves others. All faults
    /// are gathered.
    pub fn open(settings: Settings, metrics: &Metrics) -> Result<Self, Vec<LoadError>> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut watched = Watched::default();
        let files = whole_files(&settings, &mut watched).map_err(|e| vec![e.of("")])?;
        let fleet = Fleet::open(settings, files, metrics, stop.clone())?;
        let ticker = fleet.ticker().clone();
        let (publish, current) = watch::channel(Arc::new(PluginSet::default()));
        // Looks are only hints, of which one is as good as many.
        let (orders, inbox) = mpsc::sync_channel(8);
        let shown = Arc::new(Mutex::new(Shown::default()));
        let mut keeper = Keeper {
            fleet,
            watched,
            publish,
            shown: shown.clone(),
            stop: stop.clone(),
            dir_is_gone: false,
            odd: Odd::default(),
        };
        keeper.publish();
        let hints = orders.clone();
        let thread = std::thread::Builder::new()
            .name("weir-plugins".to_owned())
            .spawn(move || keeper.run(&inbox, &hints))
            .map_err(|e| vec![LoadReason::Runtime(e.to_string()).of("")])?;
        Ok(Self { current, shown, orders, stop, thread: Some(thread), ticker })
    }

    /// Loads and configures everything as [`Plugins::open`] would, and lets go of it again: for `weir check`. Blocks
    /// like it.
    pub fn check(settings: &Settings) -> Result<Vec<PluginStatus>, Vec<LoadError>> {
        let files = whole_files(settings, &mut Watched::default()).map_err(|e| vec![e.of("")])?;
        let fleet = Fleet::open(settings.clone(), files, &Metrics::new(), Arc::default())?;
        Ok(status(&fleet.running(), fleet.problems(), fleet.changes()))
    }

    /// The plugins that run now.
    pub fn current(&self) -> Arc<PluginSet> {
        self.current.borrow().clone()
    }

    /// How long it takes to make and configure one more instance of a plugin that runs, which then goes: for `weir plugin bench`. `None`
    /// where no plugin of this name runs. Errors: what would end a call that needs an instance.
    pub fn time_an_instance(&self, plugin: &str) -> Option<Result<Duration, CallError>> {
        let guest = lock(&self.shown).running.iter().find(|guest| guest.name() == plugin).cloned();
        guest.map(|guest| guest.time_an_instance())
    }

    /// Each set that is published; the current one counts as seen.
    pub fn subscribe(&self) -> watch::Receiver<Arc<PluginSet>> {
        let mut receiver = self.current.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// Goes over to other settings: all that is new or changed is loaded beside the old, then published at once; on any fault
    /// nothing changes. What is the same keeps its instances. Blocks while components compile. `cache_dir`,
    /// `compiler`, `max_instances` and `ticks` stay as they were at start.
    pub fn apply(&self, settings: Settings) -> Result<Arc<PluginSet>, Vec<LoadError>> {
        let (reply, answer) = mpsc::sync_channel(1);
        let ended = || vec![LoadReason::Runtime("the thread that loads plugins has ended".to_owned()).of("")];
        self.orders.send(Order::Apply(Box::new(settings), reply)).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }

    /// Calls for the last time every plugin that is called over time, so that it hands out what it has gathered. To be called when
    /// no other call comes any more; blocks for as long as the calls take. Says whether any was called: what it has emitted may have
    /// come to another, which is then called when this is done again.
    pub fn end_ticks(&self) -> bool {
        self.ticker.end_all()
    }

    /// Calls every plugin that is called over time and that a pipeline holds, as if it were this time, in milliseconds since the
    /// epoch; `last` as in [`end_ticks`](Self::end_ticks), behind which the next call makes a new instance. Gives how each call
    /// came out. Blocks. With [`Ticks::WhenAsked`](crate::Ticks::WhenAsked) these are all the ticks that there are.
    pub fn tick(&self, now: i64, last: bool) -> Vec<Result<(), CallError>> {
        self.ticker.tick_all(now, last)
    }

    /// How each plugin does, those that are not loaded for some problem included.
    pub fn status(&self) -> Vec<PluginStatus> {
        let shown = lock(&self.shown);
        status(&shown.running, &shown.problems, &shown.changes)
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        self.ticker.stop();
        self.stop.store(true, Ordering::Release);
        // A full inbox wakes it as well.
        let _ = self.orders.try_send(Order::Look);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Keeper {
    fleet: Fleet,
    watched: Watched,
    publish: watch::Sender<Arc<PluginSet>>,
    shown: Arc<Mutex<Shown>>,
    stop: Arc<AtomicBool>,
    dir_is_gone: bool,
    odd: Odd,
}

/// What there is under the names of plugins that is no file.
#[derive(Default)]
struct Odd {
    /// What the last look found.
    seen: BTreeMap<String, &'static str>,
    /// What two looks in a row found, and operators are told of: a link may lead nowhere while it is replaced.
    told: BTreeMap<String, &'static str>,
    changed: bool,
}

impl Odd {
    /// Takes in what another look found. Whether there should be one more soon.
    fn look(&mut self, found: BTreeMap<String, &'static str>) -> bool {
        let both: BTreeMap<_, _> =
            found.iter().filter(|(n, w)| self.seen.get(*n) == Some(w)).map(|(n, w)| (n.clone(), *w)).collect();
        for (plugin, what) in both.iter().filter(|(n, _)| !self.told.contains_key(*n)) {
            tracing::warn!(plugin, "no plugin: it is {what}");
        }
        self.changed |= both != self.told;
        self.told = both;
        std::mem::replace(&mut self.seen, found) != self.seen
    }
}

impl Keeper {
    fn run(&mut self, inbox: &Receiver<Order>, hints: &SyncSender<Order>) {
        let mut watcher = self.watcher(hints);
        let mut unsettled = false;
        while !self.stop.load(Ordering::Acquire) {
            let settings = self.fleet.settings();
            let wait = if unsettled { settings.settle.min(settings.poll_interval) } else { settings.poll_interval };
            match inbox.recv_timeout(wait) {
                Ok(Order::Apply(settings, reply)) => {
                    let outcome = self.apply(*settings);
                    if outcome.is_ok() {
                        watcher = self.watcher(hints);
                    }
                    let _ = reply.send(outcome);
                }
                Ok(Order::Look) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            unsettled = self.look();
        }
        drop(watcher);
    }

    /// Asks the system to tell of changes; where it does not, looking now and then must do.
    fn watcher(&self, hints: &SyncSender<Order>) -> Option<RecommendedWatcher> {
        let dir = self.fleet.settings().dir.as_ref()?;
        let hints = hints.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // reading the directory is an access, too: heeding those would make each look cause the next
            if !event.is_ok_and(|e| is_mere_access(e.kind)) {
                let _ = hints.try_send(Order::Look);
            }
        })
        .and_then(|mut w| w.watch(dir, RecursiveMode::NonRecursive).map(|()| w));
        watcher
            .inspect_err(
                |error| tracing::debug!(%error, "no file system events for the plugin directory: polling only"),
            )
            .ok()
    }

    /// Looks at the directory once. Whether something there is under way.
    fn look(&mut self) -> bool {
        let settings = self.fleet.settings();
        let Some(dir) = settings.dir.as_deref() else { return false };
        let Scan { files, odd } = match scan(dir) {
            Ok(found) => found,
            Err(error) => {
                if !std::mem::replace(&mut self.dir_is_gone, true) {
                    tracing::warn!(dir = %dir.display(), %error, "cannot read the plugin directory: plugins stay as they are");
                }
                return false;
            }
        };
        self.dir_is_gone = false;
        let changes = self.watched.look(&files, Instant::now(), settings.settle);
        let unsettled = changes.unsettled | self.odd.look(odd);
        if changes.changed.is_empty() && changes.gone.is_empty() {
            if std::mem::take(&mut self.odd.changed) {
                self.show();
            }
            return unsettled;
        }
        if self.fleet.follow(changes) {
            self.publish();
        } else {
            self.show();
        }
        unsettled
    }

    fn apply(&mut self, settings: Settings) -> Result<Arc<PluginSet>, Vec<LoadError>> {
        let mut watched = Watched::default();
        let files = whole_files(&settings, &mut watched).map_err(|e| vec![e.of("")])?;
        self.fleet.apply(settings, files)?;
        self.watched = watched;
        self.publish();
        Ok(self.publish.borrow().clone())
    }

    fn publish(&self) {
        let guests = self.fleet.running().into_iter().map(|g| g as Arc<dyn Guest>).collect();
        self.show();
        self.publish.send_modify(|set| *set = Arc::new(PluginSet { generation: set.generation + 1, guests }));
    }

    fn show(&self) {
        let fleet = &self.fleet;
        let (mut problems, changes) = (fleet.problems().clone(), fleet.changes().clone());
        for (name, what) in &self.odd.told {
            problems.entry(name.clone()).or_insert_with(|| format!("it is {what}"));
        }
        *lock(&self.shown) = Shown { running: fleet.running(), problems, changes };
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All files of the directory, once they are whole.
fn whole_files(settings: &Settings, watched: &mut Watched) -> Result<BTreeMap<String, File>, LoadReason> {
    let Some(dir) = settings.dir.as_deref() else { return Ok(BTreeMap::new()) };
    let until = Instant::now() + SETTLE_AT_START;
    let mut whole = watched.take_old(&read_dir(dir)?, SystemTime::now());
    loop {
        let files = read_dir(dir)?;
        let changes = watched.look(&files, Instant::now(), settings.settle);
        whole.extend(changes.changed);
        for name in &changes.gone {
            whole.remove(name);
        }
        if !changes.unsettled {
            return Ok(whole);
        }
        if Instant::now() >= until {
            // Half a file fails to load, and says so.
            return Ok(files);
        }
        std::thread::sleep(settings.settle);
    }
}

fn read_dir(dir: &Path) -> Result<BTreeMap<String, File>, LoadReason> {
    scan(dir).map(|found| found.files).map_err(|source| LoadReason::Directory { path: dir.to_owned(), source })
}

fn status(running: &[Arc<WasmGuest>], problems: &BTreeMap<String, String>, changes: &ChangeLog) -> Vec<PluginStatus> {
    let mut all: Vec<PluginStatus> = running
        .iter()
        .map(|guest| PluginStatus {
            name: guest.name().to_owned(),
            sha256: guest.compiled().sha256.clone(),
            wants: guest.wants().clone(),
            emits: guest.compiled().outline.imports.iter().any(|i| i.name.starts_with("weir:plugin/emit@")),
            state: if guest.is_resting() { PluginState::Resting } else { PluginState::Running },
            average_call: guest.average_call(),
            requests: guest.requests(),
            problem: problems.get(guest.name()).cloned(),
            change: changes.made.get(guest.name()).cloned(),
            pending: changes.pending.get(guest.name()).cloned(),
        })
        .collect();
    let absent = problems.iter().filter(|(name, _)| !running.iter().any(|g| g.name() == name.as_str()));
    all.extend(absent.map(|(name, problem)| PluginStatus {
        name: name.clone(),
        sha256: String::new(),
        wants: Wants::default(),
        emits: false,
        state: PluginState::Failed,
        average_call: None,
        requests: None,
        problem: Some(problem.clone()),
        change: None,
        pending: None,
    }));
    all
}

/// An access that changes nothing; a file that was open for writing and is closed may be whole now.
fn is_mere_access(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
