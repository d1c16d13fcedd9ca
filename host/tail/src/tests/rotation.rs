use super::*;

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let place = Place::new();
    place.append("app.log", numbered(0, 3));
    let out = Collector::new();
    // the rotated file matches too: it must not be read again
    let tail = place.start(place.settings(&["app.log*"]), &out);
    out.lines(3).await;
    place.rename("app.log", "app.log.1");
    place.append("app.log.1", "line 3\nline 4");
    place.append("app.log", "line 5\n");
    // the open last line comes when its writer has been quiet
    let mut lines = out.lines(6).await;
    assert_increasing(&lines);
    lines.sort_by(|a, b| a.text.cmp(&b.text));
    assert!(lines.iter().all(|l| l.file == "app.log"), "the stream keeps its name: {lines:?}");
    assert_numbered(&lines.into_iter().map(|l| l.text).collect::<Vec<_>>());
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"rename\"} 1").await;
    // and once more, over the first one
    place.rename("app.log.1", "app.log.2");
    place.rename("app.log", "app.log.1");
    place.append("app.log", "line 6\n");
    let texts = out.texts(7).await;
    assert_eq!(texts.len(), 7);
    assert_eq!(texts[6], "line 6");
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_truncated_file_starts_over() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let out = Collector::new();
    let tail = place.start(place.settings(&["app.log"]), &out);
    out.lines(5).await;
    place.overwrite("app.log", "line 5\n");
    out.lines(6).await;
    // longer than what was read: only the head tells
    place.overwrite("app.log", "line 6\nline 7 is the last and longer than all before it\n");
    let texts = out.texts(8).await;
    assert_eq!(texts[5..7], ["line 5", "line 6"]);
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"truncate\"} 2").await;
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn the_hole_that_a_writer_leaves_after_copytruncate_is_no_line() {
    use std::os::unix::fs::FileExt;
    let place = Place::new();
    let file = std::fs::File::create(place.path("app.log")).unwrap();
    file.write_at(b"line 0\nline 1\n", 0).unwrap();
    let out = Collector::new();
    let tail = place.start(place.settings(&["app.log"]), &out);
    out.lines(2).await;
    file.set_len(0).unwrap();
    file.write_at(b"line 2\n", 500_000).unwrap();
    assert_eq!(out.texts(3).await, ["line 0", "line 1", "line 2"]);
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_deleted_file_is_finished_and_its_successor_read() {
    use std::io::Write;
    let place = Place::new();
    place.append("app.log", numbered(0, 2));
    let mut writer = std::fs::OpenOptions::new().append(true).open(place.path("app.log")).unwrap();
    let out = Collector::new();
    let tail = place.start(place.settings(&["app.log"]), &out);
    out.lines(2).await;
    place.delete("app.log");
    writer.write_all(b"line 2\nline 3").unwrap();
    drop(writer);
    assert_numbered(&out.texts(4).await);
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"delete\"} 1").await;
    place.metric("weir_tail_files_open{source=\"app\"} 0").await;
    place.append("app.log", "line 4\n");
    assert_numbered(&out.texts(5).await);
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_symbolic_link_that_moves_on_is_followed() {
    let place = Place::new();
    place.append("day1", "line 0\n");
    place.append("day2", "line 1\n");
    std::os::unix::fs::symlink("day1", place.path("app.log")).unwrap();
    let out = Collector::new();
    let tail = place.start(place.settings(&["app.log"]), &out);
    out.lines(1).await;
    std::os::unix::fs::symlink("day2", place.path("next")).unwrap();
    place.rename("next", "app.log");
    let lines = out.lines(2).await;
    assert_eq!((lines[1].file.as_str(), lines[1].text.as_str()), ("app.log", "line 1"));
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"symlink\"} 1").await;
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn files_that_begin_alike_are_different_files() {
    let place = Place::new();
    let banner = "=".repeat(2000) + "\n";
    for name in ["a.log", "b.log", "c.log"] {
        place.append(name, &banner);
        place.append(name, name);
        place.append(name, "\n");
    }
    std::fs::hard_link(place.path("a.log"), place.path("z.log")).unwrap();
    let out = Collector::new();
    let tail = place.start(place.settings(&["*.log"]), &out);
    let mut texts = out.texts(6).await;
    texts.sort();
    assert_eq!(texts[3..], ["a.log", "b.log", "c.log"]);
    assert_eq!(texts.len(), 6, "a second name of a file is no second file");
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn new_files_appear_and_excluded_and_compressed_ones_do_not() {
    let place = Place::new();
    let mut settings = place.settings(&["**/*.log*"]);
    settings.exclude = vec![place.path("debug*").to_str().unwrap().to_owned()];
    let out = Collector::new();
    let tail = place.start(settings, &out);
    place.append("debug.log", "no\n");
    place.append("old.log.gz", "no\n");
    place.append("a.log", "line 0\n");
    out.lines(1).await;
    std::fs::create_dir(place.path("sub")).unwrap();
    place.append("sub/b.log", "line 1\n");
    assert_numbered(&out.texts(2).await);
    tail.stop(PATIENCE).await;
}
