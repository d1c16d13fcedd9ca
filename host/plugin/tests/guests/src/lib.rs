//! Columns of the contract, for guests that are written against the raw bindings.

/// Numbers of a column.
pub fn u32s(column: &[u8]) -> impl Iterator<Item = u32> + '_ {
    column.as_chunks::<4>().0.iter().map(|c| u32::from_le_bytes(*c))
}

/// Numbers of a column.
pub fn f64s(column: &[u8]) -> impl Iterator<Item = f64> + '_ {
    column.as_chunks::<8>().0.iter().map(|c| f64::from_le_bytes(*c))
}

/// A column of numbers.
pub fn column(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// A column of floats.
pub fn floats(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// The strings of a table, in order.
pub fn strings<'a>(text: &'a str, ends: &'a [u8]) -> impl Iterator<Item = &'a str> {
    let mut start = 0;
    u32s(ends).map(move |end| {
        let s = &text[start..end as usize];
        start = end as usize;
        s
    })
}

/// A table of strings.
pub fn table(strings: &[&str]) -> (String, Vec<u8>) {
    let mut text = String::new();
    let mut ends = Vec::new();
    for s in strings {
        text.push_str(s);
        ends.extend((text.len() as u32).to_le_bytes());
    }
    (text, ends)
}

/// The value of a key in a flat JSON object of strings; enough for tests.
pub fn setting<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let rest = json.split_once(&format!("\"{key}\""))?.1;
    rest.split('"').nth(1)
}
