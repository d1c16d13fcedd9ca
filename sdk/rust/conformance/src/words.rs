//! What lines that begin with `do ` ask for.

use std::time::Duration;

use weir_sdk::emit::{self, Refusal};
use weir_sdk::http::{self, Request};
use weir_sdk::{Error, state};

/// Does what the words say and gives the answer. `job` is the stream's.
pub(crate) fn done(words: &str, job: &str) -> Result<String, Error> {
    let words: Vec<&str> = words.split(' ').collect();
    Ok(match words[..] {
        ["emit", name, count] => answer(&things(name, job, number(count)?)),
        ["emit-at", name, time] => {
            let time = time.parse()?;
            answer(&emit::samples_at(|samples| samples.add(time, name, &[], 1.0)))
        }
        ["say", count] => answer(&sayings(job, number(count)?)),
        ["say-at", time] => {
            let time = time.parse()?;
            answer(&emit::lines_at(|lines| lines.add(time, &[("said", "größe")], "at")))
        }
        ["keep", key, value] => kept(state::set(key, value.as_bytes())),
        ["keep-large", key, count] => kept(state::set(key, &vec![b'x'; number(count)? as usize])),
        ["look", key] => {
            state::get(key).map_or_else(|| "nothing".into(), |value| String::from_utf8_lossy(&value).into())
        }
        ["forget", key] => {
            state::remove(key);
            "forgotten".into()
        }
        ["list", prefix] => state::keys(prefix).join(","),
        ["ask", method, url] => asked(&asking(method, url).send()),
        ["ask", method, url, body] => asked(&Request { body: body.into(), ..asking(method, url) }.send()),
        ["ask-briefly", url] => asked(&asking("GET", url).timeout(Duration::from_millis(50)).send()),
        ["ask-often", count, url] => often(number(count)?, url),
        ["must-ask", url] => asked(&Ok(asking("GET", url).send()?)),
        _ => return Err(format!("no such words: {words:?}").into()),
    })
}

fn number(word: &str) -> Result<u32, Error> {
    Ok(word.parse()?)
}

fn things(name: &str, job: &str, count: u32) -> Result<(), Refusal> {
    emit::samples(|samples| {
        for row in 0..count {
            let labels = [("city", "Zürich"), ("job", job), ("row", &row.to_string())];
            samples.add(name, &labels, f64::from(row) + 0.5);
        }
    })
}

fn sayings(job: &str, count: u32) -> Result<(), Refusal> {
    let stream = [("job", job), ("said", "größe")];
    emit::lines(|lines| {
        for row in 0..count {
            let text = format!("line {row} 🦭");
            if row % 2 == 1 {
                lines.add_with(&stream, &[("row", &row.to_string())], &text);
            } else {
                lines.add(&stream, &text);
            }
        }
    })
}

fn answer(outcome: &Result<(), Refusal>) -> String {
    let word = match outcome {
        Ok(()) => "emitted",
        Err(Refusal::OverBudget) => "budget",
        Err(Refusal::Malformed(_)) => "malformed",
        Err(Refusal::NotNow) => "not now",
    };
    word.into()
}

fn asking(method: &str, url: &str) -> Request {
    Request::new(method, url).header("x-asked", "conformance").header("x-asked", "twice")
}

fn often(count: u32, url: &str) -> String {
    if (0..count).any(|_| asking("GET", url).send() == Err(http::Refusal::OverBudget)) {
        "over budget".into()
    } else {
        "asked".into()
    }
}

fn asked(outcome: &Result<http::Response, http::Refusal>) -> String {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(refusal) => {
            let word = match refusal {
                http::Refusal::Malformed(_) => "malformed",
                http::Refusal::NotGranted(_) => "not granted",
                http::Refusal::TooLarge(_) => "too large",
                http::Refusal::OverBudget => "over budget",
                http::Refusal::Timeout(_) => "timeout",
                http::Refusal::Failed(_) => "failed",
                _ => "not now",
            };
            return word.into();
        }
    };
    let body = String::from_utf8_lossy(&answer.body);
    format!("{} {} {body}", answer.status, answer.header("X-Answered").unwrap_or_default())
}

fn kept(outcome: Result<(), state::Refusal>) -> String {
    if outcome.is_ok() { "kept".into() } else { "refused".into() }
}
