//! What a component says of itself, read out of its bytes before anything of it is compiled or run.
//!
//! Only the outermost component's declarations are looked at, and nothing is validated: that is a part of compiling, which has limits. It
//! decides which message an author gets; what a component can reach is decided by what it is linked with.

use wasmparser::{Chunk, Parser, Payload};

use crate::error::LoadReason;
use crate::foreign;
use crate::guest_log::is_obeyed;
use crate::manifest::{MANIFEST_SECTION, MAX_MANIFEST, Manifest};
use crate::shapes::{Shapes, Unread};

/// Imports and exports of one component together: weir's contract and all of WASI have about 40. A file of nothing but
/// names should not fill a log or a terminal.
const MAX_NAMES: usize = 1024;

/// The longest name of one: those of WASI have 60 bytes.
const MAX_NAME: usize = 1 << 10;

/// Components and modules within each other: a composition of compositions has four.
const MAX_DEPTH: usize = 64;

/// An interface (or a bare function) that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name with its version, as `wasi:clocks/wall-clock@0.2.6`.
    pub name: String,
    /// The functions that the component takes from it. None where it needs only types, which give no access to anything.
    pub functions: Vec<String>,
    /// Whether it takes a resource from it, such as an open file.
    pub(crate) resources: bool,
}

impl Import {
    /// Whether it is only words for data: an import that anybody may have.
    pub fn is_types_only(&self) -> bool {
        self.functions.is_empty() && !self.resources
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<String>,
    pub(crate) manifest: Option<Manifest>,
}

impl Outline {
    /// Reads a component; says what the bytes are where they are none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, LoadReason> {
        foreign::check_header(bytes)?;
        let mut outline = Self::default();
        let (mut shapes, mut manifest) = (Shapes::default(), None);
        walk(bytes, |payload| {
            if let Payload::CustomSection(custom) = &payload
                && custom.name() == MANIFEST_SECTION
            {
                manifest = Some(custom.data());
            }
            shapes.section(&payload).map_err(|unread| match unread {
                Unread::Invalid(error) => invalid(error),
                Unread::TooMany => LoadReason::Compile("it declares more types than any plugin has".to_owned()),
            })?;
            if shapes.names() > MAX_NAMES {
                return Err(LoadReason::Compile(format!("it has more than {MAX_NAMES} imports and exports")));
            }
            Ok(())
        })?;
        for import in shapes.imports() {
            let functions = import.functions().map(named).collect::<Result<_, _>>()?;
            outline.imports.push(Import { name: named(import.name)?, functions, resources: import.has_resources() });
        }
        outline.exports = shapes.exports().map(named).collect::<Result<_, _>>()?;
        if let Some(section) = manifest {
            outline.manifest = Some(read_manifest(section)?);
        }
        Ok(outline)
    }
}

/// A name that can be shown. Which are legal, compiling finds out.
fn named(name: &str) -> Result<String, LoadReason> {
    if name.len() > MAX_NAME || name.contains(is_obeyed) {
        let name = crate::guest_log::tidy(name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default());
        return Err(LoadReason::Compile(format!("{name:?} is no name of an import or export")));
    }
    Ok(name.to_owned())
}

/// Goes through all sections, those of nested modules and components too, and shows those of the outermost component.
fn walk<'a>(bytes: &'a [u8], mut each: impl FnMut(Payload<'a>) -> Result<(), LoadReason>) -> Result<(), LoadReason> {
    let (mut rest, mut parser, mut outer) = (bytes, Parser::new(0), Vec::new());
    loop {
        let truncated = LoadReason::Truncated { bytes: bytes.len() as u64 };
        // Between two sections a component may end; what ends within one was cut off.
        let (consumed, payload) = match parser.parse(rest, rest.is_empty()).map_err(invalid)? {
            Chunk::NeedMoreData(_) => return Err(truncated),
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::ModuleSection { parser: inner, unchecked_range }
            | Payload::ComponentSection { parser: inner, unchecked_range } => {
                if unchecked_range.end > bytes.len() as u64 {
                    return Err(truncated);
                }
                if outer.len() >= MAX_DEPTH {
                    return Err(LoadReason::Compile(format!("its components are nested deeper than {MAX_DEPTH}")));
                }
                outer.push(std::mem::replace(&mut parser, inner));
            }
            Payload::End(_) => match outer.pop() {
                Some(back) => parser = back,
                None => return Ok(()),
            },
            payload if outer.is_empty() => each(payload)?,
            _ => {}
        }
    }
}

fn read_manifest(section: &[u8]) -> Result<Manifest, LoadReason> {
    let wrong = |why: String| LoadReason::Manifest(why);
    if section.len() > MAX_MANIFEST {
        return Err(wrong(format!("it has {} bytes, and may have {MAX_MANIFEST}", section.len())));
    }
    let text = std::str::from_utf8(section).map_err(|e| wrong(e.to_string()))?;
    Manifest::parse(text).map_err(|e| wrong(e.to_string()))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: wasmparser::BinaryReaderError) -> LoadReason {
    LoadReason::Compile(crate::guest_log::tidy(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile_tests::resident;

    fn read(wat: &str) -> Outline {
        Outline::read(&wat::parse_str(wat).unwrap()).unwrap()
    }

    #[test]
    fn types_are_told_from_what_gives_access() {
        let o = read(
            r#"(component
                (import "wasi:clocks/wall-clock@0.2.6" (instance (type $d (record (field "s" u64))) (export "datetime" (type (eq $d)))))
                (import "wasi:clocks/monotonic-clock@0.2.6" (instance (export "now" (func (result u64)))))
                (import "wasi:filesystem/types@0.2.6" (instance (export "descriptor" (type (sub resource)))))
                (instance $i) (export "weir:plugin/series@0.1.0" (instance $i))
                (@custom "weir:manifest" "name = \"x\"")
            )"#,
        );
        let brief: Vec<_> = o.imports.iter().map(|i| (i.name.as_str(), i.functions.len(), i.is_types_only())).collect();
        assert_eq!(
            brief,
            [
                ("wasi:clocks/wall-clock@0.2.6", 0, true),
                ("wasi:clocks/monotonic-clock@0.2.6", 1, false),
                ("wasi:filesystem/types@0.2.6", 0, false)
            ]
        );
        assert_eq!(o.exports, ["weir:plugin/series@0.1.0"]);
        assert_eq!(o.manifest.unwrap().name, "x");
    }

    #[test]
    fn a_manifest_of_a_nested_component_is_not_the_plugins() {
        let o = read(r#"(component (component (@custom "weir:manifest" "name = \"inner\"")))"#);
        assert_eq!(o.manifest, None);
    }

    #[test]
    fn what_is_used_of_another_interface_is_what_it_is_there() {
        let o = read(
            r#"(component
                (import "wasi:io/poll@0.2.6" (instance $poll (export "pollable" (type (sub resource)))))
                (alias export $poll "pollable" (type $pollable))
                (import "acme:a/handles@1.0.0" (instance (alias outer 1 $pollable (type $p)) (export "pollable" (type (eq $p)))))
                (type $words (list u8))
                (import "acme:a/words@1.0.0" (instance $words-of (alias outer 1 $words (type $w)) (export "words" (type (eq $w)))))
                (alias export $words-of "words" (type $again))
                (import "acme:a/more-words@1.0.0" (instance (alias outer 1 $again (type $w)) (export "words" (type (eq $w)))))
                (import "acme:a/code@1.0.0" (instance (export "m" (core module))))
                (import "acme:a/function@1.0.0" (func))
                (import "plain" (type (eq $words)))
            )"#,
        );
        let access: Vec<_> =
            o.imports.iter().filter(|i| !i.is_types_only()).map(|i| (i.name.as_str(), i.functions.len())).collect();
        assert_eq!(
            access,
            [
                ("wasi:io/poll@0.2.6", 0),
                ("acme:a/handles@1.0.0", 0),
                ("acme:a/code@1.0.0", 1),
                ("acme:a/function@1.0.0", 1)
            ]
        );
    }

    #[test]
    fn a_small_file_of_a_great_many_types_costs_what_a_small_file_does() {
        // A validator makes 900,000 exports of this, in 240 MB, and as many again for each component around them.
        let exports =
            (0..1000).map(|i| format!("(type $t{i} u8) (export \"t{i}\" (type $t{i}))")).collect::<Vec<_>>().concat();
        let bomb = format!("(component (component $c {exports}) {})", "(instance (instantiate $c))".repeat(900));
        let bytes = wat::parse_str(bomb).unwrap();
        assert!(bytes.len() < 64 << 10);
        let before = resident();
        Outline::read(&bytes).unwrap();
        let more = resident().saturating_sub(before);
        assert!(more < 64 << 20, "{more} bytes");
    }

    #[test]
    fn what_is_too_much_is_said() {
        let refused = |wat: String| Outline::read(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
        let imports = (0..1025).map(|i| format!("(import \"a{i}\" (func))")).collect::<Vec<_>>().concat();
        assert!(refused(format!("(component {imports})")).contains("more than 1024 imports and exports"));
        let types = "(type u8)".repeat(100_001);
        assert!(refused(format!("(component {types})")).contains("more types than any plugin has"));
        let functions = (0..1025).map(|i| format!("(export \"f{i}\" (func))")).collect::<Vec<_>>().concat();
        assert!(refused(format!("(component (import \"a\" (instance {functions})))")).contains("more types than"));
        let deep = format!("{}{}", "(component ".repeat(70), ")".repeat(70));
        assert!(refused(deep).contains("nested deeper than 64"));
    }

    #[test]
    fn a_name_that_is_none_is_not_shown_as_it_is() {
        let mut bytes = wat::parse_str(r#"(component (import "abcdefgh" (func)))"#).unwrap();
        let at = bytes.windows(8).position(|w| w == b"abcdefgh").unwrap();
        bytes[at..at + 8].copy_from_slice(b"a\x1b[2J\nbc");
        let error = Outline::read(&bytes).unwrap_err().to_string();
        assert_eq!(error, "does not compile: \"a [2J bc\" is no name of an import or export");
    }

    #[test]
    fn every_cut_is_seen_or_between_two_sections() {
        let whole = wat::parse_str(
            r#"(component (core module (func (export "f") (result i32) i32.const 1))
                (instance $i) (export "weir:plugin/series@0.1.0" (instance $i)))"#,
        )
        .unwrap();
        Outline::read(&whole).unwrap();
        let mut unseen = 0;
        for end in 1..whole.len() {
            match Outline::read(&whole[..end]) {
                Err(LoadReason::Truncated { bytes }) => assert_eq!(bytes, end as u64),
                // A section that is missing whole: what it held is missing from the outline, if it tells of it at all.
                Ok(_) => unseen += 1,
                Err(other) => panic!("cut at {end}: {other}"),
            }
        }
        assert!(unseen <= 4, "{unseen}");
    }

    #[test]
    fn a_manifest_that_is_none_is_named() {
        let long = format!("# {}", "x".repeat(MAX_MANIFEST));
        for (text, says) in [("name = ", "line 1"), (long.as_str(), "and may have")] {
            let wat = format!("(component (@custom \"weir:manifest\" {text:?}))");
            let e = Outline::read(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
            assert!(e.starts_with("its manifest (custom section weir:manifest)") && e.contains(says), "{e}");
        }
    }
}
