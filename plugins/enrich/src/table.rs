//! The table: a CSV file's rows by their key, of its columns those that are used.

use std::io::Read;

use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

/// Keys are the operator's own, and the table is read by one instance: the same hash everywhere will do.
const SECRETS: RapidSecrets = RapidSecrets::seed(7);

/// Between the parts of a key: no cell of a table for people has it.
const BETWEEN: &str = "\u{1f}";

/// How much of the file is read at a time: each time is a call of the host.
const READ: usize = 256 << 10;

/// What is read of a file.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The columns of the key.
    pub(crate) key: Vec<String>,
    /// The columns of the values.
    pub(crate) values: Vec<String>,
    pub(crate) delimiter: u8,
    /// The largest file, in bytes.
    pub(crate) max_bytes: u64,
    /// The most rows.
    pub(crate) max_rows: usize,
}

/// What is wrong with a file. All are for whoever writes it; the file's name is put before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("has more than {max} bytes (max_bytes)")]
    TooLarge { max: u64 },
    #[error("has more than {max} rows (max_rows)")]
    TooManyRows { max: usize },
    #[error("is empty: its first row must name the columns")]
    Empty,
    #[error("has no column {column:?}; its first row names {there}")]
    NoColumn { column: String, there: String },
    #[error("has two columns {column:?}")]
    TwoColumns { column: String },
    #[error("line {line}: has {found} cells where the first row has {expected}")]
    Cells { line: u64, found: u64, expected: u64 },
    #[error("line {line}, column {column:?}: is not UTF-8")]
    NotUtf8 { line: u64, column: String },
    #[error("lines {first} and {second}: have the same key {key:?}")]
    Duplicate { first: u64, second: u64, key: String },
    #[error("{0}")]
    Other(String),
}

/// A row: where its cells end in the text, and where it is in the file.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where the key begins in the text.
    start: usize,
    /// Its number, for the ends of its values.
    number: usize,
    line: u64,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Keys and values end to end.
    text: String,
    /// For each row the end of its key, then of each of its values.
    ends: Vec<u32>,
    rows: HashTable<Row>,
    /// How many ends a row has.
    width: usize,
    digest: u64,
}

impl Table {
    /// Reads a whole file.
    pub(crate) fn read(file: impl Read, shape: &Shape) -> Result<Self, TableError> {
        // one byte more than may be tells that there are more
        let file = Counted { file: file.take(shape.max_bytes + 1), bytes: 0 };
        let mut reader =
            ReaderBuilder::new().delimiter(shape.delimiter).buffer_capacity(READ).has_headers(false).from_reader(file);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(explain)? {
            return Err(TableError::Empty);
        }
        let header: Vec<String> =
            record.iter().map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect();
        let places = |columns: &[String]| columns.iter().map(|c| place(&header, c)).collect::<Result<Vec<_>, _>>();
        let (key, values) = (places(&shape.key)?, places(&shape.values)?);
        let mut table = Self { width: values.len() + 1, ..Self::default() };
        while reader.read_byte_record(&mut record).map_err(explain)? {
            if table.rows.len() >= shape.max_rows {
                return Err(TableError::TooManyRows { max: shape.max_rows });
            }
            table.push(&record, &key, &values, &header)?;
        }
        if reader.get_ref().bytes > shape.max_bytes {
            return Err(TableError::TooLarge { max: shape.max_bytes });
        }
        // of what is used: a column that is not may change
        let ends = table.ends.iter().fold(0, |hash: u64, end| hash.rotate_left(5) ^ u64::from(*end));
        table.digest = rapidhash_v3_seeded(table.text.as_bytes(), &SECRETS) ^ ends;
        Ok(table)
    }

    fn push(
        &mut self,
        record: &ByteRecord,
        key: &[usize],
        values: &[usize],
        header: &[String],
    ) -> Result<(), TableError> {
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { start: self.text.len(), number: self.ends.len() / self.width, line };
        for (part, place) in key.iter().enumerate() {
            if part > 0 {
                self.text.push_str(BETWEEN);
            }
            self.text.push_str(cell(record, *place, line, header)?);
        }
        self.end();
        for place in values {
            self.text.push_str(cell(record, *place, line, header)?);
            self.end();
        }
        let (text, ends, width) = (&self.text, &self.ends, self.width);
        let key_of = |row: &Row| key_in(text, ends, width, row);
        let own = key_of(&row);
        match self.rows.entry(hash(own), |other| key_of(other) == own, |other| hash(key_of(other))) {
            hashbrown::hash_table::Entry::Occupied(other) => {
                let key = own.replace(BETWEEN, ", ");
                Err(TableError::Duplicate { first: other.get().line, second: line, key })
            }
            hashbrown::hash_table::Entry::Vacant(place) => {
                place.insert(row);
                Ok(())
            }
        }
    }

    fn end(&mut self) {
        // the file has no more bytes than fit, by the bound of max_bytes
        self.ends.push(self.text.len() as u32);
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Differs where what is used of two files does.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// The values of the row of a key, in the order of the shape; its parts are as [`join`] puts them together.
    pub(crate) fn get(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        let key_of = |row: &Row| key_in(&self.text, &self.ends, self.width, row);
        let row = self.rows.find(hash(key), |row| key_of(row) == key)?;
        let ends = self.ends.get(row.number * self.width..(row.number + 1) * self.width)?;
        Some(
            ends.iter()
                .zip(ends.iter().skip(1))
                .map(|(start, end)| self.text.get(*start as usize..*end as usize).unwrap_or_default()),
        )
    }
}

/// Puts the parts of a key together.
pub(crate) fn join<'t>(parts: impl IntoIterator<Item = &'t str>, key: &mut String) {
    key.clear();
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            key.push_str(BETWEEN);
        }
        key.push_str(part);
    }
}

fn key_in<'t>(text: &'t str, ends: &[u32], width: usize, row: &Row) -> &'t str {
    let end = ends.get(row.number * width).map_or(row.start, |end| *end as usize);
    text.get(row.start..end).unwrap_or_default()
}

fn hash(key: &str) -> u64 {
    rapidhash_v3_seeded(key.as_bytes(), &SECRETS)
}

fn place(header: &[String], column: &str) -> Result<usize, TableError> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    let Some(place) = places.next() else {
        let there = header.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        return Err(TableError::NoColumn { column: column.into(), there });
    };
    if places.next().is_some() {
        return Err(TableError::TwoColumns { column: column.into() });
    }
    Ok(place)
}

/// A cell without the blanks around it.
fn cell<'r>(record: &'r ByteRecord, place: usize, line: u64, header: &[String]) -> Result<&'r str, TableError> {
    std::str::from_utf8(record.get(place).unwrap_or_default().trim_ascii())
        .map_err(|_| TableError::NotUtf8 { line, column: header.get(place).cloned().unwrap_or_default() })
}

fn explain(error: csv::Error) -> TableError {
    let text = error.to_string();
    match error.into_kind() {
        ErrorKind::Io(e) => TableError::Read(e),
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            TableError::Cells { line: pos.map_or(0, |p| p.line()), found: len, expected: expected_len }
        }
        _ => TableError::Other(text),
    }
}

/// Counts what is read.
struct Counted<R> {
    file: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn shape(key: &[&str], values: &[&str]) -> Shape {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Shape { key: owned(key), values: owned(values), delimiter: b',', max_bytes: 1 << 20, max_rows: 1000 }
    }

    fn read(text: &[u8], shape: &Shape) -> Result<Table, String> {
        Table::read(text, shape).map_err(|e| e.to_string())
    }

    fn get<'t>(table: &'t Table, key: &[&str]) -> Option<Vec<&'t str>> {
        let mut joined = String::new();
        join(key.iter().copied(), &mut joined);
        table.get(&joined).map(Iterator::collect)
    }

    #[test]
    fn rows_are_found_by_all_parts_of_their_key() {
        let text = "\u{feff}site,host , owner,note\neu,a,\"Ops, \"\"core\"\"\",x\n eu , b ,web,\nus,a,,y\r\n";
        let table = read(text.as_bytes(), &shape(&["host", "site"], &["owner", "site"])).unwrap();
        assert_eq!(table.len(), 3);
        assert_eq!(get(&table, &["a", "eu"]), Some(vec!["Ops, \"core\"", "eu"]));
        assert_eq!(get(&table, &["b", "eu"]), Some(vec!["web", "eu"]));
        assert_eq!(get(&table, &["a", "us"]), Some(vec!["", "us"]));
        assert_eq!(get(&table, &["b", "us"]), None);
        assert_eq!(get(&table, &["a"]), None);
    }

    #[test]
    fn the_digest_is_of_what_is_used() {
        let of = |text: &str| read(text.as_bytes(), &shape(&["k"], &["v"])).unwrap().digest();
        assert_eq!(of("k,v,x\na,1,1\n"), of("x,k,v\n2,a,1\n"));
        for other in ["k,v\na,2\n", "k,v\na,1\nb,1\n", "k,v\na1,\n", "k,v\n"] {
            assert_ne!(of("k,v\na,1\n"), of(other), "{other}");
        }
    }

    #[test]
    fn errors_name_line_and_column() {
        let one = shape(&["host"], &["owner"]);
        for (text, wanted) in [
            (&b""[..], "is empty: its first row must name the columns"),
            (b"host,team\na,b\n", r#"has no column "owner"; its first row names "host", "team""#),
            (b"host,owner,host\n", r#"has two columns "host""#),
            (b"host,owner\na,b\nc\n", "line 3: has 1 cells where the first row has 2"),
            (b"host,owner\na,b\nc,\xff\n", r#"line 3, column "owner": is not UTF-8"#),
            (b"host,owner\na,b\nc,d\na,e\n", r#"lines 2 and 4: have the same key "a""#),
        ] {
            assert_eq!(read(text, &one).unwrap_err(), wanted);
        }
        // what is not used may be anything
        read(b"host,owner,x,x\na,b,\xff,1\n", &one).unwrap();
        let two = shape(&["host", "site"], &[]);
        assert_eq!(read(b"host,site\na,b\na,b\n", &two).unwrap_err(), r#"lines 2 and 3: have the same key "a, b""#);
    }

    #[test]
    fn a_file_is_bounded_in_bytes_and_rows() {
        let small = Shape { max_bytes: 20, max_rows: 2, ..shape(&["k"], &["v"]) };
        assert_eq!(read(b"k,v\na,1\nb,2\nc,3\n", &small).unwrap_err(), "has more than 2 rows (max_rows)");
        assert_eq!(read(b"k,v\na,1\nb,2222222222", &small).map(|t| t.len()), Ok(2));
        assert_eq!(read(b"k,v\na,1\nb,22222222222", &small).unwrap_err(), "has more than 20 bytes (max_bytes)");
    }

    proptest! {
        #[test]
        fn what_was_written_is_found(rows in prop::collection::btree_map("[ -~é]{0,6}", "[ -~\n\"]{0,6}", 0..20)) {
            let rows: BTreeMap<String, String> = rows.into_iter().map(|(k, v)| (k.trim().into(), v.trim().into())).collect();
            let mut writer = csv::Writer::from_writer(vec![]);
            writer.write_record(["k", "v"]).unwrap();
            for (key, value) in &rows {
                writer.write_record([key, value]).unwrap();
            }
            let table = read(&writer.into_inner().unwrap(), &shape(&["k"], &["v"])).unwrap();
            prop_assert_eq!(table.len(), rows.len());
            for (key, value) in &rows {
                prop_assert_eq!(get(&table, &[key]), Some(vec![value.as_str()]));
            }
        }

        #[test]
        fn no_file_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&b"k,v\n"[..], &bytes].concat(), &shape(&["k"], &["v"]));
        }
    }
}
