//! Lines through a pipeline.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use weir_model::{Ack, AckWatch, LabelSet, LogBatch};
use weir_telemetry::{PipelineAccount, Signal};

use super::{TestGuest, source, stats};
use crate::guest::{
    CallError, Guest, LabelEdit, LabelsWanted, LogsBatch, LogsEdit, LogsWanted, OnError, Symbols, Verdicts, Wants,
};
use crate::{LogSinks, LogsPipeline};

#[derive(Default)]
struct Sink(Mutex<Vec<(String, String, i64)>>);

impl LogSinks for Sink {
    fn accept<'a>(
        &'a self,
        mut batch: LogBatch,
        _: &'a PipelineAccount,
    ) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        let mut lines = self.0.lock().unwrap();
        for i in 0..batch.len() {
            lines.push((batch.streams[batch.stream_of(i)].to_string(), batch.line(i).to_owned(), batch.times[i]));
        }
        if let Some(ack) = batch.ack.take() {
            ack.done();
        }
        Box::pin(async { 1 })
    }
}

#[derive(Default)]
struct Safe(AtomicU64);
impl AckWatch for Safe {
    fn settled(&self, _token: u64, safe: bool) {
        self.0.fetch_add(u64::from(safe), Ordering::SeqCst);
    }
}

pub(super) fn batch(lines: &[&str]) -> LogBatch {
    let mut batch = LogBatch { streams: vec![[("job", "app")].iter().collect::<LabelSet>()], ..LogBatch::default() };
    for (i, line) in lines.iter().enumerate() {
        batch.push(i as i64, line);
    }
    batch
}

pub(super) fn logs_guest(
    f: impl Fn(&LogsBatch<'_>) -> Result<LogsEdit, CallError> + Send + Sync + 'static,
) -> TestGuest {
    let wanted = LogsWanted { lines: true, labels: LabelsWanted::Everything, ..LogsWanted::default() };
    TestGuest {
        wants: Wants { logs: Some(wanted), ..Wants::default() },
        logs: Some(Box::new(f)),
        ..TestGuest::default()
    }
}

fn lines_of<'a>(batch: &'a LogsBatch<'_>) -> Vec<&'a str> {
    let mut start = 0;
    let cut = |&end: &u32| {
        let line = &batch.lines[start..end as usize];
        start = end as usize;
        line
    };
    batch.line_ends.iter().map(cut).collect()
}

/// Drops DEBUG, replaces `secret` and gives lines with ERROR the label `level`.
pub(super) fn edit(batch: &LogsBatch<'_>) -> LogsEdit {
    let mut edit = LogsEdit::default();
    let base = batch.symbols.len() as u32;
    let mut added = Symbols::default();
    let (name, value) = (base + added.push("level"), base + added.push("error"));
    let mut assigned = vec![];
    for (row, line) in lines_of(batch).into_iter().enumerate() {
        let row = row as u32;
        if line.contains("DEBUG") {
            edit.dropped.push(row);
        }
        if line.contains("secret") {
            edit.changed.push(row);
            edit.lines.push(&line.replace("secret", "***"));
        }
        if line.contains("ERROR") {
            assigned.push([row, name, value]);
        }
    }
    edit.labels = Some(LabelEdit { added, assigned, removed: vec![] });
    edit
}

async fn run(guest: TestGuest, input: LogBatch) -> (Vec<(String, String, i64)>, u64) {
    let (sink, safe) = (Arc::new(Sink::default()), Arc::new(Safe::default()));
    let guests: [Arc<dyn Guest>; 1] = [Arc::new(guest)];
    let pipeline = LogsPipeline::new("logs", &guests, sink.clone(), &stats().0);
    pipeline
        .accept(LogBatch { ack: Some(Ack::new(safe.clone(), 1)), ..input }, &mut source(Signal::Lines).passage(0))
        .await;
    let lines = std::mem::take(&mut *sink.0.lock().unwrap());
    (lines, safe.0.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_touches_only_the_lines_it_names() {
    let input = batch(&["DEBUG secret", "one", "ERROR secret", "ERROR two", "secret"]);
    let (lines, safe) = run(logs_guest(|b| Ok(edit(b))), input).await;
    let (app, error) = (r#"{job="app"}"#.to_string(), r#"{job="app", level="error"}"#.to_string());
    assert_eq!(
        lines,
        [
            (app.clone(), "one".into(), 1),
            (error.clone(), "ERROR ***".into(), 2),
            (error, "ERROR two".into(), 3),
            (app, "***".into(), 4)
        ]
    );
    assert_eq!(safe, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_batch_goes_in_bounded_calls() {
    let calls = Arc::new(Mutex::new(vec![]));
    let seen = calls.clone();
    let guest = logs_guest(move |b| {
        seen.lock().unwrap().push((b.rows, b.lines.len()));
        Ok(edit(b))
    });
    let long = "secret ".repeat(60_000);
    let mut texts = vec![long.as_str(); 6];
    texts.extend(std::iter::repeat_n("DEBUG", 5000));
    texts.push("last");
    let (lines, _) = run(guest, batch(&texts)).await;
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[6], (r#"{job="app"}"#.into(), "last".into(), 5006));
    assert!(lines[..6].iter().all(|(_, l, _)| !l.contains("secret")));
    for (rows, bytes) in calls.lock().unwrap().iter() {
        assert!(*rows <= 4096 && *bytes <= 1 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_plugin_follows_its_policy() {
    let fail = || logs_guest(|_| Err(CallError::Trap("boom".into())));
    let (lines, safe) = run(fail().on_error(OnError::Drop), batch(&["a"])).await;
    assert_eq!((lines.len(), safe), (0, 1), "dropped on purpose is settled");
    let (lines, _) = run(fail().on_error(OnError::Pass), batch(&["a"])).await;
    assert_eq!(lines.len(), 1);

    let tries = AtomicU64::new(0);
    let recovers = logs_guest(move |b| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Err(CallError::Unavailable("not yet".to_owned())),
        _ => Ok(edit(b)),
    });
    let (lines, safe) = run(recovers.on_error(OnError::Stop), batch(&["secret", "DEBUG"])).await;
    assert_eq!(lines, [(r#"{job="app"}"#.to_string(), "***".to_string(), 0)]);
    assert_eq!(safe, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_judged_once() {
    let sink = Arc::new(Sink::default());
    let guest = Arc::new(TestGuest::series(|b| {
        let value = b.symbols.get(b.sets.pairs[0][1] as usize);
        Ok(Verdicts { dropped: if value == Some("bad") { vec![0] } else { vec![] }, ..Verdicts::default() })
    }));
    let guests: [Arc<dyn Guest>; 1] = [guest.clone()];
    let pipeline = LogsPipeline::new("logs", &guests, sink.clone(), &stats().0);
    for _ in 0..3 {
        pipeline.accept(batch(&["x"]), &mut source(Signal::Lines).passage(0)).await;
        let mut bad = batch(&["y"]);
        bad.streams[0] = [("job", "bad")].iter().collect();
        pipeline.accept(bad, &mut source(Signal::Lines).passage(0)).await;
    }
    assert_eq!(sink.0.lock().unwrap().len(), 3);
    assert_eq!(guest.asked.load(Ordering::Relaxed), 2);
    guest.forgotten.fetch_add(1, Ordering::Relaxed);
    for _ in 0..2 {
        pipeline.accept(batch(&["x"]), &mut source(Signal::Lines).passage(0)).await;
    }
    assert_eq!(guest.asked.load(Ordering::Relaxed), 3, "once more, for the guest took back what it had said");
}
