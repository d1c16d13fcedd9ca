//! The folders of `examples/`: their configurations, and the code and commands on pages.

use std::path::{Path, PathBuf};

use crate::build;

/// A configuration of `examples/`, with the addresses and paths of the test in place of its own.
#[derive(Clone, Debug)]
pub struct Example {
    dir: PathBuf,
    text: String,
}

impl Example {
    /// The `weir.toml` of `examples/NAME`.
    pub fn read(name: &str) -> Self {
        let dir = build::root().join("examples").join(name);
        let text = std::fs::read_to_string(dir.join("weir.toml")).unwrap();
        Self { dir, text }
    }

    /// The same with `new` wherever `old` stands; fails the test if it stands nowhere.
    #[must_use]
    pub fn with(mut self, old: &str, new: &str) -> Self {
        assert!(self.text.contains(old), "{old:?} is not in {}:\n{}", self.dir.display(), self.text);
        self.text = self.text.replace(old, new);
        self
    }

    /// The same with a scrape every second instead of every `interval`.
    #[must_use]
    pub fn fast(self, interval: &str) -> Self {
        self.with(&format!("scrape_interval = \"{interval}\""), "scrape_interval = \"1s\"")
    }

    /// The configuration.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A file of the example.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The block of a page's code in `language` that contains `part`.
pub fn code(page: &Path, language: &str, part: &str) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    let mut blocks: Vec<(String, String)> = vec![];
    let mut open = false;
    for line in text.lines() {
        // a block in a list is indented
        let fence = line.trim_start().strip_prefix("```");
        match fence {
            Some(language) if !open => blocks.push((language.to_owned(), String::new())),
            None if open => blocks.last_mut().unwrap().1.extend([line, "\n"]),
            _ => {}
        }
        open ^= fence.is_some();
    }
    let mut found = blocks.into_iter().filter(|(l, code)| l == language && code.contains(part)).map(|(_, code)| code);
    let code = found.next().unwrap_or_else(|| panic!("no {language} with {part:?} on {}", page.display()));
    assert!(found.next().is_none(), "{part:?} stands in two blocks of {}", page.display());
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_block_that_is_meant() {
        let page = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            page.path(),
            "a\n```sh\nls\n```\nb\n   ```toml\n   x = 1\n   ```\n```toml\ny = 1\n\nz = 2\n```\n",
        )
        .unwrap();
        assert_eq!(code(page.path(), "toml", "y ="), "y = 1\n\nz = 2\n");
        assert_eq!(code(page.path(), "toml", "x ="), "   x = 1\n");
        assert_eq!(code(page.path(), "sh", ""), "ls\n");
    }
}
