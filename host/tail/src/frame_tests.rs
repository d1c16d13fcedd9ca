use proptest::prelude::*;

use super::*;

const WIDE: FrameLimits = FrameLimits { line_bytes: 1 << 10, batch_lines: 1 << 20, batch_bytes: 1 << 20 };

/// All lines of `bytes`, presented in chunks that end at `ends`, in batches of what `limits` allow.
fn frame_all(bytes: &[u8], ends: &[usize], limits: &FrameLimits) -> (Vec<String>, u64, u64) {
    let (mut lines, mut cut, mut invalid) = (Vec::new(), 0, 0);
    let (mut at, mut mid) = (0, false);
    let mut ends = ends.to_vec();
    ends.push(bytes.len());
    for (i, &end) in ends.iter().enumerate() {
        let last = i + 1 == ends.len();
        loop {
            let mut out = Lines::default();
            let took = frame_utf8(&bytes[at..end.max(at)], &mut mid, last, limits, &mut out);
            at += took;
            let mut start = 0;
            for &e in &out.ends {
                lines.push(out.text[start..e as usize].to_owned());
                start = e as usize;
            }
            cut += out.cut;
            invalid += out.invalid;
            if took == 0 {
                break;
            }
        }
    }
    assert_eq!(at, bytes.len(), "a last chunk is consumed whole");
    (lines, cut, invalid)
}

/// The rules of the module, said again in the slowest way.
fn expected(bytes: &[u8], most: usize) -> Vec<String> {
    let mut lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    if lines.last().is_some_and(|l| l.is_empty()) {
        lines.pop();
    }
    lines
        .into_iter()
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = String::from_utf8_lossy(line);
            let mut out = String::new();
            for c in text.chars() {
                if out.len() + c.len_utf8() > most {
                    break;
                }
                out.push(c);
            }
            out
        })
        .collect()
}

#[test]
fn lines_lose_their_ends_and_nothing_else() {
    let (lines, cut, invalid) = frame_all(b"a\r\n\nb\0c\n\r\nd\re\nopen", &[], &WIDE);
    assert_eq!(lines, ["a", "", "b\0c", "", "d\re", "open"]);
    assert_eq!((cut, invalid), (0, 0));
}

#[test]
fn an_open_line_waits_for_its_end() {
    let mut out = Lines::default();
    assert_eq!(frame_utf8(b"whole\npart", &mut false, false, &WIDE, &mut out), 6);
    assert_eq!(out.text, "whole");
}

#[test]
fn invalid_bytes_are_replaced_and_their_lines_counted() {
    let (lines, _, invalid) = frame_all(b"ok\n\xff\xfeab\n\xe2\x82\nfine\n", &[], &WIDE);
    assert_eq!(lines, ["ok", "\u{fffd}\u{fffd}ab", "\u{fffd}", "fine"]);
    assert_eq!(invalid, 2);
}

#[test]
fn a_long_line_is_cut_at_a_character_and_its_rest_skipped() {
    let limits = FrameLimits { line_bytes: 4, ..WIDE };
    let bytes = "abcd\r\nabcde\nabc\u{20ac}def\nnext\n".as_bytes();
    for end in 0..bytes.len() {
        let (lines, cut, invalid) = frame_all(bytes, &[end], &limits);
        assert_eq!(lines, ["abcd", "abcd", "abc", "next"], "cut at {end}");
        assert_eq!((cut, invalid), (2, 0));
    }
}

#[test]
fn a_full_batch_leaves_the_rest_for_the_next() {
    let limits = FrameLimits { batch_lines: 2, ..WIDE };
    let mut out = Lines::default();
    assert_eq!(frame_utf8(b"1\n2\n3\n", &mut false, false, &limits, &mut out), 4);
    assert_eq!(out.ends, [1, 2]);
    let limits = FrameLimits { batch_bytes: 5, ..WIDE };
    let mut out = Lines::default();
    assert_eq!(frame_utf8(b"123\n45\n6\n", &mut false, false, &limits, &mut out), 7);
    assert_eq!(out.ends, [3, 5]);
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z ]{0,12}".prop_map(String::into_bytes),
        2 => "\\PC{0,4}".prop_map(String::into_bytes),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..5),
    ]
}

proptest! {
    #[test]
    fn chunks_and_batches_never_show(
        pieces in prop::collection::vec(piece(), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        line_bytes in 4usize..40,
        batch_lines in 1usize..5,
        batch_bytes in 1usize..60,
    ) {
        let bytes = pieces.concat();
        let mut ends: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        let limits = FrameLimits { line_bytes, batch_lines, batch_bytes };
        let (lines, cut, _) = frame_all(&bytes, &ends, &limits);
        prop_assert_eq!(&lines, &expected(&bytes, line_bytes));
        let (whole, whole_cut, _) = frame_all(&bytes, &[], &limits);
        prop_assert_eq!((whole, whole_cut), (lines, cut));
    }
}
