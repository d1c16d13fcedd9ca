//! The Prometheus text format 0.0.4, as Prometheus itself reads it.
//!
//! Two layers. [`mod@line`] and [`float`] are primitives on bytes at a position, for a reader that knows most of a page from
//! the last time and wants only the numbers. [`series`] takes a line's `name{labels}` apart. [`lines()`] puts both together
//! for whoever just wants to read a page. [`metadata`] reads what a page says of a family.
//!
//! The rules are those of Prometheus' `model/textparse` (`promlex.l`, `promparse.go`), which is laxer than the format's
//! own description in some places and stricter in others:
//! - the last line needs no line end; a `\r` before one is an error;
//! - the value needs no blank before it; a timestamp has no sign;
//! - an unknown metric type fails the page, and so does help text that is not UTF-8;
//! - names outside the classic alphabet are taken in quotes: `{"my.metric", "my.label"="x"}`;
//! - a backslash before any other byte than `\`, `"`, `n` stays as it is;
//! - a repeated label name fails the page (in Prometheus: when the sample is appended).
//!
//! Differences: a NUL byte where a line begins is an error here, while Prometheus takes it for the page's end; blanks before
//! a name are passed, as the format says, while Prometheus takes them into the name and then refuses it; more than 1024
//! labels on a series are an error.
//!
//! Nothing here does I/O or panics on any input.

pub mod error;
pub mod float;
pub mod line;
pub mod lines;
pub mod metadata;
pub mod series;

pub use error::{Fault, Reason, SyntaxError};
pub use lines::{Line, lines};
pub use metadata::Family;
pub use series::Series;
