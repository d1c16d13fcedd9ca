//! Any interleaving of a writer that rotates, and weir that looks and reads, against a model that knows all that was written:
//! each line comes once, in order.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::driven::Driven;
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(usize),
    Rotate,
    /// A file is made, and nothing written to it.
    Create,
    /// The oldest generation goes, if all of it has come; or it is compressed.
    DeleteOldest {
        compress: bool,
    },
    /// Copied and cut, if all of it has come.
    CopyTruncate,
    Look,
    Scan,
    ReadSome,
    Read,
}

#[derive(Clone, Copy, Debug)]
enum Names {
    /// The youngest is `app.log.1`, and all are renamed each time.
    Age,
    /// The oldest is `app.log.1`.
    Count,
    /// `app-20261125.log`.
    Date,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..12usize).prop_map(Step::Write),
        6 => Just(Step::Rotate),
        1 => Just(Step::Create),
        1 => any::<bool>().prop_map(|compress| Step::DeleteOldest { compress }),
        1 => Just(Step::CopyTruncate),
        3 => Just(Step::Look),
        1 => Just(Step::Scan),
        1 => Just(Step::ReadSome),
        2 => Just(Step::Read),
    ];
    prop::collection::vec(step, 1..60)
}

fn names() -> impl Strategy<Value = Names> {
    prop_oneof![Just(Names::Age), Just(Names::Count), Just(Names::Date)]
}

/// The writer, and what it knows.
struct Model<'a> {
    place: &'a Place,
    names: Names,
    /// Lines written in all.
    written: usize,
    /// Rotated files, the oldest first: the name, and the number of the last line in it.
    generations: VecDeque<(String, usize)>,
    rotations: usize,
    /// Whether copies are made: where the globs find them, they are files of their own.
    copies: bool,
}

impl Model<'_> {
    fn is_there(&self) -> bool {
        self.place.path("app.log").exists()
    }

    /// A free name for the youngest generation.
    fn next_name(&mut self) -> String {
        self.rotations += 1;
        match self.names {
            Names::Age => {
                let (place, count) = (self.place, self.generations.len());
                for (i, (name, _)) in self.generations.iter_mut().enumerate() {
                    let older = format!("app.log.{}", count - i + 1);
                    place.rename(name, &older);
                    *name = older;
                }
                "app.log.1".to_owned()
            }
            Names::Count => format!("app.log.{}", self.rotations),
            Names::Date => format!("app-{}.log", 20_260_100 + self.rotations),
        }
    }

    fn step(&mut self, step: Step, source: &mut Driven) {
        let all_came = source.lines.len() == self.written;
        match step {
            Step::Write(lines) => {
                self.place.append("app.log", numbered(self.written, lines));
                self.written += lines;
            }
            Step::Create => self.place.append("app.log", ""),
            Step::Rotate if self.is_there() => {
                let name = self.next_name();
                self.place.rename("app.log", &name);
                self.generations.push_back((name, self.written));
            }
            Step::DeleteOldest { compress } => {
                if self.generations.front().is_some_and(|(_, last)| source.lines.len() >= *last) {
                    let (name, _) = self.generations.pop_front().unwrap();
                    self.place.delete(&name);
                    if compress {
                        self.place.append(&format!("{name}.gz"), "not a line\n");
                    }
                }
            }
            Step::CopyTruncate if self.copies && self.is_there() && all_came => {
                // what came may not have been looked at since: then it is not known how far it was read
                source.look();
                let name = self.next_name();
                std::fs::copy(self.place.path("app.log"), self.place.path(&name)).unwrap();
                self.place.overwrite("app.log", "");
                self.generations.push_back((name, self.written));
            }
            Step::Rotate | Step::CopyTruncate => {}
            Step::Look => source.look(),
            Step::Scan => source.reader.scan(),
            Step::ReadSome => {
                source.read_some();
            }
            Step::Read => source.read(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn each_line_comes_once_and_in_order(
        steps in steps(),
        names in names(),
        wide in any::<bool>(),
        most_open in prop_oneof![Just(400usize), 1..6usize],
        older in any::<bool>(),
    ) {
        let place = Place::new();
        if older {
            place.append("app.log.77", "older than weir\n");
            place.append("app-20250101.log", "older than weir\n");
        }
        place.append("app.log", numbered(0, 3));
        let wide = wide && !older;
        let mut settings = place.settings(if wide { &["app*.log*"] } else { &["app.log"] });
        settings.batch_lines = 4;
        settings.max_open_files = most_open;
        let mut source = Driven::start(&place, settings);
        let generations = VecDeque::new();
        let mut model = Model { place: &place, names, written: 3, generations, rotations: 0, copies: !wide };
        for step in steps {
            model.step(step, &mut source);
        }
        source.settle();
        source.reader.scan();
        source.settle();
        let came: Vec<_> = source.lines.iter().map(|(file, text)| format!("{file}: {text}")).collect();
        let expected: Vec<_> = (0..model.written).map(|i| format!("app.log: line {i}")).collect();
        prop_assert_eq!(came, expected);
    }
}
