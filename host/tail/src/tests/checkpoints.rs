use super::*;
use crate::{MakeOutlet, ReadFrom, Tails};

fn offsets(value: &serde_json::Value) -> Vec<u64> {
    value["files"].as_array().unwrap().iter().map(|f| f["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_restart_goes_on_where_acknowledgements_ended() {
    let place = Place::new();
    place.append("app.log", numbered(0, 100));
    let mut settings = place.settings(&["*.log"]);
    settings.batch_lines = 10;
    let out = Collector::new();
    out.hold();
    let tail = place.start(settings.clone(), &out);
    let before = out.lines(100).await;
    let mut held = out.held();
    assert_eq!(held.len(), 10);
    // 0..3 are safe; 3 never is; 4 is, but behind it
    drop(held.split_off(5));
    held.remove(4).done();
    let lost = held.remove(3);
    held.into_iter().for_each(Ack::done);
    drop(lost);
    tail.stop(PATIENCE).await;
    let again = Collector::new();
    let tail = place.start(settings.clone(), &again);
    let after = again.lines(70).await;
    assert_eq!(after[0].text, "line 30");
    assert_eq!(after.len(), 70);
    assert_increasing(&[before, after].concat());
    tail.stop(PATIENCE).await;
    let third = Collector::new();
    let tail = place.start(settings, &third);
    place.append("app.log", "more\n");
    assert_eq!(third.texts(1).await, ["more"], "all was acknowledged");
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_kill_loses_nothing_and_repeats_only_what_was_not_checkpointed() {
    let place = Place::new();
    place.append("app.log", numbered(0, 50));
    let settings = place.settings(&["*.log"]);
    let out = Collector::new();
    let tail = place.start(settings.clone(), &out);
    out.lines(50).await;
    let end = std::fs::metadata(place.path("app.log")).unwrap().len();
    place.checkpoint("all 50 are safe", |v| offsets(v) == [end]).await;
    out.hold();
    place.append("app.log", numbered(50, 50));
    out.lines(100).await;
    drop(tail);
    drop(out.held());
    // rotated while weir is away, to a name that no glob covers
    place.rename("app.log", "app.log.1");
    place.append("app.log", numbered(100, 10));
    let again = Collector::new();
    let tail = place.start(settings, &again);
    let lines = again.lines(60).await;
    assert_eq!(lines.len(), 60);
    let texts: Vec<_> = lines.iter().map(|l| l.text.clone()).collect();
    assert_eq!(texts.join("\n") + "\n", numbered(50, 60), "the old file first, then the new one");
    assert!(lines.iter().all(|l| l.file == "app.log"));
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_it_may() {
    let place = Place::new();
    place.append("app.log", numbered(0, 30));
    let mut settings = place.settings(&["*.log"]);
    settings.batch_lines = 10;
    let out = Collector::new();
    out.hold();
    let tail = place.start(settings.clone(), &out);
    out.lines(30).await;
    let mut held = out.held();
    held.remove(0).done();
    tail.stop(Duration::ZERO).await;
    // too late for this run
    held.into_iter().for_each(Ack::done);
    // an outlet that never comes back does not hold a stop up either
    let stuck = Collector::new();
    stuck.open_gate(false);
    let tail = place.start(settings.clone(), &stuck);
    place.metric("weir_tail_lines_total{source=\"app\"} 50").await;
    tail.stop(Duration::ZERO).await;
    let again = Collector::new();
    let tail = place.start(settings, &again);
    assert_eq!(again.texts(20).await[0], "line 10");
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_reused_inode_is_a_new_file() {
    let place = Place::new();
    place.append("app.log", numbered(0, 20));
    let settings = place.settings(&["*.log"]);
    let out = Collector::new();
    place.start(settings.clone(), &out).stop(PATIENCE).await;
    // it may have been stopped before the first line: run until all is safe
    let tail = place.start(settings.clone(), &out);
    out.lines(20).await;
    tail.stop(PATIENCE).await;
    // same path, same inode, longer, another beginning
    place.overwrite("app.log", "other ".repeat(100) + "\n");
    let again = Collector::new();
    let tail = place.start(settings, &again);
    assert_eq!(again.texts(1).await, ["other ".repeat(100)]);
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_garbled_checkpoint_repeats_and_loses_nothing() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    std::fs::create_dir_all(place.checkpoints()).unwrap();
    std::fs::write(place.checkpoints().join("app.json"), b"\0\0{").unwrap();
    let mut settings = place.settings(&["*.log"]);
    settings.read_from = ReadFrom::End;
    let out = Collector::new();
    let tail = place.start(settings, &out);
    assert_numbered(&out.texts(5).await);
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_reload_touches_only_what_differs() {
    let place = Place::new();
    let out = Collector::new();
    let outlet = out.clone();
    let make: MakeOutlet = Box::new(move |_| outlet.clone());
    let metrics = Metrics::new();
    let ledger = Ledger::new(&metrics);
    let mut tails = Tails::new(place.checkpoints(), &metrics, &ledger, PATIENCE, make);
    let mut a = place.settings(&["a*.log"]);
    a.name = "a".to_owned();
    let mut b = place.settings(&["b*.log"]);
    b.name = "b".to_owned();
    tails.apply(vec![a.clone(), b.clone()]).await.unwrap();
    place.append("a.log", "line 0\n");
    out.lines(1).await;
    assert!(tails.apply(vec![a.clone(), a.clone()]).await.unwrap_err().to_string().contains("twice"));
    assert_eq!(tails.names().collect::<Vec<_>>(), ["a", "b"], "what cannot work changes nothing");
    // restarted with another setting, it goes on where it was
    a.max_line_bytes = 1000;
    tails.apply(vec![a]).await.unwrap();
    assert_eq!(tails.names().collect::<Vec<_>>(), ["a"]);
    place.append("a.log", "line 1\n");
    assert_numbered(&out.texts(2).await);
    tails.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_rotated_after_a_kill_before_anything_was_acknowledged_is_found() {
    let (place, outlet) = (Place::new(), Collector::new());
    let mut settings = place.settings(&["*.log"]);
    settings.checkpoint_interval = Duration::from_hours(1);
    outlet.hold();
    place.append("app.log", numbered(0, 5));
    let tail = place.start(settings.clone(), &outlet);
    outlet.lines(5).await;
    drop(tail);
    drop(outlet);
    place.append("app.log", numbered(5, 5));
    place.rename("app.log", "app.log.1");
    place.append("app.log", numbered(10, 5));
    let outlet = Collector::new();
    let tail = place.start(settings, &outlet);
    assert_numbered(&outlet.texts(15).await);
    tail.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_full_disk_keeps_the_old_checkpoint_and_is_retried() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let settings = place.settings(&["*.log"]);
    let out = Collector::new();
    let tail = place.start(settings.clone(), &out);
    let end = |lines: usize| numbered(0, lines).len() as u64;
    place.checkpoint("the first lines", |v| offsets(v) == [end(5)]).await;
    // the new one is written beside the old one: there, nothing has room
    let beside = place.checkpoints().join("app.json.tmp");
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    place.append("app.log", numbered(5, 5));
    out.lines(10).await;
    let errors = "weir_tail_checkpoint_errors_total{source=\"app\"} ";
    place.metric_above(errors, 2).await;
    place.checkpoint("the old one", |v| offsets(v) == [end(5)]).await;
    std::fs::remove_file(&beside).unwrap();
    place.checkpoint("written again", |v| offsets(v) == [end(10)]).await;
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_damaged_checkpoint_repeats_lines_and_loses_none() {
    let place = Place::new();
    place.append("app.log", numbered(0, 20));
    let settings = place.settings(&["*.log"]);
    let path = place.checkpoints().join("app.json");
    let out = Collector::new();
    let tail = place.start(settings.clone(), &out);
    out.lines(20).await;
    place.checkpoint("all", |v| offsets(v) == [numbered(0, 20).len() as u64]).await;
    tail.stop(PATIENCE).await;
    let whole = std::fs::read(&path).unwrap();
    let offset = whole.windows(8).position(|w| w == b"\"offset\"").unwrap();
    let mut damaged = vec![whole[..whole.len() / 2].to_vec(), vec![0; 100], vec![], b"{\"version\":99}".to_vec()];
    // a digit of the offset: without a checksum this would skip lines, or repeat some
    damaged.push(whole.clone());
    damaged[4][offset + 9] ^= 1;
    for bytes in damaged {
        std::fs::write(&path, &bytes).unwrap();
        let again = Collector::new();
        let tail = place.start(settings.clone(), &again);
        assert_numbered(&again.texts(20).await);
        tail.stop(PATIENCE).await;
    }
    place.metric("weir_tail_checkpoint_errors_total{source=\"app\"} 5").await;
}
