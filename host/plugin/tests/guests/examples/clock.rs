//! Asks for the time, which plugins do not get.

wit_bindgen::generate!({ path: "../../../../wit/v0.1.0", world: "series-plugin", generate_all });

use exports::weir::plugin::{lifecycle, series};
use weir::plugin::types::{LabelSets, LabelsWanted, Symbols};

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn configure(_: String) -> Result<(), String> {
        Ok(())
    }
}

impl series::Guest for Plugin {
    fn wants() -> LabelsWanted {
        LabelsWanted::Nothing
    }

    fn relabel(_: u32, _: Symbols, _: LabelSets) -> Result<series::Verdicts, String> {
        Err(format!("{:?}", std::time::SystemTime::now()))
    }
}

export!(Plugin);
