//! Does what `mode` says: in `configure`, or with a batch in which a value is negative. Well-behaved with any other; but as
//! `helpless` it panics at every batch that has no value of [`HELP`] or more.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "samples-plugin", generate_all });

use std::cell::RefCell;
use std::hint::black_box;

use exports::weir::plugin::{lifecycle, samples};
use guests::{f64s, setting};
use weir::plugin::host::{self, Level};
use weir::plugin::types::{Label, LabelsWanted};

struct Plugin;

thread_local! {
    static MODE: RefCell<String> = const { RefCell::new(String::new()) };
    static LEAK: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// More than any value that weir adds to a page.
const HELP: f64 = 1e12;

fn loops() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn recurses(n: u64) -> u64 {
    if black_box(n) == u64::MAX { 0 } else { recurses(n + 1) + black_box(1) }
}

fn eats_memory(megabytes: usize) {
    for _ in 0..megabytes {
        LEAK.with_borrow_mut(|l| l.push(black_box(vec![1; 1 << 20])));
    }
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        let mode = setting(&json, "mode").unwrap_or_default();
        match mode {
            "refuses" => return Err("no such thing as\na mode".to_owned()),
            "stalls" => loops(),
            "panics early" => panic!("early"),
            _ => {}
        }
        MODE.set(mode.to_owned());
        Ok(())
    }
}

impl samples::Guest for Plugin {
    fn wants() -> samples::Wanted {
        samples::Wanted { labels: LabelsWanted::Nothing, timestamps: false, start_timestamps: false }
    }

    fn process(b: samples::Batch) -> Result<samples::Edit, String> {
        if MODE.with_borrow(|mode| mode == "helpless") {
            assert!(f64s(&b.values).any(|v| v >= HELP), "no help");
            return Ok(samples::Edit::Unchanged);
        }
        if f64s(&b.values).all(|v| v >= 0.0) {
            return Ok(samples::Edit::Unchanged);
        }
        let big = || vec![0; 40 << 20];
        MODE.with_borrow(|mode| match mode.as_str() {
            "loops" => loops(),
            "panics" => panic!("the cause"),
            "eats memory" => {
                eats_memory(1000);
                Ok(samples::Edit::Unchanged)
            }
            "leaks" => {
                eats_memory(3);
                Ok(samples::Edit::Unchanged)
            }
            "recurses" => {
                black_box(recurses(0));
                Ok(samples::Edit::Unchanged)
            }
            "exits" => std::process::exit(3),
            "errs" => Err("cannot do that".to_owned()),
            "huge" => Ok(samples::Edit::Patch(samples::Patch {
                dropped: big(),
                labels: None,
                changed: vec![],
                values: vec![],
            })),
            "huge error" => Err(String::from_utf8(big()).unwrap()),
            "huge log" => {
                host::log(Level::Error, &String::from_utf8(big()).unwrap());
                Ok(samples::Edit::Unchanged)
            }
            "floods" => {
                for i in 0..1000 {
                    host::log(Level::Error, &format!("line {i}"));
                    eprintln!("line {i}");
                    let label = Label { name: "i".to_owned(), value: i.to_string() };
                    host::counter_add("flood", &[label], 1.0);
                }
                Ok(samples::Edit::Unchanged)
            }
            other => Err(format!("no mode {other}")),
        })
    }
}

export!(Plugin);
