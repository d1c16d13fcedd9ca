//! Does in `configure` what `do` says with files, variables, clock and random numbers, and refuses with what came of it.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "series-plugin", generate_all });

use std::fs;

use exports::weir::plugin::{lifecycle, series};
use guests::setting;
use weir::plugin::types::{LabelSets, LabelsWanted, Symbols};

struct Plugin;

fn attempt(what: &str, path: &str) -> Result<String, std::io::Error> {
    Ok(match what {
        "read" => fs::read_to_string(path)?,
        "list" => {
            let mut names = vec![];
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().into_string().unwrap());
            }
            names.sort();
            names.join(",")
        }
        "size" => fs::metadata(path)?.len().to_string(),
        "write" => fs::write(path, "x").map(|()| "written".to_owned())?,
        "create folder" => fs::create_dir(path).map(|()| "made".to_owned())?,
        "remove" => fs::remove_file(path).map(|()| "removed".to_owned())?,
        "rename" => fs::rename(path, "/data/other").map(|()| "renamed".to_owned())?,
        "open many" => {
            let open: Result<Vec<_>, _> = (0..200).map(|_| fs::File::open(path)).collect();
            format!("{} open", open?.len())
        }
        other => format!("no way to {other}"),
    })
}

impl lifecycle::Guest for Plugin {
    fn configure(json: String) -> Result<(), String> {
        let what = setting(&json, "do").unwrap_or_default();
        let path = setting(&json, "path").unwrap_or_default();
        Err(attempt(what, path).unwrap_or_else(|e| format!("error: {:?}", e.kind())))
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
