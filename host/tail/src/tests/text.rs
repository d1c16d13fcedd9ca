use super::*;

#[tokio::test]
async fn a_growing_file_comes_line_by_line_and_a_partial_line_waits() {
    let place = Place::new();
    place.append("app.log", "one\ntw");
    let out = Collector::new();
    let tail = place.start(place.settings(&["*.log"]), &out);
    assert_eq!(out.texts(1).await, ["one"]);
    place.append("app.log", "o\n\nthree\r\nfo");
    assert_eq!(out.texts(4).await, ["one", "two", "", "three"]);
    tail.stop(PATIENCE).await;
    let lines = out.lines(4).await;
    assert_eq!(lines.len(), 4, "a stop does not cut the open line");
    assert_increasing(&lines);
    assert_eq!(lines[0].file, "app.log");
}

#[tokio::test]
async fn hostile_bytes_come_through_and_are_counted() {
    let place = Place::new();
    let mut settings = place.settings(&["*.log"]);
    settings.max_line_bytes = 100_000;
    let long = "x".repeat(3_000_000);
    place.append("app.log", format!("short\n{long}\n").as_bytes());
    place.append("app.log", b"a\xffb\n\0nul\0\n");
    let out = Collector::new();
    let tail = place.start(settings, &out);
    let texts = out.texts(4).await;
    assert_eq!(texts, ["short", &long[..100_000], "a\u{fffd}b", "\0nul\0"]);
    place.metric("weir_tail_truncated_lines_total{source=\"app\"} 1").await;
    place.metric("weir_tail_invalid_utf8_lines_total{source=\"app\"} 1").await;
    place.metric("weir_tail_lines_total{source=\"app\"} 4").await;
    place.metric("weir_tail_lag_bytes{source=\"app\"} 0").await;
    let read = "weir_records_total{signal=\"lines\",source=\"file_logs.app\",stage=\"read\"} 4";
    place.metric(read).await;
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn utf_16_and_marks_are_understood() {
    let place = Place::new();
    let le: Vec<u8> = "\u{feff}grün\r\nzwei\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = "\u{feff}grün\r\nzwei\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    place.append("a.log", le);
    place.append("b.log", be);
    place.append("c.log", "\u{feff}grün\r\nzwei\n");
    let out = Collector::new();
    let tail = place.start(place.settings(&["*.log"]), &out);
    out.lines(6).await;
    let more: Vec<u8> = "drei\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.append("a.log", more);
    let mut lines: Vec<_> = out.lines(7).await.into_iter().map(|l| (l.file, l.text)).collect();
    lines.sort();
    let expected =
        [("a", "drei"), ("a", "grün"), ("a", "zwei"), ("b", "grün"), ("b", "zwei"), ("c", "grün"), ("c", "zwei")];
    assert_eq!(lines, expected.map(|(f, t)| (format!("{f}.log"), t.to_owned())));
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn read_from_end_skips_the_backlog_but_not_later_files() {
    let place = Place::new();
    place.append("old.log", numbered(0, 10));
    let mut settings = place.settings(&["*.log"]);
    settings.read_from = crate::ReadFrom::End;
    settings.labels = [("job".to_owned(), "x".to_owned())].into();
    settings.filename_label = None;
    let out = Collector::new();
    let tail = place.start(settings, &out);
    place.metric("weir_tail_files_active{source=\"app\"} 1").await;
    place.append("old.log", "fresh\n");
    assert_eq!(out.texts(1).await, ["fresh"]);
    place.append("new.log", "first\n");
    assert_eq!(out.texts(2).await, ["fresh", "first"]);
    tail.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_slow_outlet_pauses_reading_and_nothing_is_lost() {
    let place = Place::new();
    place.append("app.log", numbered(0, 1000));
    let mut settings = place.settings(&["*.log"]);
    settings.batch_lines = 10;
    let out = Collector::new();
    out.open_gate(false);
    let tail = place.start(settings, &out);
    // 64 batches wait for the outlet or an acknowledgement, and no more are read
    place.metric("weir_tail_lines_total{source=\"app\"} 640").await;
    out.open_gate(true);
    let texts = out.texts(1000).await;
    assert_eq!(texts.len(), 1000);
    assert_numbered(&texts);
    tail.stop(PATIENCE).await;
}
