//! Disks that are full or broken.

use std::path::{Path, PathBuf};

use crate::build;

/// A small file system of its own, in memory. Mounting needs root, as in CI and in containers.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `mebibytes` at `dir`, which is created.
    pub fn mount(dir: &Path, mebibytes: u64) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(dir)
            .status()
            .unwrap();
        assert!(status.success(), "mount fails: this test needs the right to mount a tmpfs");
        Self { dir: dir.to_owned() }
    }

    /// Bytes that are free.
    pub fn free(&self) -> u64 {
        let output = std::process::Command::new("df").args(["--output=avail", "-B1"]).arg(&self.dir).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.lines().last().unwrap().trim().parse().unwrap()
    }

    /// A file that takes all but `leave` bytes; removing it gives them back.
    pub fn fill(&self, leave: u64) -> PathBuf {
        let path = self.dir.join("filler");
        std::fs::write(&path, vec![1; self.free().saturating_sub(leave) as usize]).unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // lazily, for a weir that is only being killed may still have files open
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}

/// A library to preload that makes file operations fail with EIO while a switch file says so.
#[derive(Debug)]
pub struct BrokenDisk {
    library: PathBuf,
    switch: PathBuf,
    below: PathBuf,
}

impl BrokenDisk {
    /// Compiles the library into `dir`. It breaks files `below` that folder.
    pub fn build(dir: &Path, below: &Path) -> Self {
        let library = dir.join("eio.so");
        let status = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(build::root().join("tests/rig/eio.c"))
            .arg("-ldl")
            .status()
            .expect("a C compiler: apt-get install gcc libc6-dev");
        assert!(status.success(), "eio.c does not compile");
        Self { library, switch: dir.join("eio.switch"), below: below.to_owned() }
    }

    /// The environment of a program that has this disk.
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("EIO_SWITCH", self.switch.to_str().unwrap()),
            ("EIO_BELOW", self.below.to_str().unwrap()),
        ]
    }

    /// From now on `operation` fails: `write` (in all its forms) or `fsync` (with fdatasync).
    pub fn fail(&self, operation: &str) {
        std::fs::write(&self.switch, operation).unwrap();
    }

    /// All is well again.
    pub fn heal(&self) {
        std::fs::remove_file(&self.switch).unwrap();
    }

    /// How many calls have failed.
    pub fn failures(&self) -> u64 {
        let count = self.switch.with_extension("switch.failed");
        std::fs::metadata(count).map_or(0, |m| m.len())
    }
}
