//! Adds labels from a CSV file by key, to series and log streams.

mod table;
#[cfg(test)]
mod tests;
mod watch;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use table::{Shape, Table};
use watch::{Look, Watch};
use weir_sdk::{
    Error, Labels, Moment, Plugin, Series, SeriesBatch, Tick, counter, duration, gauge, log, state, verdicts,
};

/// Where the digest of the table that weir's verdicts are of is kept: an instance that takes another's place may read a newer file.
const DIGEST: &str = "digest";

/// What the operator writes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file, as the plugin sees it: below the `mount` of its grant.
    file: String,
    /// Labels of a series or stream, and the columns that they are looked up in.
    key: Names,
    /// Labels that are set, and the columns that have their values.
    labels: Names,
    /// Values of labels where the table has none.
    #[serde(default)]
    defaults: BTreeMap<String, String>,
    /// What becomes of a series or stream whose key is not in the table.
    #[serde(default)]
    on_missing: OnMissing,
    /// How often to look whether the file has changed.
    #[serde(default = "ten_seconds")]
    refresh_interval: String,
    /// What is between the cells.
    #[serde(default = "comma")]
    delimiter: char,
    /// The largest file.
    #[serde(default = "eight_mebibytes")]
    max_bytes: u32,
    /// The most rows.
    #[serde(default = "twenty_thousand")]
    max_rows: usize,
}

fn ten_seconds() -> String {
    "10s".into()
}

fn comma() -> char {
    ','
}

/// The file, the old table and the new one fit into the memory that a plugin has by default.
fn eight_mebibytes() -> u32 {
    8 << 20
}

/// So many rows are read within the time that a call has by default, on a busy machine too.
fn twenty_thousand() -> usize {
    20_000
}

/// Labels and columns.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged, expecting = "expected a list of columns, or a table of labels and columns")]
enum Names {
    /// Columns that are called as the labels are.
    List(Vec<String>),
    /// `label = "column"`
    Map(BTreeMap<String, String>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnMissing {
    /// It goes on, with `defaults`.
    #[default]
    Keep,
    /// It is dropped.
    Drop,
}

/// A label that is set.
#[derive(Debug)]
struct Target {
    label: String,
    default: Option<String>,
}

/// The plugin.
#[derive(Debug)]
pub struct Enrich {
    keys: Vec<String>,
    /// In the order of the table's values.
    targets: Vec<Target>,
    on_missing: OnMissing,
    interval: Duration,
    shape: Shape,
    watch: Watch,
    table: Table,
    /// The verdicts that weir keeps are of another table.
    outdated: bool,
    /// The key that is looked for, kept for its memory.
    wanted: RefCell<String>,
}

impl Plugin for Enrich {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let Config { file, key, labels, mut defaults, on_missing, refresh_interval, delimiter, .. } = config;
        let (keys, key_columns) = pairs("key", key)?;
        let (labels, columns) = pairs("labels", labels)?;
        let targets: Vec<Target> =
            labels.into_iter().map(|label| Target { default: defaults.remove(&label), label }).collect();
        if let Some((label, _)) = defaults.first_key_value() {
            return Err(format!("config.defaults: {label:?} is not among config.labels").into());
        }
        if let Some(taken) = targets.iter().find(|t| t.label.starts_with("__")) {
            return Err(format!("config.labels: {:?} is one of weir's own labels", taken.label).into());
        }
        let interval = duration::parse(&refresh_interval).map_err(|e| format!("config.refresh_interval: {e}"))?;
        if interval < Duration::from_secs(1) {
            return Err("config.refresh_interval: at least a second".into());
        }
        let delimiter = u8::try_from(delimiter).ok().filter(|d| d.is_ascii() && !matches!(d, b'"' | b'\n' | b'\r'));
        let delimiter = delimiter.ok_or("config.delimiter: one character of ASCII, as \",\", \";\" or \"\\t\"")?;
        let shape = Shape {
            key: key_columns,
            values: columns,
            delimiter,
            max_bytes: config.max_bytes.into(),
            max_rows: config.max_rows,
        };
        let (watch, table) = Watch::open(&file, &shape).map_err(|e| format!("config.file: {e}"))?;
        let kept = state::get(DIGEST);
        let digest = table.digest().to_le_bytes();
        if kept.is_none() {
            state::set(DIGEST, &digest)?;
        }
        let outdated = kept.is_some_and(|kept| kept != digest);
        show(&table);
        let wanted = RefCell::default();
        Ok(Self { keys, targets, on_missing, interval, shape, watch, table, outdated, wanted })
    }
}

impl Series for Enrich {
    fn wants(&self) -> Labels {
        Labels::named(&self.keys)
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        let keys: Vec<_> = self.keys.iter().map(|label| batch.symbol(label)).collect();
        let targets: Vec<_> = self.targets.iter().map(|t| (batch.symbol(&t.label), t.default.as_deref())).collect();
        let mut missing = 0_u32;
        let mut wanted = self.wanted.borrow_mut();
        for row in batch.rows() {
            table::join(keys.iter().map(|key| row.label(*key).unwrap_or_default()), &mut wanted);
            let Some(values) = self.table.get(&wanted) else {
                missing += 1;
                if self.on_missing == OnMissing::Drop {
                    row.drop();
                } else {
                    for (label, default) in &targets {
                        if let Some(value) = default {
                            row.set(*label, value);
                        }
                    }
                }
                continue;
            };
            for ((label, default), value) in targets.iter().zip(values) {
                // an empty cell is no value
                if let Some(value) = Some(value).filter(|v| !v.is_empty()).or(*default) {
                    row.set(*label, value);
                }
            }
        }
        if missing > 0 {
            counter("enrich_missing", &[], f64::from(missing));
        }
        Ok(())
    }
}

impl Tick for Enrich {
    fn interval(&self) -> Duration {
        self.interval
    }

    fn tick(&mut self, moment: Moment) -> Result<(), Error> {
        if moment.last {
            return Ok(());
        }
        match self.watch.look(&self.shape) {
            Look::Nothing => {}
            Look::Table(table) => {
                counter("enrich_table_reads", &[("result", "ok")], 1.0);
                log::info!("the table has changed: {} rows, {} before", table.len(), self.table.len());
                self.outdated |= table.digest() != self.table.digest();
                self.table = table;
                show(&self.table);
            }
            Look::Failed(why) => {
                counter("enrich_table_reads", &[("result", "error")], 1.0);
                gauge("enrich_table_outdated", &[], 1.0);
                log::warn!("{why}; the old table stays, with {} rows", self.table.len());
            }
        }
        if self.outdated {
            state::set(DIGEST, &self.table.digest().to_le_bytes())?;
            verdicts::forget();
            self.outdated = false;
        }
        Ok(())
    }
}

fn show(table: &Table) {
    gauge("enrich_table_rows", &[], table.len() as f64);
    gauge("enrich_table_outdated", &[], 0.0);
}

/// Labels and, in the same order, their columns.
fn pairs(of: &str, names: Names) -> Result<(Vec<String>, Vec<String>), Error> {
    let pairs: Vec<(String, String)> = match names {
        Names::List(columns) => columns.into_iter().map(|column| (column.clone(), column)).collect(),
        Names::Map(map) => map.into_iter().map(|(l, c)| if c.is_empty() { (l.clone(), l) } else { (l, c) }).collect(),
    };
    if pairs.is_empty() {
        return Err(format!("config.{of}: name at least one").into());
    }
    if let Some((label, _)) = pairs.iter().find(|(label, _)| !is_label_name(label)) {
        return Err(format!("config.{of}: {label:?} is not a label name; write label_name = {label:?}").into());
    }
    if let Some((label, _)) = pairs.iter().find(|(label, _)| pairs.iter().filter(|(l, _)| l == label).count() > 1) {
        return Err(format!("config.{of}: {label:?} is named twice").into());
    }
    Ok(pairs.into_iter().unzip())
}

fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

weir_sdk::export!(Enrich: Series, Tick);
