//! What happens to files while weir is away.

use super::*;

/// Reads what there is, and stops with everything acknowledged.
async fn read_and_stop(place: &Place, settings: &FileLogsSettings, lines: usize) {
    let out = Collector::new();
    let tail = place.start(settings.clone(), &out);
    out.lines(lines).await;
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn files_that_came_and_were_rotated_while_weir_was_away_are_read_in_order() {
    let place = Place::new();
    // from before weir was there, and nothing to it
    place.append("app.log.9", "older than weir\n");
    place.append("app.log", numbered(0, 5));
    let settings = place.settings(&["*.log"]);
    read_and_stop(&place, &settings, 5).await;
    place.append("app.log", numbered(5, 5));
    place.rename("app.log", "app.log.3");
    place.append("app.log", numbered(10, 5));
    place.rename("app.log", "app.log.2");
    place.append("app.log", numbered(15, 5));
    place.rename("app.log", "app.log.1");
    place.append("app.log", numbered(20, 5));
    for other in ["app.log.1.gz", "app.log.bak", "app.login.1", "app.log.d"] {
        place.append(other, "no rotated log\n");
    }
    let out = Collector::new();
    let tail = place.start(settings.clone(), &out);
    let lines = out.lines(20).await;
    assert!(lines.iter().all(|l| l.file == "app.log"));
    assert_increasing(&lines);
    let texts: Vec<_> = lines.into_iter().map(|l| l.text).collect();
    assert_eq!(texts.join("\n") + "\n", numbered(5, 20));
    tail.stop(PATIENCE).await;
    let out = Collector::new();
    let tail = place.start(settings, &out);
    place.append("app.log", "more\n");
    assert_eq!(out.texts(1).await, ["more"], "each once");
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_file_that_went_while_weir_was_away_is_counted_once() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    place.append("other.log", "x\n");
    let settings = place.settings(&["*.log"]);
    read_and_stop(&place, &settings, 6).await;
    place.append("app.log", "nobody will know\n");
    place.delete("app.log");
    for _ in 0..2 {
        let out = Collector::new();
        let tail = place.start(settings.clone(), &out);
        place.metric("weir_tail_rotations_total{source=\"app\",kind=\"vanish\"} 1").await;
        place.append("other.log", "y\n");
        out.lines(1).await;
        tail.stop(PATIENCE).await;
    }
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"vanish\"} 1").await;
}

#[tokio::test]
async fn a_file_written_anew_with_the_same_head_is_noticed() {
    let place = Place::new();
    let banner = "=".repeat(3000) + "\n";
    place.append("app.log", banner.clone() + &numbered(0, 20));
    let settings = place.settings(&["*.log"]);
    read_and_stop(&place, &settings, 21).await;
    // the same inode and head, longer than before: all of it is new
    place.overwrite("app.log", banner.clone() + &numbered(100, 40));
    let out = Collector::new();
    let tail = place.start(settings, &out);
    let texts = out.texts(41).await;
    assert_eq!(texts[1..].join("\n") + "\n", numbered(100, 40));
    // and while weir runs
    place.overwrite("app.log", banner + &numbered(200, 60));
    let texts = out.texts(41 + 61).await;
    assert_eq!(texts[42..].join("\n") + "\n", numbered(200, 60));
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_file_that_came_and_was_rotated_in_the_inode_of_one_that_went_is_read() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    place.append("other.log", "x\n");
    let settings = place.settings(&["*.log"]);
    let out = Collector::new();
    // nothing is acknowledged: of neither file is anything known but its inode
    out.hold();
    let tail = place.start(settings.clone(), &out);
    out.lines(6).await;
    drop(tail);
    drop(out.held());
    place.rename("app.log", "app.log.2");
    // as if the inode were given out again
    place.overwrite("other.log", numbered(5, 5));
    place.rename("other.log", "app.log.1");
    place.append("app.log", numbered(10, 5));
    let again = Collector::new();
    let tail = place.start(settings, &again);
    assert_numbered(&again.texts(15).await);
    tail.stop(PATIENCE).await;
}
