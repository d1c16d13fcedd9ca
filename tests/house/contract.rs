//! The contract between weir and its plugins (`wit/`): what was released stays, and what comes later fits it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wit_parser::{PackageId, Resolve};

/// Every released folder with the SHA-256 of its one file, oldest first. Add a line with each release of weir; never change one.
const RELEASED: &[(&str, &str)] = &[
    ("v0.1.0", "94e4429c9c1169dc5da65da96650666ac190e548ef98b3ebb111a21a145df609"),
    ("v0.1.1", "39b386e9696e6bb54ab9a6ce35d6f13742aeffbd1f9126a833555cad94ac4a2c"),
];

pub(crate) fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

/// All folders of the contract, oldest first.
pub(crate) fn folders() -> Vec<String> {
    let mut all: Vec<(Vec<u64>, String)> = fs::read_dir(wit())
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.file_type().unwrap().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .map(|name| {
            let numbers = name.strip_prefix('v').expect("a folder of wit/ is named after a version");
            (numbers.split('.').map(|n| n.parse().unwrap()).collect(), name)
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, name)| name).collect()
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

pub(crate) fn push(resolve: &mut Resolve, folder: &str) -> PackageId {
    resolve.push_path(wit().join(folder)).unwrap().0
}

/// `v0.1.4` is of the track `v0.1`.
fn track(folder: &str) -> &str {
    folder.rsplit_once('.').unwrap().0
}

/// What of `new` does not fit a guest that was built against `old`.
fn breaks(old: &str, new: &str) -> Vec<String> {
    let mut resolve = Resolve::default();
    let (before, after) = (push(&mut resolve, old), push(&mut resolve, new));
    let mut broken = vec![];
    for (world, id) in resolve.packages[before].worlds.clone() {
        let Some(&now) = resolve.packages[after].worlds.get(&world) else {
            broken.push(format!("{new} has no world {world}"));
            continue;
        };
        if let Err(e) = wit_component::semver_check(resolve.clone(), id, now) {
            broken.push(format!("world {world} of {new} against {old}: {e:#}"));
        }
    }
    broken
}

#[test]
fn released_folders_stay_as_they_are() {
    let there = folders();
    for (folder, digest) in RELEASED {
        assert!(there.iter().any(|f| f == folder), "wit/{folder} is gone");
        let files: Vec<_> = fs::read_dir(wit().join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "wit/{folder} has one file");
        assert_eq!(sha256(&fs::read(&files[0]).unwrap()), *digest, "wit/{folder} has been changed");
    }
    let newest = there.last().unwrap();
    let unreleased: Vec<_> = there.iter().filter(|f| RELEASED.iter().all(|(r, _)| r != f)).collect();
    assert!(unreleased.is_empty() || unreleased == [newest], "only the newest folder may be unreleased");
}

#[test]
fn a_later_version_of_a_track_fits_guests_of_every_earlier_one() {
    let all = folders();
    let mut compared = 0;
    for (i, old) in all.iter().enumerate() {
        for new in all.iter().skip(i + 1).filter(|new| track(new) == track(old)) {
            assert_eq!(breaks(old, new), Vec::<String>::new());
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing was compared");
}

#[test]
fn the_check_sees_a_break() {
    // the newest has a world more than the first
    let all = folders();
    let (first, newest) = (all.first().unwrap(), all.last().unwrap());
    assert!(!breaks(newest, first).is_empty());
}
