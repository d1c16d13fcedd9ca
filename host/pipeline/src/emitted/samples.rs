//! Samples that a plugin emits, on their way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use weir_model::{LabelSet, Page};

use super::series::Series;
use super::{LOOK, Source, since_epoch};
use crate::TargetRoute;

/// What stands for a scrape interval where series are held after their plugin has gone.
const INTERVAL: Duration = Duration::from_secs(10);

/// Takes a plugin's samples through its pipelines, page by page, until it is to stop and nothing waits any more.
pub(super) async fn run(source: Arc<Source>) {
    let mut series = Series::default();
    let mut route: Option<(u64, TargetRoute)> = None;
    loop {
        let emitted = source.samples.take();
        let now = since_epoch().as_millis() as i64;
        if emitted.is_empty() && source.stops() {
            return;
        }
        if emitted.is_empty() && source.is_gone() {
            if let Some((_, route)) = route.take() {
                route.leave(INTERVAL);
            }
            series = Series::default();
        }
        series.expire(now);
        series.allow(source.most_series.load(Ordering::Acquire));
        for (time, samples) in &emitted {
            series.write(samples, *time, now);
        }
        series.count_drops(&source.samples.account);
        if series.has_page() {
            let generation = source.routes.generation();
            let known = route.take();
            let (mut seen, mut way) = known.unwrap_or_else(|| (0, first_route(&source)));
            if seen != generation {
                seen = generation;
                let pipelines = source.routes.samples(&source.plugin);
                source.samples.finds_takers(&source.plugin, "samples", !pipelines.is_empty());
                way.set_pipelines(&pipelines);
            }
            // abandoned, should this end while it waits
            let mut left = source.samples.account.passage(series.on_page());
            let epoch = way.begin().await;
            left.taken(1, series.on_page());
            left.end();
            let page = series.page(epoch);
            way.page(&Page { time: now, deaths: page.deaths, births: page.births, samples: page.samples });
            series.next_page();
            route = Some((seen, way));
        }
        if emitted.is_empty() {
            let gone = if source.is_gone() || route.is_none() { LOOK } else { LOOK.min(super::GONE) };
            let _ = tokio::time::timeout(gone, source.samples.wake.notified()).await;
        }
    }
}

fn first_route(source: &Source) -> TargetRoute {
    let name: LabelSet = [("plugin", &*source.plugin)].iter().collect();
    TargetRoute::new(&[], name.as_labels().stable_hash(), INTERVAL, source.samples.account.clone())
        .behind(source.plugin.clone())
}
