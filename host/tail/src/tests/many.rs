use super::*;

#[tokio::test]
async fn more_files_than_descriptors_are_all_read() {
    const FILES: usize = 300;
    let place = Place::new();
    for i in 0..FILES {
        place.append(&format!("{i}.log"), format!("line {i}\n"));
    }
    let mut settings = place.settings(&["*.log"]);
    settings.max_open_files = 7;
    let out = Collector::new();
    let tail = place.start(settings, &out);
    out.lines(FILES).await;
    place.metric("weir_tail_files_open{source=\"app\"} 7").await;
    place.metric(&format!("weir_tail_files_active{{source=\"app\"}} {FILES}")).await;
    for i in 0..FILES {
        place.append(&format!("{i}.log"), format!("line {}\n", FILES + i));
    }
    let mut lines = out.lines(2 * FILES).await;
    assert_increasing(&lines);
    // closed when it was renamed, and what was written to it is not lost
    place.append("5.log", format!("line {}\n", 2 * FILES));
    place.rename("5.log", "5.old");
    lines = [lines, out.lines(2 * FILES + 1).await.split_off(2 * FILES)].concat();
    let mut numbers: Vec<usize> = lines.iter().map(|l| l.text[5..].parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..=2 * FILES).collect::<Vec<_>>());
    tail.stop(PATIENCE).await;
}
