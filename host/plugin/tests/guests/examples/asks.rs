//! Makes the request that its configuration says, in `configure` (`when` is `configure`) or with each call, and fails with what came
//! of it: the answer's status, `location` and body, or the refusal. `times` of it are counted by outcome instead.

wit_bindgen::generate!({
    path: "../../../../wit/v0.1.2",
    inline: "package weir:guests; world asks {
        include weir:plugin/series-plugin@0.1.2;
        include weir:plugin/requesting@0.1.2;
    }",
    world: "weir:guests/asks",
    generate_all,
});

use std::cell::RefCell;
use std::collections::BTreeMap;

use exports::weir::plugin::{lifecycle, series};
use guests::setting;
use weir::plugin::http::{self, Header, Refusal, Request};
use weir::plugin::types::{LabelSets, LabelsWanted, Symbols};

struct Plugin;

thread_local! {
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

fn outcome(json: &str) -> String {
    let text = |key| setting(json, key).unwrap_or_default().to_owned();
    let number = |key| setting(json, key).and_then(|n| n.parse::<u32>().ok());
    let header = setting(json, "header").and_then(|h| h.split_once('='));
    let body = match number("body_bytes") {
        Some(bytes) => vec![b'x'; bytes as usize],
        None => text("body").into_bytes(),
    };
    let request = Request {
        method: setting(json, "method").unwrap_or("GET").to_owned(),
        url: text("url"),
        headers: header.into_iter().map(|(n, v)| Header { name: n.to_owned(), value: v.to_owned() }).collect(),
        body,
        timeout: number("timeout"),
    };
    match http::send(&request) {
        Ok(answer) => {
            let location = answer.headers.iter().find(|h| h.name == "location");
            let to = location.map(|h| format!(" to {}", h.value)).unwrap_or_default();
            format!("{}{to}: {}", answer.status, String::from_utf8_lossy(&answer.body))
        }
        Err(Refusal::Malformed(why)) => format!("malformed: {why}"),
        Err(Refusal::NotGranted(host)) => format!("not granted: {host}"),
        Err(Refusal::TooLarge(what)) => format!("too large: {what}"),
        Err(Refusal::OverBudget) => "over budget".to_owned(),
        Err(Refusal::Timeout(what)) => format!("timeout: {what}"),
        Err(Refusal::Failed(why)) => format!("failed: {why}"),
        Err(Refusal::NotNow) => "not now".to_owned(),
    }
}

fn all(json: &str) -> String {
    let Some(times) = setting(json, "times").and_then(|n| n.parse().ok()) else { return outcome(json) };
    let mut counts = BTreeMap::<String, u32>::new();
    for _ in 0..times {
        let said = outcome(json);
        let brief = said.split(':').next().unwrap_or_default();
        *counts.entry(brief.to_owned()).or_default() += 1;
    }
    counts.iter().map(|(said, times)| format!("{times} {said}")).collect::<Vec<_>>().join(", ")
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        if setting(&json, "when") == Some("configure") {
            return Err(all(&json));
        }
        SAID.set(json);
        Ok(())
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        if SAID.with_borrow(|json| setting(json, "when") == Some("wants")) {
            let said = SAID.with_borrow(|json| outcome(json));
            return LabelsWanted::Named(vec![said]);
        }
        LabelsWanted::Nothing
    }

    fn relabel(_: u32, _: Symbols, _: LabelSets) -> Result<series::Verdicts, String> {
        Err(SAID.with_borrow(|json| all(json)))
    }
}

export!(Plugin);
