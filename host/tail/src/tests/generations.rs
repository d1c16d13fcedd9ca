//! Files that came and were renamed between two looks, while weir ran.

use std::os::unix::fs::symlink;

use super::driven::Driven;
use super::*;
use crate::ReadFrom;

fn start(place: &Place, globs: &[&str]) -> Driven {
    Driven::start(place, place.settings(globs))
}

/// Until the clock by which files are stamped has moved on.
fn tick() {
    crate::moment::Moment::next_tick();
}

/// How many renames were counted.
fn renames(place: &Place) -> u64 {
    let name = "weir_tail_rotations_total{source=\"app\",kind=\"rename\"} ";
    let text = place.metrics.encode().unwrap();
    text.lines().find_map(|l| l.strip_prefix(name)).map_or(0, |n| n.parse().unwrap())
}

/// That the lines from 0 came, each once, in order, from `app.log`.
fn assert_came(source: &Driven, lines: usize) {
    let texts = source.texts();
    assert_eq!(texts.join("\n") + "\n", numbered(0, lines));
}

#[test]
fn files_that_no_look_saw_come_in_order_before_the_new_one() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    source.read();
    place.append("app.log", numbered(5, 5));
    for i in 1..=4 {
        for n in (1..i).rev() {
            place.rename(&format!("app.log.{n}"), &format!("app.log.{}", n + 1));
        }
        place.rename("app.log", "app.log.1");
        place.append("app.log", numbered(5 + 5 * i, 5));
    }
    source.settle();
    assert_came(&source, 30);
    assert_eq!(renames(&place), 4, "each rotation is counted");
    source.settle();
    assert_came(&source, 30);
}

#[test]
fn numbers_that_grow_with_time_are_told_from_those_that_grow_with_age() {
    for names in [["app.log.1", "app.log.2", "app.log.10"], ["app.log.10", "app.log.9", "app.log.1"]] {
        let place = Place::new();
        place.append("app.log", numbered(0, 5));
        let mut source = start(&place, &["app.log"]);
        source.read();
        for (i, name) in (1..).zip(names) {
            place.rename("app.log", name);
            place.append("app.log", numbered(5 * i, 5));
        }
        source.settle();
        assert_came(&source, 20);
    }
}

#[test]
fn dates_before_the_ending_are_names_of_generations_and_other_numbers_only_where_the_log_got_one() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    source.read();
    // another program's, that begins at this moment
    place.append("app-1.log", "not of this log\n");
    place.rename("app.log", "app-2026-11-24.log");
    place.append("app.log", numbered(5, 5));
    place.rename("app.log", "app-2026-11-25.log");
    place.append("app.log", numbered(10, 5));
    source.settle();
    assert_came(&source, 15);
    tick();
    source.look();
    place.rename("app.log", "app.2.log");
    place.append("app.log", numbered(15, 5));
    place.rename("app.log", "app.1.log");
    place.append("app.log", numbered(20, 5));
    source.settle();
    assert_came(&source, 25);
}

#[test]
fn what_was_there_before_weir_is_left_alone() {
    for read_from in [ReadFrom::Beginning, ReadFrom::End] {
        let place = Place::new();
        for old in ["app.log.2", "app.log.3", "app.log-20261120"] {
            place.append(old, "older than weir\n");
        }
        place.append("app.log", if read_from == ReadFrom::End { "skipped\n".to_owned() } else { numbered(0, 1) });
        let mut settings = place.settings(&["app.log"]);
        settings.read_from = read_from;
        let mut source = Driven::start(&place, settings);
        source.read();
        if read_from == ReadFrom::End {
            place.append("app.log", numbered(0, 1));
        }
        place.rename("app.log", "app.log.1");
        place.append("app.log", numbered(1, 1));
        place.rename("app.log", "app.log.0");
        place.append("app.log", numbered(2, 1));
        source.settle();
        assert_came(&source, 3);
    }
}

#[test]
fn other_files_beside_a_log_are_left_alone() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    source.read();
    place.rename("app.log", "app.log.1");
    for other in
        ["app.log.1.gz", "app.log.2.zst", "app.log.bak", "app.log.tmp", "app.login.1", "app-error.log", "other.log.1"]
    {
        place.append(other, "no generation\n");
    }
    std::fs::create_dir(place.path("app.log.3")).unwrap();
    place.append("elsewhere", "no generation\n");
    symlink("elsewhere", place.path("app.log.4")).unwrap();
    place.append("app.log", numbered(5, 5));
    std::fs::hard_link(place.path("app.log"), place.path("app.log.5")).unwrap();
    source.settle();
    assert_came(&source, 10);
}

#[test]
fn a_copy_is_not_taken_for_a_generation() {
    let place = Place::new();
    place.append("app.log", numbered(0, 50));
    let mut source = start(&place, &["app.log"]);
    source.read();
    // made before the last look: nobody looks at it
    std::fs::copy(place.path("app.log"), place.path("app.log.3")).unwrap();
    place.overwrite("app.log", "");
    tick();
    source.settle();
    place.append("app.log", numbered(50, 50));
    source.settle();
    // made and cut since the last look, and what came after the cut was not read
    std::fs::copy(place.path("app.log"), place.path("app.log.2")).unwrap();
    place.overwrite("app.log", "");
    place.append("app.log", numbered(100, 20));
    place.rename("app.log", "app.log.1");
    place.append("app.log", numbered(120, 20));
    source.settle();
    assert_came(&source, 140);
    // the same, and reading has begun anew before the rename is noticed
    std::fs::copy(place.path("app.log"), place.path("app.log.0")).unwrap();
    place.overwrite("app.log", numbered(140, 1));
    let id = source.reader.by_path[&place.path("app.log")];
    source.reader.enqueue(id);
    source.read();
    place.rename("app.log", "app.log.00");
    place.append("app.log", numbered(141, 20));
    source.settle();
    assert_came(&source, 161);
}

#[test]
fn generations_that_begin_alike_are_different_files() {
    let place = Place::new();
    let banner = "=".repeat(3000) + "\n";
    place.append("app.log", banner.clone() + &numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    source.read();
    for i in 1..=3 {
        place.rename("app.log", &format!("app.log.{i}"));
        place.append("app.log", banner.clone() + &numbered(5 * i, 5));
    }
    source.settle();
    let texts: Vec<_> = source.texts().into_iter().filter(|t| !t.starts_with('=')).collect();
    assert_eq!(texts.join("\n") + "\n", numbered(0, 20));
    assert_eq!(source.lines.len(), 24);
}

#[test]
fn lines_that_are_always_the_same_are_counted_in_full() {
    let place = Place::new();
    let same = "still alive\n".repeat(100);
    place.append("app.log", &same);
    let mut source = start(&place, &["app.log"]);
    source.read();
    // read, deleted, and the inode may be used again: only births tell these files apart
    for i in 1..=5 {
        place.rename("app.log", "app.log.1");
        source.settle();
        place.delete("app.log.1");
        place.append("app.log", &same);
        place.rename("app.log", &format!("app.log.{}", i + 1));
        place.append("app.log", &same);
        source.settle();
        assert_eq!(source.lines.len(), 100 + 200 * i);
    }
}

#[test]
fn a_log_that_is_missing_for_a_while_loses_none_of_its_generations() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    source.read();
    place.rename("app.log", "app.log.1");
    source.settle();
    for i in 1..=3 {
        place.append("app.log", numbered(5 * i, 5));
        place.rename("app.log", &format!("app.log.{}", i + 1));
    }
    // found by the globs, long after the polls gave up
    source.reader.awaited.clear();
    place.append("app.log", numbered(20, 5));
    source.reader.scan();
    source.settle();
    assert_came(&source, 25);
}

#[test]
fn a_glob_that_finds_generations_too_takes_none_twice_and_each_as_its_log() {
    for missing in [false, true] {
        let place = Place::new();
        place.append("app.log", numbered(0, 5));
        let mut source = start(&place, &["app*.log*"]);
        source.read();
        place.rename("app.log", "app.log.1");
        place.append("app.log", numbered(5, 5));
        place.rename("app.log", "app-20261125.log");
        if !missing {
            place.append("app.log", numbered(10, 5));
        }
        source.reader.scan();
        source.settle();
        if missing {
            place.append("app.log", numbered(10, 5));
        }
        source.reader.scan();
        source.settle();
        assert_came(&source, 15);
    }
}

#[test]
fn generations_of_what_a_symbolic_link_leads_to_are_found_there() {
    let place = Place::new();
    std::fs::create_dir(place.path("pod")).unwrap();
    place.append("pod/0.log", numbered(0, 5));
    symlink("pod/0.log", place.path("app.log")).unwrap();
    let mut source = start(&place, &["app.log"]);
    source.read();
    for i in 1..=3 {
        place.rename("pod/0.log", &format!("pod/0.log.20261125-10000{i}"));
        place.append("pod/0.log", numbered(5 * i, 5));
    }
    source.settle();
    assert_came(&source, 20);
}

#[test]
fn a_source_whose_outlet_takes_nothing_holds_what_is_rotated_meanwhile() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    // seen, not read; rotated and deleted while nothing can be read
    for i in 1..=6 {
        source.look();
        place.rename("app.log", &format!("app.log.{i}"));
        place.append("app.log", numbered(5 * i, 5));
        source.look();
        if i % 2 == 0 {
            place.delete(&format!("app.log.{i}"));
        }
    }
    // and some that no look saw, on disk still
    for i in 7..=9 {
        place.rename("app.log", &format!("app.log.{i}"));
        place.append("app.log", numbered(5 * i, 5));
    }
    source.settle();
    assert_came(&source, 50);
    source.look();
    assert_eq!(source.reader.open_files, 1, "descriptors are given back");
}

#[test]
fn with_few_descriptors_files_that_wait_do_not_keep_those_they_wait_for_from_being_read() {
    for most in [1, 2, 4] {
        let place = Place::new();
        place.append("app.log", numbered(0, 5));
        let mut settings = place.settings(&["*.log"]);
        settings.max_open_files = most;
        let mut source = Driven::start(&place, settings);
        for i in 1..=12 {
            place.rename("app.log", &format!("app.log.{i}"));
            place.append("app.log", numbered(5 * i, 5));
            if i % 3 == 0 {
                source.look();
            }
            assert!(source.reader.open_files <= most);
        }
        source.settle();
        assert_came(&source, 65);
    }
}

#[test]
fn what_waits_at_a_stop_comes_in_order_after_the_next_start() {
    let place = Place::new();
    place.append("app.log", numbered(0, 5));
    let mut source = start(&place, &["app.log"]);
    for i in 1..=6 {
        place.rename("app.log", &format!("app.log.{i}"));
        place.append("app.log", numbered(5 * i, 5));
        if i % 2 == 0 {
            source.look();
        }
    }
    assert!(source.reader.store_soon, "the checkpoint shall know of them before they are read");
    source.stop();
    let mut source = start(&place, &["app.log"]);
    source.settle();
    assert_came(&source, 35);
}

#[tokio::test]
async fn a_blocked_outlet_loses_nothing_of_five_rotations() {
    let place = Place::new();
    place.append("app.log", numbered(0, 1000));
    let mut settings = place.settings(&["app.log"]);
    settings.batch_lines = 10;
    let out = Collector::new();
    out.open_gate(false);
    let tail = place.start(settings, &out);
    place.metric("weir_tail_lines_total{source=\"app\"} 640").await;
    for i in 1..=5 {
        place.rename("app.log", &format!("app.log.{i}"));
        place.append("app.log", numbered(1000 * i, 1000));
        if i == 2 || i == 4 {
            // noticed, and then deleted without having been read
            place.metric(&format!("weir_tail_rotations_total{{source=\"app\",kind=\"rename\"}} {i}")).await;
            place.metric(&format!("weir_tail_files_active{{source=\"app\"}} {}", i + 1)).await;
            place.delete(&format!("app.log.{i}"));
        }
    }
    place.metric("weir_tail_rotations_total{source=\"app\",kind=\"rename\"} 5").await;
    out.open_gate(true);
    let lines = out.lines(6000).await;
    assert_increasing(&lines);
    assert!(lines.iter().all(|l| l.file == "app.log"));
    let texts: Vec<_> = lines.into_iter().map(|l| l.text).collect();
    assert_numbered(&texts);
    assert_eq!(texts.len(), 6000);
    tail.stop(PATIENCE).await;
}
