//! From the expressions of RE2, which Prometheus' users write, to those of the `regex` crate.

use regex_syntax::ast::{self, Ast, ClassPerl, ClassPerlKind, ClassSetItem, Span};

use crate::validate::RuleErrorKind;

/// Rewrites an expression so that it means what it means to RE2: there `\d`, `\s`, `\w` and `\b` know only ASCII.
pub(crate) fn translate(regex: &str) -> Result<String, RuleErrorKind> {
    let ast = ast::parse::Parser::new().parse(regex).map_err(|e| RuleErrorKind::RegexInvalid {
        regex: regex.to_string(),
        at: e.span().start.column - 1,
        reason: e.kind().to_string(),
    })?;
    let edits = ast::visit(&ast, Edits::default()).unwrap_or_default();
    let mut out = String::with_capacity(regex.len());
    let mut done = 0;
    for (span, text) in edits {
        out.push_str(regex.get(done..span.start.offset).unwrap_or_default());
        out.push_str(text);
        done = span.end.offset;
    }
    out.push_str(regex.get(done..).unwrap_or_default());
    Ok(out)
}

/// What to put in place of which part of the source, from left to right.
#[derive(Default)]
struct Edits(Vec<(Span, &'static str)>);

impl Edits {
    fn class(&mut self, class: &ClassPerl) {
        let text = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Space, false) => r"[\t\n\f\r ]",
            (ClassPerlKind::Space, true) => r"[^\t\n\f\r ]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.0.push((class.span, text));
    }
}

impl ast::Visitor for Edits {
    type Output = Vec<(Span, &'static str)>;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(a) if a.kind == ast::AssertionKind::WordBoundary => {
                self.0.push((a.span, r"(?-u:\b)"));
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        if let ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}
