use proptest::prelude::*;

use super::*;

fn bytes<T: bytemuck::NoUninit>(column: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(column).to_vec()
}

fn table(strings: &[&str]) -> types::SymbolsResult {
    let (mut text, mut ends) = (String::new(), vec![]);
    for s in strings {
        text.push_str(s);
        ends.push(text.len() as u32);
    }
    types::SymbolsResult { text, ends: bytes(&ends) }
}

fn sets(sets: &[&[[u32; 2]]]) -> types::LabelSetsResult {
    let pairs: Vec<[u32; 2]> = sets.concat();
    let ends: Vec<u32> = sets
        .iter()
        .scan(0, |n, s| {
            *n += s.len() as u32;
            Some(*n)
        })
        .collect();
    types::LabelSetsResult { pairs: bytes(&pairs), ends: bytes(&ends) }
}

const MOST: usize = 10 << 20;

/// As with a budget that is far from used up.
fn samples(raw: emit::SampleColumns) -> Checked<EmittedSamples> {
    super::samples(raw, MOST).map(Option::unwrap)
}

fn lines(raw: emit::LineColumns) -> Checked<EmittedLines> {
    super::lines(raw, MOST).map(Option::unwrap)
}

fn two() -> emit::SampleColumns {
    emit::SampleColumns {
        rows: 2,
        symbols: table(&["__name__", "lines_total", "job", "app", "b"]),
        sets: sets(&[&[[0, 1], [2, 3]], &[[2, 4], [0, 1]]]),
        set_of_row: vec![],
        timestamps: vec![],
        start_timestamps: vec![],
        values: bytes(&[1.0, f64::from_bits(0x7ff0_0000_0000_0002)]),
    }
}

#[test]
fn sets_come_out_canonical_in_whatever_order_they_were() {
    let s = samples(two()).unwrap();
    let expect = |job: &str| -> LabelSet { [("__name__", "lines_total"), ("job", job)].iter().collect() };
    let first = s.label_ends[0] as usize;
    assert_eq!(&s.labels[..first], expect("app").as_labels().as_bytes());
    assert_eq!(&s.labels[first..], expect("b").as_labels().as_bytes());
    assert_eq!(s.values[1].to_bits(), NORMAL_NAN.to_bits(), "no marker comes out of a guest");
}

#[test]
fn what_is_wrong_is_told() {
    type Spoil = fn(&mut emit::SampleColumns);
    let cases: &[(Spoil, &str)] = &[
        (|s| s.rows = 3, "the batch has 3 rows, and values 2"),
        (|s| s.values = vec![0; 15], "no multiple of 8"),
        (|s| s.set_of_row = bytes(&[0, 2]), "set-of-row: set 2, and there are 2"),
        (|s| s.set_of_row = bytes(&[0]), "set-of-row 1"),
        (|s| s.timestamps = bytes(&[1_i64]), "timestamps 1"),
        (|s| s.start_timestamps = bytes(&[1_i64]), "start-timestamps 1"),
        (|s| s.sets = sets(&[&[[0, 9]], &[]]), "symbol 9, and there are 5 (set 0)"),
        (|s| s.sets = sets(&[&[[0, 1]], &[[2, 3]]]), "\"\" is no metric name (__name__) (set 1)"),
        (|s| s.sets = sets(&[&[[0, 0], [1, 1]], &[]]), "is no metric name"),
        (|s| s.symbols = table(&["__name__", "up", "a-b", "x", "y"]), "\"a-b\" is no label name (set 0)"),
        (|s| s.sets.ends = bytes(&[4, 2]), "set 1 ends at pair 2, begins at 4"),
        (|s| s.sets.ends = bytes(&[2]), "the last set's end has 2 rows"),
        (|s| s.symbols.ends = bytes(&[8, 3]), "end 3 after 8"),
    ];
    for (spoil, says) in cases {
        let mut s = two();
        spoil(&mut s);
        let e = samples(s).unwrap_err();
        assert!(e.contains(says), "{e} (expected {says})");
    }
}

#[test]
fn lines_have_streams_and_metadata() {
    let raw = || emit::LineColumns {
        rows: 2,
        symbols: table(&["job", "app", "trace", "1"]),
        sets: sets(&[&[[0, 1]]]),
        set_of_row: bytes(&[0, 0]),
        metadata: sets(&[&[[2, 3]], &[]]),
        timestamps: bytes(&[5_i64, 6]),
        lines: table(&["one", "two"]),
    };
    let l = lines(raw()).unwrap();
    assert_eq!((l.streams.len(), l.metadata.len(), l.times, l.text.as_str()), (1, 2, vec![5, 6], "onetwo"));
    let e = lines(emit::LineColumns { sets: sets(&[&[]]), ..raw() }).unwrap_err();
    assert!(e.contains("a stream without any label"), "{e}");
    let e = lines(emit::LineColumns { metadata: sets(&[&[]]), ..raw() }).unwrap_err();
    assert!(e.contains("the batch has 2 rows, and metadata 1"), "{e}");
}

#[test]
fn a_symbol_that_stands_in_every_set_fills_no_memory() {
    let long = "x".repeat(10 << 10);
    let names = ["__name__", "lines_total", "job", &long, "app"];
    let raw = |rows: usize, value: u32| {
        let set = [[0, 1], [2, value]];
        emit::SampleColumns {
            rows: rows as u32,
            symbols: table(&names),
            sets: sets(&vec![&set[..]; rows]),
            values: bytes(&vec![1.0; rows]),
            ..two()
        }
    };
    let fits = super::samples(raw(1000, 3), MOST).unwrap().unwrap();
    assert!(fits.bytes() > 1000 * (10 << 10) && fits.bytes() < MOST + 8 * 1000, "{}", fits.bytes());
    assert!(super::samples(raw(1100, 3), MOST).unwrap().is_none());
    assert!(super::samples(raw(1100, 4), MOST).unwrap().is_some(), "as many columns, and few bytes");
    let mut of_one = raw(1100, 3);
    (of_one.rows, of_one.values, of_one.set_of_row) = (1, bytes(&[1.0]), bytes(&[0]));
    assert!(super::samples(of_one, MOST).unwrap().is_none(), "sets count, whoever has them");

    let with_metadata = |rows: usize| {
        let set = [[2, 3]];
        emit::LineColumns {
            rows: rows as u32,
            symbols: table(&names),
            sets: sets(&[&[[2, 4]]]),
            set_of_row: bytes(&vec![0; rows]),
            metadata: sets(&vec![&set[..]; rows]),
            timestamps: vec![],
            lines: table(&vec!["x"; rows]),
        }
    };
    assert!(super::lines(with_metadata(1000), MOST).unwrap().is_some());
    assert!(super::lines(with_metadata(1100), MOST).unwrap().is_none());
}

#[test]
fn a_set_is_as_long_as_backends_take() {
    let longest = "x".repeat(MAX_LABELS - 100);
    let names = ["__name__", "up", "a", "b", &longest];
    let of = |pairs: &[[u32; 2]]| {
        samples(emit::SampleColumns { symbols: table(&names), sets: sets(&[pairs, &[[0, 1]]]), ..two() }).map(|_| ())
    };
    assert_eq!(of(&[[0, 1], [2, 4]]), Ok(()));
    for too_long in [&[[0, 1], [2, 4], [3, 4]][..], &[[3, 4], [0, 1], [2, 4]], &[[2, 4], [0, 1], [2, 4]]] {
        let e = of(too_long).unwrap_err();
        assert!(e.contains("more than the 16384 bytes of labels that a set may have (set 0)"), "{e}");
    }
    // without an order, and each name another than the one before
    let e = of(&[[3, 1], [2, 1], [4, 1], [2, 1], [4, 1]].repeat(200)).unwrap_err();
    assert!(e.contains("more than the 16384 bytes") || e.contains("is no label name"), "{e}");
    let e = of(&vec![[0, 1]; MAX_CHANGES + 1]).unwrap_err();
    assert!(e.contains("1025 labels, and a set may have 1024 (set 0)"), "{e}");
}

#[test]
fn a_stream_that_comes_with_each_of_its_lines_is_one() {
    let of = |sets: types::LabelSetsResult, set_of_row: Vec<u8>, rows: u32| {
        let none = types::LabelSetsResult { pairs: vec![], ends: vec![] };
        let texts = vec!["x"; rows as usize];
        let symbols = table(&["job", "app", "db", "app"]);
        lines(emit::LineColumns {
            rows,
            symbols,
            sets,
            set_of_row,
            metadata: none,
            timestamps: vec![],
            lines: table(&texts),
        })
    };
    let l = of(sets(&[&[[0, 1]], &[[0, 2]], &[[0, 3]], &[[0, 2]]]), vec![], 4).unwrap();
    assert_eq!((l.streams.len(), l.stream_of_line), (2, vec![0, 1, 0, 1]));
    let l = of(sets(&[&[[0, 2]], &[[0, 3]], &[[0, 1]]]), bytes(&[2, 0]), 2).unwrap();
    assert_eq!((l.streams.len(), l.stream_of_line), (2, vec![1, 0]));
    let e = of(sets(&[&[[0, 2]], &[[0, 2]]]), bytes(&[2, 0]), 2).unwrap_err();
    assert!(e.contains("set-of-row: set 2, and there are 2"), "{e}");
}

#[test]
fn a_name_that_comes_with_each_sample_is_looked_at_once_and_another_is_too() {
    let emitted = |symbols: &[&str]| {
        let sets = sets(&[&[[0, 1]], &[[0, 2]]]);
        samples(emit::SampleColumns { symbols: table(symbols), sets, ..two() })
    };
    assert_eq!(emitted(&["__name__", "up", "up"]).unwrap().label_ends.len(), 2);
    let e = emitted(&["__name__", "up", "9up"]).unwrap_err();
    assert!(e.contains("\"9up\" is no metric name (__name__) (set 1)"), "{e}");
    assert!(emitted(&["__name__", "", ""]).unwrap_err().contains("(set 0)"));
}

proptest! {
    /// Whatever sets follow each other, in whatever order their labels are: what of the one before is used again is what it has.
    #[test]
    fn a_set_comes_out_as_if_it_came_alone(
        all in prop::collection::vec(prop::collection::vec((0_usize..4, 0_usize..4), 0..5), 1..12)
    ) {
        let (names, values) = (["a", "b", "c", "d"], ["", "x", "y", "longer than the others"]);
        let symbols: Vec<&str> = ["__name__", "up"].into_iter().chain(names).chain(values).collect();
        let pairs = |set: &Vec<(usize, usize)>| -> Vec<[u32; 2]> {
            [[0, 1]].into_iter().chain(set.iter().map(|(n, v)| [2 + *n as u32, 6 + *v as u32])).collect()
        };
        let raw: Vec<Vec<[u32; 2]>> = all.iter().map(pairs).collect();
        let raw: Vec<&[[u32; 2]]> = raw.iter().map(Vec::as_slice).collect();
        let rows = all.len() as u32;
        let batch = emit::SampleColumns { rows, symbols: table(&symbols), sets: sets(&raw), values: bytes(&vec![1.0; all.len()]), ..two() };
        let s = samples(batch).unwrap();
        let mut start = 0;
        for (set, end) in all.iter().zip(&s.label_ends) {
            let mut alone = LabelsBuilder::default();
            alone.set("__name__", "up");
            for (name, value) in set {
                alone.set(names[*name], values[*value]);
            }
            prop_assert_eq!(&s.labels[start..*end as usize], alone.finish().as_bytes());
            start = *end as usize;
        }
    }
}
