//! A plugin's one instance in a pipeline: whose it is when versions change, one call after the other, and its ticks.
//!
//! A place (a plugin in a pipeline) outlives versions. A version takes it with its first call there and gives it back when no
//! call of it can come any more, behind its last tick; only then is the next version's instance made and configured, so that it
//! finds in the store what the one before has left.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weir_pipeline::guest::{
    Allowance, CallError, Emission, Guest, LogsBatch, LogsEdit, OnError, Outcome, SamplesBatch, SamplesEdit,
    SeriesBatch, Verdicts, Wants,
};

use crate::error::LoadReason;
use crate::guest::WasmGuest;
use crate::settings::Ticks;

/// The shortest time between two ticks: what holds state over time sums up in seconds.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// How long a new version waits for what the old one still has under way: pages and batches take milliseconds, and a plugin
/// that has run mad its time limit.
const HANDOVER: Duration = Duration::from_secs(2);

/// How long a tick is put off that cannot come because another version still has the place.
const PUT_OFF: Duration = Duration::from_millis(100);

/// All places by plugin and pipeline; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Arc<Mutex<ByPlugin>>);

/// Keyed by plugin and pipeline.
type ByPlugin = BTreeMap<(String, String), Arc<Seat>>;

impl Seats {
    pub(crate) fn of(&self, plugin: &str, pipeline: &str) -> Arc<Seat> {
        lock(&self.0).entry((plugin.to_owned(), pipeline.to_owned())).or_default().clone()
    }
}

/// One place. Holds the number of the version that has it.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    holder: Mutex<Option<u64>>,
    freed: Condvar,
}

/// A turn at a place: as long as it lives, no other call comes there.
pub(crate) struct Turn<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, Option<u64>>);

impl Seat {
    /// Waits for a turn of this version.
    pub(crate) fn turn(&self, version: u64) -> Turn<'_> {
        let mut holder = match self.holder.try_lock() {
            Ok(holder) => holder,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => tokio::task::block_in_place(|| lock(&self.holder)),
        };
        let others = |holder: &mut Option<u64>| holder.is_some_and(|v| v != version);
        if others(&mut holder) {
            let (now, waited) = tokio::task::block_in_place(|| {
                self.freed.wait_timeout_while(holder, HANDOVER, others).unwrap_or_else(PoisonError::into_inner)
            });
            holder = now;
            if waited.timed_out() {
                tracing::warn!("a plugin's new version begins beside calls of the old one, which take too long");
            }
        }
        *holder = Some(version);
        Turn(holder)
    }

    /// Whether this version has the place, or nobody. Waits for a call that is under way there.
    fn is_open_to(&self, version: u64) -> bool {
        lock(&self.holder).is_none_or(|v| v == version)
    }

    /// Whether another version has the place; while a call is under way there nobody can tell.
    fn is_others(&self, version: u64) -> bool {
        match self.holder.try_lock() {
            Ok(holder) => holder.is_some_and(|v| v != version),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().is_some_and(|v| v != version),
            Err(TryLockError::WouldBlock) => false,
        }
    }

    fn is_held_by(&self, version: u64) -> bool {
        *lock(&self.holder) == Some(version)
    }

    fn leave(&self, version: u64) {
        let mut holder = lock(&self.holder);
        if *holder == Some(version) {
            *holder = None;
        }
        drop(holder);
        self.freed.notify_all();
    }
}

/// A version at its place.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) seat: Arc<Seat>,
    /// Differs between any two that ever take a place, also of one version: a pipeline may let go of a plugin and take it up again.
    pub(crate) version: u64,
    pub(crate) pipeline: String,
}

/// A plugin as one pipeline calls it. When the last holder lets go of it, no call comes any more.
pub(crate) struct Bound {
    guest: Arc<WasmGuest>,
    ticker: Arc<Ticker>,
}

impl Bound {
    pub(crate) fn new(guest: WasmGuest, ticker: &Arc<Ticker>) -> Self {
        let guest = Arc::new(guest);
        ticker.tell(Order::Begin(guest.clone()));
        Self { guest, ticker: ticker.clone() }
    }

    pub(crate) fn guest(&self) -> &WasmGuest {
        &self.guest
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // not here: whoever lets go of a chain must not wait for a call
        self.ticker.tell(Order::End(self.guest.clone()));
    }
}

impl Guest for Bound {
    fn emit(&self, emission: Emission) {
        self.guest.emit(emission);
    }

    fn name(&self) -> &str {
        self.guest.name()
    }

    fn wants(&self) -> &Wants {
        self.guest.wants()
    }

    fn forgotten(&self) -> u64 {
        self.guest.forgotten()
    }

    fn on_error(&self) -> OnError {
        self.guest.on_error()
    }

    fn time_limit(&self) -> Duration {
        self.guest.time_limit()
    }

    fn try_relabel(&self, batch: &SeriesBatch, time: &mut Allowance) -> Result<Verdicts, CallError> {
        self.guest.try_relabel(batch, time)
    }

    fn try_samples(&self, batch: &SamplesBatch, time: &mut Allowance) -> Result<SamplesEdit, CallError> {
        self.guest.try_samples(batch, time)
    }

    fn try_logs(&self, batch: &LogsBatch<'_>, time: &mut Allowance) -> Result<LogsEdit, CallError> {
        self.guest.try_logs(batch, time)
    }

    fn settled(&self, outcome: &Outcome<'_>) {
        self.guest.settled(outcome);
    }

    fn reject(&self) {
        self.guest.reject();
    }
}

enum Order {
    Begin(Arc<WasmGuest>),
    End(Arc<WasmGuest>),
    /// The last tick for all that have gathered something since theirs; answered when it has come.
    EndAll(SyncSender<bool>),
    /// A tick for all now, whatever their intervals; answered with how each came out.
    TickAll {
        now: i64,
        last: bool,
        done: SyncSender<Vec<Result<(), CallError>>>,
    },
    Stop,
}

/// The thread that knows when ticks are due. Each tick has a thread of its own while it lasts: it waits for its place, for a turn among
/// the calls that are long, and perhaps for answers, and no other plugin's ticks should wait with it.
pub(crate) struct Ticker {
    orders: Mutex<Sender<Order>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ticker {
    pub(crate) fn start(ticks: Ticks) -> Result<Self, LoadReason> {
        let (orders, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("weir-ticks".to_owned())
            .spawn(move || run(&inbox, ticks))
            .map_err(|e| LoadReason::Runtime(e.to_string()))?;
        Ok(Self { orders: Mutex::new(orders), thread: Mutex::new(Some(thread)) })
    }

    /// Has every plugin called for the last time that has been called since it was last. Says whether there was any. Blocks.
    pub(crate) fn end_all(&self) -> bool {
        let (done, answer) = mpsc::sync_channel(1);
        self.tell(Order::EndAll(done));
        // the thread is gone: so are the plugins
        answer.recv().unwrap_or(false)
    }

    /// Calls every plugin at this time, and says how each call came out. Blocks.
    pub(crate) fn tick_all(&self, now: i64, last: bool) -> Vec<Result<(), CallError>> {
        let (done, answer) = mpsc::sync_channel(1);
        self.tell(Order::TickAll { now, last, done });
        answer.recv().unwrap_or_default()
    }

    /// Ends the thread, and waits for it.
    pub(crate) fn stop(&self) {
        self.tell(Order::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    fn tell(&self, order: Order) {
        let _ = lock(&self.orders).send(order);
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticker")
    }
}

/// A plugin at its place, and when its next tick is due.
struct Due {
    guest: Arc<WasmGuest>,
    at: Option<Instant>,
    /// The tick that was called last, perhaps over already.
    under_way: Option<JoinHandle<()>>,
}

/// Calls a guest behind its tick that is under way, on a thread of its own where the system has one to give.
fn apart<T: Send + 'static>(
    guest: &Arc<WasmGuest>,
    behind: Option<JoinHandle<()>>,
    call: fn(&WasmGuest) -> T,
) -> Result<T, JoinHandle<T>> {
    let own = guest.clone();
    let thread = std::thread::Builder::new().name("weir-tick".to_owned()).spawn(move || {
        if let Some(behind) = behind {
            // it cannot have panicked: whatever a guest does is an error
            let _ = behind.join();
        }
        call(&own)
    });
    thread.map_or_else(|_| Ok(call(guest)), Err)
}

fn run(inbox: &Receiver<Order>, ticks: Ticks) {
    let mut all: Vec<Due> = vec![];
    loop {
        let next = all.iter().filter_map(|due| due.at).min();
        let order = match next {
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match order {
            Ok(Order::Begin(guest)) => {
                let interval = guest.wants().tick.filter(|_| ticks == Ticks::ByClock);
                let at = interval.map(|interval| Instant::now() + interval.mul_f64(phase(&guest)));
                all.push(Due { guest, at, under_way: None });
            }
            Ok(Order::End(guest)) => {
                let mut behind = None;
                all.retain_mut(|due| {
                    let ends = Arc::ptr_eq(&due.guest, &guest);
                    if ends {
                        behind = due.under_way.take();
                    }
                    !ends
                });
                match ticks {
                    // Nobody waits for it: the place says when it is free.
                    Ticks::ByClock => _ = apart(&guest, behind, |guest| end(guest, since_epoch()).is_some()),
                    Ticks::WhenAsked => leave(&guest),
                }
            }
            Ok(Order::EndAll(done)) => {
                for due in &mut all {
                    due.at = None;
                }
                let end = |due: &mut Due| {
                    apart(&due.guest, due.under_way.take(), |guest| end(guest, since_epoch()).is_some())
                };
                let ended: Vec<_> = all.iter_mut().map(end).collect();
                let any = ended.into_iter().map(|e| e.unwrap_or_else(|thread| thread.join().unwrap_or(false)));
                let _ = done.send(any.fold(false, |any, called| any | called));
            }
            Ok(Order::TickAll { now, last, done }) => {
                let guests = all.iter().map(|due| &due.guest).filter(|guest| guest.wants().tick.is_some());
                let call = |guest: &Arc<WasmGuest>| if last { end(guest, now) } else { Some(guest.tick(now, false)) };
                let _ = done.send(guests.filter_map(call).collect());
            }
            Err(RecvTimeoutError::Timeout) => all.iter_mut().for_each(tick_if_due),
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tick_if_due(due: &mut Due) {
    let (Some(at), Some(interval)) = (due.at, due.guest.wants().tick) else { return };
    let now = Instant::now();
    if at > now {
        return;
    }
    if due.guest.seated().is_some_and(|seated| seated.seat.is_others(seated.version)) {
        due.at = Some(now + PUT_OFF);
        return;
    }
    if due.under_way.as_ref().is_none_or(JoinHandle::is_finished) {
        due.under_way = apart(&due.guest, None, tick_if_open).err();
    }
    // on the grid of its phase; what was missed is left out
    let missed = now.saturating_duration_since(at).as_nanos() / interval.as_nanos().max(1);
    due.at = Some(at + interval * (u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1));
}

/// Calls a guest if its place is nobody else's.
fn tick_if_open(guest: &WasmGuest) {
    if guest.seated().is_some_and(|seated| seated.seat.is_open_to(seated.version)) {
        // What it came to is the guest's to count and to tell.
        let _ = guest.tick(since_epoch(), false);
    }
}

/// The last tick of a version at its place, if it is there and has gathered anything; then the place is free. Gives how the call
/// came out, if there was one.
fn end(guest: &WasmGuest, now: i64) -> Option<Result<(), CallError>> {
    let seated = guest.seated()?;
    let gathered = seated.seat.is_held_by(seated.version) && guest.has_instance() && guest.wants().tick.is_some();
    let outcome = gathered.then(|| guest.tick(now, true));
    leave(guest);
    outcome
}

/// No call of a version comes any more: its place is free.
fn leave(guest: &WasmGuest) {
    guest.forget_instances();
    if let Some(seated) = guest.seated() {
        seated.seat.leave(seated.version);
    }
}

/// The host's clock, in milliseconds since the epoch.
fn since_epoch() -> i64 {
    // a clock before 1970 is one that is not set
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// Where in its interval a plugin ticks: spread, as scrapes are, and the same in every process.
fn phase(guest: &WasmGuest) -> f64 {
    let pipeline = guest.seated().map_or("", |s| &s.pipeline);
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((guest.name(), pipeline));
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a number, a map or a handle: whole at any time
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
