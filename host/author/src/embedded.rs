//! The files that the binary carries: `sdk/` and `wit/` as they were when it was built.

/// By path from the top of weir's own tree, ascending.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The files below a folder such as `sdk/rust`, by their path from there.
pub fn embedded(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, *bytes)))
}

/// One file, by its path from the top of weir's own tree.
pub fn read_embedded(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(p, _)| *p == path).map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdk_and_contract_are_there_and_what_tools_leave_is_not() {
        assert!(embedded("sdk/rust").any(|(path, _)| path == "src/lib.rs"));
        // every version of the contract, the newest too
        let versions =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap().map(Result::unwrap);
        let versions: Vec<_> = versions.filter(|entry| entry.path().is_dir()).collect();
        assert!(versions.len() > 1);
        for version in versions {
            let file = format!("wit/{}/weir-plugin.wit", version.file_name().to_str().unwrap());
            assert!(read_embedded(&file).is_some_and(|b| b.starts_with(b"/// What a plugin")), "{file}");
        }
        assert_eq!(embedded("sdk/rus").count(), 0);
        assert!(FILES.iter().all(|(path, _)| !path.contains("/target/") && !path.contains("node_modules")));
    }
}
