//! Relabel rules: read here, judged by the crate that runs them.

use weir_relabel::{Action, RuleSettings, Rules};

use crate::check::Check;
use crate::section::Section;
use crate::setting::word;

/// Reads and compiles a list of rules; an error stands at the key of the rule that is wrong.
pub(super) fn read(section: &mut Section<'_>, key: &'static str, check: &mut Check<'_>) -> Rules {
    let mut settings = Vec::new();
    for mut rule in section.sections(key, &format!("`{key}`"), check) {
        let one = settings_of(&mut rule, check);
        // compiled one by one first: the list as a whole would only show its first error
        if let Err(error) = Rules::compile(std::slice::from_ref(&one)) {
            let place = rule.value_place(error.kind.key());
            check.error(place, format!("relabel rule: `{}`: {}", error.kind.key(), error.kind), "", "");
        }
        rule.finish(check);
        settings.push(one);
    }
    Rules::compile(&settings).unwrap_or_default()
}

fn settings_of(rule: &mut Section<'_>, check: &mut Check<'_>) -> RuleSettings {
    let default = RuleSettings::default();
    let actions = Action::ALL.map(|action| (action.name(), action));
    RuleSettings {
        source_labels: rule.or("source_labels", default.source_labels, check),
        separator: rule.or("separator", default.separator, check),
        regex: rule.or("regex", default.regex, check),
        modulus: rule.or("modulus", default.modulus, check),
        target_label: rule.or("target_label", default.target_label, check),
        replacement: rule.or("replacement", default.replacement, check),
        action: rule.node("action").and_then(|node| word(node, &actions, check)).unwrap_or(default.action),
    }
}
