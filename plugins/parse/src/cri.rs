//! A line as containerd and CRI-O write it: `TIME STREAM TAGS TEXT`, where the first tag says whether the text is the end of a line
//! (F) or a piece of one (P). See kubelet's `pkg/kubelet/kuberuntime/logs`.

/// A line taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CriLine<'l> {
    pub(crate) time: &'l str,
    /// `stdout` or `stderr`.
    pub(crate) stream: &'l str,
    /// Whether more of the line comes.
    pub(crate) partial: bool,
    pub(crate) text: &'l str,
}

pub(crate) fn split(line: &str) -> Option<CriLine<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    // an empty line has nothing behind its tags, at times not even the blank
    let (tags, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let partial = match tags.split(':').next() {
        Some("P") => true,
        Some("F") => false,
        _ => return None,
    };
    let is_time = time.len() >= "2006-01-02T15:04:05Z".len() && time.as_bytes().get(10) == Some(&b'T');
    (is_time && matches!(stream, "stdout" | "stderr")).then_some(CriLine { time, stream, partial, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_kubelet() {
        let time = "2016-10-06T00:17:09.669794202Z";
        for (rest, stream, partial, text) in [
            ("stdout F hello  world ", "stdout", false, "hello  world "),
            ("stderr P half", "stderr", true, "half"),
            ("stdout F:x:y tagged", "stdout", false, "tagged"),
            ("stdout F ", "stdout", false, ""),
            ("stdout F", "stdout", false, ""),
        ] {
            assert_eq!(split(&format!("{time} {rest}")), Some(CriLine { time, stream, partial, text }), "{rest}");
        }
        for bad in ["", "hello", "a b F c", "2016-10-06T00:17:09Z stdin F x", "2016-10-06T00:17:09Z stdout X x"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
