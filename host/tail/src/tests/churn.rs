use super::*;

/// A small generator, so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Writes numbered lines while files are renamed and deleted, with the reader killed now and then; returns what came.
async fn churn(seed: u64, globs: &[&str], kills: bool) -> (Vec<Line>, usize) {
    let place = Place::new();
    let mut dice = Dice(seed);
    let mut settings = place.settings(globs);
    settings.batch_lines = 7;
    settings.poll_interval = Duration::from_millis(2);
    settings.glob_interval = Duration::from_millis(10);
    // longer than any pause of the writer within a line
    settings.rotate_grace = Duration::from_millis(1500);
    let out = Collector::new();
    let mut tail = Some(place.start(settings.clone(), &out));
    let (mut written, mut rotations) = (0, 0);
    // a file that no glob finds once it is renamed must have been seen before
    let seen_first = globs == ["app.log"];
    let mut first_of_file = None;
    for _ in 0..150 {
        match dice.roll(if kills { 12 } else { 10 }) {
            0..6 => {
                let lines = numbered(written, 1 + dice.roll(30) as usize);
                first_of_file.get_or_insert(written);
                written += lines.lines().count();
                // in two writes, cut anywhere
                let (a, b) = lines.split_at(dice.roll(lines.len() as u64) as usize);
                place.append("app.log", a);
                place.append("app.log", b);
            }
            6 | 7 if place.path("app.log").exists() => {
                if let Some(first) = first_of_file.take().filter(|_| seen_first) {
                    let first = format!("line {first}");
                    let mut lines = out.lines(1).await;
                    while lines.iter().all(|l| l.text != first) {
                        lines = out.lines(lines.len() + 1).await;
                    }
                }
                rotations += 1;
                place.rename("app.log", &format!("app.log.{rotations}"));
            }
            8 => {
                let lines = out.lines(0).await.len();
                if lines < written && !kills {
                    out.lines(lines + 1).await;
                }
            }
            // all that was written is read, so a deletion loses nothing, killed or not
            9 if place.path("app.log").exists() && !kills => {
                out.lines(written).await;
                place.delete("app.log");
                first_of_file = None;
            }
            10 => {
                drop(tail.take());
                tail = Some(place.start(settings.clone(), &out));
            }
            _ => {}
        }
    }
    let mut lines = out.lines(written).await;
    if kills {
        // duplicates may hide what is still to come
        let missing = |lines: &[Line]| {
            let texts: std::collections::HashSet<&str> = lines.iter().map(|l| l.text.as_str()).collect();
            texts.len() < written
        };
        while missing(&lines) {
            lines = out.lines(lines.len() + 1).await;
        }
    }
    if let Some(tail) = tail {
        tail.stop(PATIENCE).await;
    }
    (lines, written)
}

#[tokio::test]
async fn every_line_comes_once_through_any_rotation() {
    for seed in 0..6 {
        let globs: &[&str] = if seed % 2 == 0 { &["app.log"] } else { &["app.log*"] };
        let (lines, written) = churn(seed, globs, false).await;
        assert_increasing(&lines);
        let mut numbers: Vec<usize> = lines.iter().map(|l| l.text[5..].parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..written).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[tokio::test]
async fn no_line_is_lost_when_the_reader_is_killed_at_any_time() {
    for seed in 100..106 {
        let (lines, written) = churn(seed, &["app.log*"], true).await;
        let mut numbers: Vec<usize> = lines.iter().map(|l| l.text[5..].parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (0..written).collect::<Vec<_>>(), "seed {seed}");
    }
}
