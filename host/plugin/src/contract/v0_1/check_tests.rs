use bytemuck::cast_slice;
use proptest::prelude::*;

use super::*;

fn symbols_of(strings: &[&str]) -> guest::Symbols {
    let mut s = guest::Symbols::default();
    for string in strings {
        s.push(string);
    }
    s
}

fn raw(strings: &[&str]) -> types::SymbolsResult {
    let s = symbols_of(strings);
    types::SymbolsResult { text: s.text, ends: bytes(&s.ends) }
}

fn bytes(column: &[u32]) -> Vec<u8> {
    cast_slice(column).to_vec()
}

/// Two rows, symbols `a`, `b c` and `d`.
fn batch() -> guest::SeriesBatch {
    guest::SeriesBatch { rows: 2, symbols: symbols_of(&["a", "b c", "d"]), ..Default::default() }
}

#[allow(clippy::unnecessary_wraps, reason = "as the answers have it")]
fn edit(added: types::SymbolsResult, assigned: &[u32], removed: &[u32]) -> Option<types::LabelEdit> {
    Some(types::LabelEdit { added, assigned: bytes(assigned), removed: bytes(removed) })
}

fn relabelled(dropped: &[u32], labels: Option<types::LabelEdit>) -> Result<guest::Verdicts, String> {
    verdicts(series::Verdicts { dropped: bytes(dropped), labels }, &batch())
}

#[test]
fn a_good_answer_passes_as_it_is() {
    let v = relabelled(&[1], edit(raw(&["cluster", ""]), &[0, 3, 1, 0, 0, 4, 1, 3, 2], &[0, 1, 1, 2])).unwrap();
    assert_eq!(v.dropped, [1]);
    let e = v.labels.unwrap();
    assert_eq!(e.added, symbols_of(&["cluster", ""]));
    assert_eq!(e.assigned, [[0, 3, 1], [0, 0, 4], [1, 3, 2]]);
    assert_eq!(e.removed, [[0, 1], [1, 2]]);
    assert_eq!(relabelled(&[], None), Ok(guest::Verdicts::default()));
}

#[test]
fn rows_are_checked() {
    for (dropped, says) in [
        (&[2][..], "dropped: row 2, and there are 2"),
        (&[0, 0], "dropped: row 0 after row 0"),
        (&[1, 0], "dropped: row 0 after row 1"),
        (&[u32::MAX], "there are 2"),
    ] {
        assert!(relabelled(dropped, None).unwrap_err().contains(says));
    }
    let v = series::Verdicts { dropped: vec![0; 3], labels: None };
    assert_eq!(verdicts(v, &batch()).unwrap_err(), "dropped: 3 bytes are no multiple of 4");
    let none = guest::SeriesBatch::default();
    let v = series::Verdicts { dropped: vec![0; 4], labels: None };
    assert_eq!(verdicts(v, &none).unwrap_err(), "dropped: row 0, and there are 0");
    let v = series::Verdicts { dropped: vec![], labels: edit(raw(&["a"]), &[0, 0, 0], &[]) };
    assert_eq!(verdicts(v, &none).unwrap_err(), "labels: row 0, and there are 0");
}

#[test]
fn label_edits_are_checked() {
    for (labels, says) in [
        (edit(raw(&[]), &[0, 0], &[]), "8 bytes are no multiple of 12"),
        (edit(raw(&[]), &[], &[0]), "4 bytes are no multiple of 8"),
        (edit(raw(&[]), &[2, 0, 0], &[]), "row 2"),
        (edit(raw(&[]), &[1, 0, 0, 0, 0, 0], &[]), "row 0 after row 1"),
        (edit(raw(&[]), &[], &[2, 0]), "row 2"),
        (edit(raw(&["x"]), &[0, 0, 4], &[]), "symbol 4, and there are 4"),
        (edit(raw(&["x"]), &[0, 4, 0], &[]), "symbol 4, and there are 4"),
        (edit(raw(&["x"]), &[], &[0, 9]), "symbol 9, and there are 4"),
        (edit(raw(&[]), &[0, 1, 0], &[]), "\"b c\" is no label name"),
        (edit(raw(&[""]), &[0, 3, 0], &[]), "\"\" is no label name"),
        (edit(raw(&["9"]), &[0, 0, 0, 0, 3, 0], &[]), "\"9\" is no label name"),
    ] {
        let e = relabelled(&[], labels).unwrap_err();
        assert!(e.contains(says), "{e}");
    }
}

#[test]
fn what_is_handed_over_once_does_not_fill_every_row() {
    let rows = 4096;
    let batch = guest::SeriesBatch { rows, symbols: symbols_of(&["a", "b"]), ..Default::default() };
    let said = |value: usize, of: u32, times: u32| {
        let assigned: Vec<u32> = (0..of).flat_map(|row| (0..times).flat_map(move |_| [row, 0, 2])).collect();
        let labels = edit(raw(&[&"x".repeat(value)]), &assigned, &[]);
        verdicts(series::Verdicts { dropped: vec![], labels }, &batch).map(|_| ())
    };
    assert_eq!(said(MAX_LABELS - 1, 1, 1), Ok(()));
    assert_eq!(said(4 << 10, rows, 1), Ok(()));
    assert_eq!(said(0, 1, 1024), Ok(()));
    for (value, of, times, says) in [
        (MAX_LABELS, 1, 1, "row 0 gets 16385 bytes of names and values, and may get 16384"),
        (15 << 20, 1, 1, "row 0 gets 15728641 bytes"),
        (8 << 10, 1, 3, "row 0 gets 24579 bytes"),
        (8 << 10, rows, 1, "4096 rows get 33558528 bytes of names and values, and may get 17825792"),
        (0, 1, 1025, "row 0 has 1025 changes, and may have 1024"),
    ] {
        assert!(said(value, of, times).unwrap_err().contains(says), "{:?}", said(value, of, times));
    }
    let removed: Vec<u32> = (0..1025).flat_map(|_| [1, 0]).collect();
    let labels = edit(raw(&[]), &[], &removed);
    let e = verdicts(series::Verdicts { dropped: vec![], labels }, &batch).unwrap_err();
    assert!(e.contains("row 1 has 1025 changes"), "{e}");
}

/// Each check of such a name reads 5 MB: a hundred thousand of them would be minutes of weir's own.
#[test]
fn long_names_are_refused_before_they_are_read() {
    let names = ["a".repeat(5 << 20), "b".repeat(5 << 20)];
    let mut added: Vec<&str> = vec![""; 17];
    (added[0], added[16]) = (&names[0], &names[1]);
    let assigned: Vec<u32> = (0..500).flat_map(|i| [0, if i % 2 == 0 { 3 } else { 19 }, 1]).collect();
    let e = relabelled(&[], edit(raw(&added), &assigned, &[])).unwrap_err();
    assert!(e.contains("row 0 gets 2621441500 bytes"), "{e}");
    let e = relabelled(&[], edit(raw(&[&"a".repeat(1025)]), &[0, 3, 0], &[])).unwrap_err();
    assert!(e.ends_with("is no label name"), "{e}");
}

#[test]
fn what_is_wanted_can_be_shown_and_compared() {
    let wanted = |names: Vec<String>| labels_wanted(types::LabelsWanted::Named(names));
    let many = |n: usize| (0..n).map(|i| format!("l{i}")).collect::<Vec<_>>();
    assert_eq!(wanted(many(64)), LabelsWanted::Named(many(64)));
    assert_eq!(wanted(many(65)), LabelsWanted::Everything);
    let odd = ["job", "a\u{1b}[2Jb", "c\nd", &"x".repeat(1025), "http.status"].map(str::to_owned).to_vec();
    assert_eq!(wanted(odd), LabelsWanted::Named(vec!["job".to_owned(), "http.status".to_owned()]));
}

#[test]
fn strings_are_checked() {
    for (text, ends, says) in [
        ("abc", &[1][..], "the last end is 1, and the text has 3"),
        ("abc", &[4], "end 4 after 0"),
        ("abc", &[2, 1, 3], "end 1 after 2"),
        ("é", &[1, 2], "end 1 after 0"),
        ("abc", &[], "the last end is 0"),
    ] {
        let raw = types::SymbolsResult { text: text.to_owned(), ends: bytes(ends) };
        let e = relabelled(&[], edit(raw, &[], &[])).unwrap_err();
        assert!(e.contains(says), "{e}");
    }
}

#[test]
fn sample_values_are_checked() {
    let batch = guest::SamplesBatch { rows: 3, kinds: vec![0, 1, 0], ..Default::default() };
    let patch = |changed: &[u32], values: &[f64]| {
        let p = samples::Patch {
            dropped: vec![],
            labels: None,
            changed: bytes(changed),
            values: cast_slice(values).to_vec(),
        };
        samples_edit(samples::Edit::Patch(p), &batch)
    };
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let edit = patch(&[0, 2], &[1.5, stale]).unwrap();
    assert_eq!(edit.changed, [0, 2]);
    assert_eq!(edit.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [1.5_f64.to_bits(), 0x7ff8_0000_0000_0001]);
    assert!(patch(&[1], &[1.0]).unwrap_err().contains("row 1 is not of kind 0"));
    assert!(patch(&[0], &[]).unwrap_err().contains("changed has 1 rows, and values 0"));
    assert_eq!(samples_edit(samples::Edit::Unchanged, &batch), Ok(guest::SamplesEdit::default()));
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let near = prop::collection::vec(prop_oneof![8 => 0..6u32, 1 => any::<u32>()], 0..9).prop_map(|v| bytes(&v));
    prop_oneof![4 => near, 1 => prop::collection::vec(any::<u8>(), 0..20)]
}

fn any_symbols() -> impl Strategy<Value = types::SymbolsResult> {
    let loose = (".{0,4}", words()).prop_map(|(text, ends)| types::SymbolsResult { text, ends });
    let good =
        prop::collection::vec(".{0,3}", 0..4).prop_map(|s| raw(&s.iter().map(String::as_str).collect::<Vec<_>>()));
    prop_oneof![loose, good]
}

fn any_edit() -> impl Strategy<Value = Option<types::LabelEdit>> {
    prop::option::of((any_symbols(), words(), words()).prop_map(|(added, assigned, removed)| types::LabelEdit {
        added,
        assigned,
        removed,
    }))
}

/// What the pipeline relies on, for any answer that passes.
fn assert_edit(edit: Option<&guest::LabelEdit>, rows: u32, batch: &guest::Symbols) {
    let Some(edit) = edit else { return };
    let symbol = |i: u32| {
        let i = i as usize;
        if i < batch.len() { batch.get(i) } else { edit.added.get(i - batch.len()) }
    };
    assert!(edit.assigned.is_sorted_by_key(|a| a[0]) && edit.removed.is_sorted_by_key(|r| r[0]));
    for [row, name, value] in &edit.assigned {
        assert!(*row < rows && is_label_name(symbol(*name).unwrap()) && symbol(*value).is_some());
    }
    for [row, name] in &edit.removed {
        assert!(*row < rows && symbol(*name).is_some());
    }
}

fn assert_rows(rows: &[u32], count: u32) {
    assert!(rows.iter().all(|r| *r < count) && rows.is_sorted_by(|a, b| a < b));
}

proptest! {
    #[test]
    fn any_verdicts(dropped in words(), labels in any_edit(), rows in 0..5u32) {
        let batch = guest::SeriesBatch { rows, ..batch() };
        if let Ok(v) = verdicts(series::Verdicts { dropped, labels }, &batch) {
            assert_rows(&v.dropped, rows);
            assert_edit(v.labels.as_ref(), rows, &batch.symbols);
        }
    }

    #[test]
    fn any_samples_edit(
        dropped in words(), labels in any_edit(), changed in words(),
        values in prop::collection::vec(any::<u8>(), 0..40), kinds in prop::collection::vec(0..3u8, 0..5),
    ) {
        let batch = guest::SamplesBatch { rows: kinds.len() as u32, kinds, ..Default::default() };
        let patch = samples::Patch { dropped, labels, changed, values };
        if let Ok(e) = samples_edit(samples::Edit::Patch(patch), &batch) {
            assert_rows(&e.dropped, batch.rows);
            assert_rows(&e.changed, batch.rows);
            assert_edit(e.labels.as_ref(), batch.rows, &batch.symbols);
            assert_eq!(e.changed.len(), e.values.len());
            assert!(e.changed.iter().all(|r| batch.kinds[*r as usize] == 0));
        }
    }

    #[test]
    fn any_logs_edit(
        dropped in words(), labels in any_edit(), metadata in any_edit(), stamped in words(),
        stamps in prop::collection::vec(any::<u8>(), 0..40), changed in words(), lines in any_symbols(),
    ) {
        let symbols = symbols_of(&["a", "b"]);
        let none = guest::LabelSets::default();
        let batch = guest::LogsBatch {
            rows: 4, symbols: &symbols, sets: &none, set_of_row: &[], metadata: &none, timestamps: &[], lines: "",
            line_ends: &[],
        };
        let times = Some(logs::NewTimes { rows: stamped, timestamps: stamps });
        let patch = logs::Patch { dropped, labels, metadata, times, changed, lines };
        if let Ok(e) = logs_edit(logs::Edit::Patch(patch), &batch) {
            assert_rows(&e.dropped, 4);
            assert_rows(&e.changed, 4);
            assert_rows(&e.times.iter().map(|t| t.0).collect::<Vec<_>>(), 4);
            assert_edit(e.labels.as_ref(), 4, &symbols);
            assert_edit(e.metadata.as_ref(), 4, &symbols);
            assert_eq!(e.changed.len(), e.lines.len());
            for i in 0..e.lines.len() {
                assert!(e.lines.get(i).is_some());
            }
        }
    }
}
