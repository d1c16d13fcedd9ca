//! What a configuration may look at outside its own text.

use std::io::{self, Read as _};
use std::path::Path;

/// The surroundings of a configuration. Injected, so that a test needs no real environment, and a running weir can
/// count a plugin as present whose file has vanished since.
pub trait Environment {
    /// The environment variable's value, or nothing when it is not set.
    fn var(&self, name: &str) -> Option<String>;
    /// A file's text.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// The names of the files in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Names of plugins that need no file: those that come with the program, and at a reload those that run.
    fn plugins(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The process' own environment and file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// No configuration is nearly this large: a file that is (a device, a log) was named by mistake.
const LARGEST_FILE: u64 = 16 << 20;

impl Environment for System {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
        }
        Ok(text)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}
