//! What is found is what would be compiled; what is damaged, in the way or too much does no harm.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::segment::Segment;
use super::{Bounds, Counts, EXTENSION};
use crate::compile::compile;

/// Functions of [`component`].
const MANY: usize = 40;

const SMALL: Bounds = Bounds { least: 1, segment: 1 << 20, total: 8 << 20, segments: 8 };

/// Nothing is worth being kept.
const NOTHING: Bounds = Bounds { least: u64::MAX, ..SMALL };

/// A component of [`MANY`] functions that differ; those of `changed` are others than without it, and all lie elsewhere in the file.
fn component(changed: std::ops::Range<usize>) -> Vec<u8> {
    salted(1000, changed)
}

/// The same with other functions for each salt.
fn salted(salt: usize, changed: std::ops::Range<usize>) -> Vec<u8> {
    let mut functions = String::new();
    for i in 0..MANY {
        let n = if changed.contains(&i) { i + salt } else { i };
        let body = format!("(i32.store offset={n} (local.get 0) (i32.mul (local.get 0) (i32.const {n})))").repeat(20);
        let callee = (i + 1) % MANY;
        let _ = write!(functions, "(func (param i32) {body} (call {callee} (i32.const {n})))");
    }
    let before = "x".repeat(changed.len() * 300);
    wat::parse_str(format!(r#"(component (core module (@custom "" (before code) "{before}") (memory 1) {functions}))"#))
        .unwrap()
}

/// Compiles with the functions of a directory, and keeps them.
fn with(dir: &Path, component: &[u8], bounds: Bounds) -> (Vec<u8>, Counts) {
    let (compiled, functions) = compile(component, false, Some(dir), bounds).unwrap();
    (compiled, functions.keep())
}

fn without(component: &[u8]) -> Vec<u8> {
    compile(component, false, None, SMALL).unwrap().0
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = all.collect();
    all.sort();
    assert!(all.iter().all(|p| p.to_string_lossy().ends_with(EXTENSION)), "nothing else is left behind: {all:?}");
    all
}

fn clear(dir: &Path) {
    for path in segments(dir) {
        fs::remove_file(path).unwrap();
    }
}

/// Whether most functions were found: the compiler gives a few of them another key now and then.
fn found(counts: Counts) -> bool {
    counts.found > 3 * counts.compiled
}

#[test]
fn what_is_found_is_what_would_be_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (component(0..0), component(3..6));
    let (compiled, first) = with(dir.path(), &one, SMALL);
    assert_eq!((first.found, first.compiled >= MANY), (0, true), "{first:?}");
    assert!(compiled == without(&one), "the same bytes");
    assert_eq!(segments(dir.path()).len(), 1);
    let (compiled, again) = with(dir.path(), &one, NOTHING);
    assert!(found(again), "{again:?}");
    assert!(compiled == without(&one), "the same bytes");
    let (compiled, changed) = with(dir.path(), &other, SMALL);
    assert!(found(changed) && changed.compiled >= 3, "{changed:?}");
    assert!(compiled == without(&other), "the same bytes, though all of it lies elsewhere");
    assert_eq!(segments(dir.path()).len(), 2, "what was new, by itself");
    let again = with(dir.path(), &other, NOTHING).1;
    assert!(found(again), "{again:?}, in both");
    let mode = fs::metadata(&segments(dir.path())[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_damaged_is_compiled_and_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let wasm = component(0..0);
    let (expected, first) = with(dir.path(), &wasm, SMALL);
    let file = segments(dir.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let only = |bytes: &[u8]| {
        clear(dir.path());
        fs::write(&file, bytes).unwrap();
    };
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let (end, long) = (whole.len(), [&whole[..], b"more"].concat());
    let unusable = [vec![], b"weirfun1".to_vec(), b"a stranger's".repeat(100), long]
        .into_iter()
        .chain([1, 33, 40, 2000, end - 8].map(|cut| whole[..end - cut].to_vec()))
        // the magic, how many there are, their sum, and the index
        .chain([0, end - 40, end - 34, end - 1, end - 41, end - 100].map(flipped));
    for (n, bytes) in unusable.enumerate() {
        only(&bytes);
        let (compiled, counts) = with(dir.path(), &wasm, SMALL);
        assert_eq!(counts, first, "number {n} is not believed");
        assert!(compiled == expected);
        let left = segments(dir.path());
        assert!(left.len() == 1 && Segment::open(&left[0]).is_ok(), "number {n} leaves, and there is another");
        assert!(found(with(dir.path(), &wasm, NOTHING).1));
    }
    // one value: that is compiled, and the segment, which is of no use for it, goes
    for at in [8, 500, whole.len() / 2] {
        only(&flipped(at));
        let (compiled, counts) = with(dir.path(), &wasm, SMALL);
        assert!(found(counts) && counts.compiled > 0, "{counts:?}");
        assert!(compiled == expected);
        let left = segments(dir.path());
        assert_eq!((left.len(), left.contains(&file)), (1, false), "{left:?}");
        with(dir.path(), &wasm, SMALL);
        assert!(found(with(dir.path(), &wasm, SMALL).1), "and all is well again");
    }
}

#[test]
fn compilations_at_once_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let components: Vec<_> = (0..4).map(|i| component(i * 8..i * 8 + 8)).collect();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for wasm in components.iter().chain(&components) {
                scope.spawn(|| assert!(with(dir.path(), wasm, SMALL).0 == without(wasm)));
            }
        });
    }
    for path in segments(dir.path()) {
        Segment::open(&path).unwrap();
    }
    assert!(components.iter().all(|wasm| found(with(dir.path(), wasm, SMALL).1)));
}

#[test]
fn where_nothing_can_be_kept_all_is_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let wasm = component(0..0);
    let expected = without(&wasm);
    // No folder, a folder that is not there, and one that takes no files.
    for dir in [file.as_path(), &dir.path().join("none"), Path::new("/proc/self")] {
        for _ in 0..2 {
            let (compiled, counts) = with(dir, &wasm, SMALL);
            assert!(compiled == expected && counts.found == 0, "{}", dir.display());
        }
    }
}

#[test]
fn the_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let size = |dir: &Path| segments(dir).iter().map(|p| fs::metadata(p).unwrap().len()).sum::<u64>();
    let wasm = component(0..0);
    with(dir.path(), &wasm, SMALL);
    let one = size(dir.path());
    let short = with(dir.path(), &wasm, Bounds { segment: one / 2, ..NOTHING });
    assert!(found(short.1) && size(dir.path()) == one, "one that may write less finds it all, and leaves it");
    clear(dir.path());
    with(dir.path(), &wasm, Bounds { least: one * 2, ..SMALL });
    assert_eq!(size(dir.path()), 0, "not worth a file");
    // Half of it fits.
    let (compiled, _) = with(dir.path(), &wasm, Bounds { segment: one / 2, ..SMALL });
    assert!(compiled == without(&wasm));
    assert!((1..=one / 2).contains(&size(dir.path())), "{} of {one}", size(dir.path()));
    clear(dir.path());
    // Room for two and a half: what was used last stays.
    let bounds = Bounds { least: one / 2, total: one * 5 / 2, ..SMALL };
    let [a, b, c, d] = [1000, 2000, 3000, 4000].map(|salt| salted(salt, 0..MANY));
    let older = || {
        for path in segments(dir.path()) {
            let file = fs::File::open(path).unwrap();
            let before = file.metadata().unwrap().modified().unwrap();
            file.set_modified(before - Duration::from_secs(1000)).unwrap();
        }
    };
    for wasm in [&a, &b, &a, &c] {
        older();
        with(dir.path(), wasm, bounds);
    }
    assert_eq!(segments(dir.path()).len(), 2);
    older();
    let kept = |wasm: &[u8]| found(with(dir.path(), wasm, NOTHING).1);
    assert_eq!([&a, &b, &c].map(|wasm| kept(wasm)), [true, false, true]);
    with(dir.path(), &d, Bounds { segments: 1, ..bounds });
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!([&d, &a].map(|wasm| kept(wasm)), [true, false]);
}
