//! Backends in virtual time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};
use weir_telemetry::Metrics;

use super::*;
use crate::backoff::Backoff;
use crate::metrics::Families;
use crate::protocol::Protocol;

const MS: Duration = Duration::from_millis(1);

fn shards(min: usize, max: usize) -> Shards {
    let metrics = Families::new(&Metrics::new());
    let url = "http://localhost/".parse().unwrap();
    Shards::new(min, max, metrics.sink(Protocol::RemoteWrite1, "a", &url))
}

/// What lanes that always have something to send saw of a backend.
#[derive(Default)]
struct Seen {
    /// The bound after each answer.
    bounds: Vec<usize>,
    served: u64,
    refused: u64,
    most_at_once: usize,
}

/// Lets `lanes` lanes send to a backend for so long. `serve` is given how many requests are with it, and since when the
/// backend runs; it says how long it takes and what comes of it.
async fn run(
    shards: Shards,
    lanes: usize,
    long: Duration,
    serve: impl Fn(usize, Duration) -> (Duration, Load) + 'static,
) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (shards, serve, with_it) = (Rc::new(shards), Rc::new(serve), Rc::new(Cell::new(0)));
    let begin = Instant::now();
    let local = LocalSet::new();
    for lane in 0..lanes {
        let (shards, serve, with_it, seen) = (shards.clone(), serve.clone(), with_it.clone(), seen.clone());
        let mut backoff = Backoff::new(30 * MS, 5000 * MS, lane as u64);
        local.spawn_local(async move {
            while begin.elapsed() < long {
                let place = shards.place().await.unwrap();
                with_it.set(with_it.get() + 1);
                let most = seen.borrow().most_at_once.max(with_it.get());
                seen.borrow_mut().most_at_once = most;
                let (takes, load) = serve(with_it.get(), begin.elapsed());
                sleep(takes).await;
                with_it.set(with_it.get() - 1);
                place.answered(load);
                let well = matches!(load, Load::Served(_));
                {
                    let mut seen = seen.borrow_mut();
                    seen.bounds.push(shards.bound());
                    *if well { &mut seen.served } else { &mut seen.refused } += 1;
                }
                if well {
                    backoff.reset();
                } else {
                    sleep(backoff.next()).await;
                }
            }
        });
    }
    local.await;
    Rc::try_unwrap(seen).map_err(|_| "shared").unwrap().into_inner()
}

/// Served after that time.
fn well(takes: Duration) -> (Duration, Load) {
    (takes, Load::Served(takes))
}

/// How often the bound changed in the last half of a run.
fn changes(seen: &Seen) -> usize {
    seen.bounds[seen.bounds.len() / 2..].windows(2).filter(|w| w[0] != w[1]).count()
}

#[tokio::test(start_paused = true)]
async fn backends_fast_and_slow_that_bear_all_lanes_get_all_and_keep_them() {
    for latency in [MS, 20 * MS, 2000 * MS] {
        let seen = run(shards(1, 16), 24, 1000 * latency, move |_, _| well(latency)).await;
        let full = seen.bounds.iter().position(|b| *b == 16).unwrap();
        assert!(full < 60, "{latency:?}: after {full} answers");
        assert!(seen.bounds[full..].iter().all(|b| *b == 16), "{latency:?}");
        assert_eq!(seen.most_at_once, 16, "{latency:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_whose_latency_grows_with_concurrency_is_kept_busy_and_not_flooded() {
    for capacity in [1, 2, 4, 10, 30] {
        let base = 50 * MS;
        let seen = run(shards(1, 64), 64, 400 * base, move |with_it, _| {
            well(base.mul_f64((with_it as f64 / capacity as f64).max(1.0)))
        })
        .await;
        let late = &seen.bounds[seen.bounds.len() / 2..];
        let (least, most) = (*late.iter().min().unwrap(), *late.iter().max().unwrap());
        assert!(least >= capacity && most <= 3 * capacity + 1, "{capacity}: {least} to {most}");
        assert!(changes(&seen) <= 2, "{capacity}: {} changes", changes(&seen));
        let best = 400 * capacity as u64;
        assert!(seen.served * 10 >= best * 9, "{capacity}: {} of {best}", seen.served);
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_refuses_more_than_it_bears_is_asked_for_little_more() {
    for capacity in [1, 3, 6, 20] {
        let seen = run(shards(1, 64), 64, 40_000 * MS, move |with_it, _| {
            if with_it > capacity { (MS, Load::Overloaded) } else { well(50 * MS) }
        })
        .await;
        let late = &seen.bounds[seen.bounds.len() / 2..];
        assert!(late.iter().all(|b| *b <= capacity + 1), "{capacity}: {:?}", late.iter().max());
        assert!(seen.refused * 20 <= seen.served, "{capacity}: {} refused, {} served", seen.refused, seen.served);
        let best = 800 * capacity as u64;
        assert!(seen.served * 10 >= best * 8, "{capacity}: {} of {best}", seen.served);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_leaves_the_least_and_when_it_is_over_all_lanes_send_again() {
    let (from, to) = (10_000 * MS, 70_000 * MS);
    let seen = run(shards(2, 8), 8, 90_000 * MS, move |_, now| {
        if now >= from && now < to { (MS, Load::Overloaded) } else { well(100 * MS) }
    })
    .await;
    let lowest = seen.bounds.iter().position(|b| *b == 2 && seen.refused > 0);
    assert!(lowest.is_some());
    // each lane some eight times until it waits for 2.5 to 5 s
    assert!(seen.refused <= 8 * (8 + 60_000 / 2_500), "{} refused", seen.refused);
    assert_eq!(*seen.bounds.iter().rev().nth(10).unwrap(), 8);
    // of 30 s without a storm, eight at once, all but some three seconds of coming back
    assert!(seen.served >= 8 * 260, "{} served", seen.served);
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_time_outs_ends_with_all_lanes() {
    let to = 300_000 * MS;
    let seen =
        run(
            shards(1, 8),
            8,
            330_000 * MS,
            move |_, now| {
                if now < to { (30_000 * MS, Load::Overloaded) } else { well(100 * MS) }
            },
        )
        .await;
    assert_eq!(seen.bounds.last(), Some(&8));
    assert!(seen.refused <= 12, "one at a time: {}", seen.refused);
}

#[tokio::test(start_paused = true)]
async fn without_a_backlog_the_bound_stays_where_it_is() {
    let seen = run(shards(1, 8), 1, 100_000 * MS, |_, _| well(100 * MS)).await;
    assert!(seen.bounds.iter().all(|b| *b == 1));
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_a_backlog_waits_for_one_request_of_each_other_lane_at_most() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let shards = Rc::new(shards(1, 1));
            for _ in 0..7 {
                let shards = shards.clone();
                spawn_local(async move {
                    loop {
                        let place = shards.place().await.unwrap();
                        sleep(100 * MS).await;
                        place.answered(Load::Served(100 * MS));
                    }
                });
            }
            for _ in 0..50 {
                sleep(1234 * MS).await;
                let begin = Instant::now();
                let place = shards.place().await.unwrap();
                assert!(begin.elapsed() <= 700 * MS, "{:?}", begin.elapsed());
                place.answered(Load::Served(MS));
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_leaves_its_place() {
    let shards = shards(1, 4);
    drop(shards.place().await);
    {
        let first = shards.place().await.unwrap();
        let mut waiting = std::pin::pin!(shards.place());
        assert!(futures_poll(waiting.as_mut()).is_none());
        drop(first);
    }
    assert!(shards.place().await.is_some());
    assert_eq!(shards.demand.load(Ordering::Relaxed), 0);
}

fn futures_poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
