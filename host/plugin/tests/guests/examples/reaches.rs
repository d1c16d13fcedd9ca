//! Imports all that grants open, and refuses its configuration with what it reached: a file, a variable, the clocks, random numbers
//! and a server; and what lies beside each.

wit_bindgen::generate!({
    path: "../../../../wit/v0.1.2",
    inline: "package weir:guests;
        world reaches {
            include weir:plugin/series-plugin@0.1.2;
            include weir:plugin/requesting@0.1.2;
            import wasi:random/random@0.2.6;
        }
        package wasi:random@0.2.6 {
            interface random {
                get-random-bytes: func(len: u64) -> list<u8>;
                get-random-u64: func() -> u64;
            }
        }",
    world: "weir:guests/reaches",
    generate_all,
});

use std::time::{Instant, SystemTime};

use exports::weir::plugin::{lifecycle, series};
use guests::setting;
use weir::plugin::http::{self, Request};
use weir::plugin::types::{LabelSets, LabelsWanted, Symbols};

struct Plugin;

fn get(url: &str) -> String {
    let request =
        Request { method: "GET".to_owned(), url: url.to_owned(), headers: vec![], body: vec![], timeout: None };
    match http::send(&request) {
        Ok(answer) => String::from_utf8(answer.body).unwrap(),
        Err(refusal) => format!("{refusal:?}"),
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| format!("{:?}", e.kind()))
}

fn reached(json: &str) -> String {
    let text = |key| setting(json, key).unwrap_or_default();
    let begin = Instant::now();
    let is_now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() > 1_700_000_000;
    let differ = wasi::random::random::get_random_u64() != wasi::random::random::get_random_u64();
    let variables: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    [
        format!("file {}", file("/data/a")),
        format!("beside {}", file("/data/../b")),
        format!("other {}", file("/etc/hostname")),
        format!("env {}", variables.join(",")),
        format!("clock {} {}", is_now, begin.elapsed().as_secs() < 3600),
        format!("random {differ}"),
        format!("http {}", get(text("url"))),
        format!("elsewhere {}", get(text("elsewhere"))),
    ]
    .join("; ")
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        Err(reached(&json))
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        LabelsWanted::Nothing
    }

    fn relabel(_: u32, _: Symbols, _: LabelSets) -> Result<series::Verdicts, String> {
        Err("never".to_owned())
    }
}

export!(Plugin);
