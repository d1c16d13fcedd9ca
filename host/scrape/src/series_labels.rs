//! From a series as the page has it to the labels it gets: the target's labels, `honor_labels`, `metric_relabel_configs`
//! and the label limits. All of it happens once, when a series appears.

use weir_exposition::Series;
use weir_model::labels::METRIC_NAME;
use weir_model::{LabelSet, LabelsBuilder};
use weir_relabel::Rules;

use crate::error::{ScrapeError, excerpt};
use crate::settings::{JobSettings, LabelLimits};

/// What decides a series' labels, for one target.
#[derive(Clone, Debug)]
pub(crate) struct SeriesRules {
    target: LabelSet,
    honor_labels: bool,
    limits: LabelLimits,
    relabel: Rules,
}

impl SeriesRules {
    pub(crate) fn new(settings: &JobSettings, target: LabelSet) -> Self {
        Self {
            target,
            honor_labels: settings.honor_labels,
            limits: settings.label_limits,
            relabel: settings.metric_relabel_configs.clone(),
        }
    }

    /// Puts the labels into `out`; `false` when the rules drop the series. `text` is the series for errors.
    pub(crate) fn apply(&self, series: &Series, text: &[u8], out: &mut LabelsBuilder) -> Result<bool, ScrapeError> {
        out.clear();
        out.set(METRIC_NAME, series.name());
        for (name, value) in series.labels() {
            out.set(name, value);
        }
        if self.honor_labels {
            self.yield_to_page(series, out);
        } else {
            self.override_page(out);
        }
        if !self.relabel.apply(out) || out.is_empty() {
            return Ok(false);
        }
        if out.get(METRIC_NAME).is_none() {
            return Err(ScrapeError::NoName { series: excerpt(text) });
        }
        self.check_limits(text, out)?;
        Ok(true)
    }

    /// The labels of a series that weir itself reports about the target.
    pub(crate) fn report(&self, name: &str, out: &mut LabelsBuilder) {
        out.reset(self.target.as_labels());
        out.set(METRIC_NAME, name);
    }

    /// `honor_labels = true`. A label that the page sets to the empty string keeps the target's away: the Pushgateway does
    /// so with `instance`.
    fn yield_to_page(&self, series: &Series, out: &mut LabelsBuilder) {
        for (name, value) in self.target.as_labels() {
            if !series.labels().any(|l| l.0 == name) {
                out.set_missing(name, value);
            }
        }
    }

    /// `honor_labels = false`. The page's label of the same name moves to `exported_…`, shortest name first, until it
    /// finds a free one.
    fn override_page(&self, out: &mut LabelsBuilder) {
        let mut moved: Vec<(String, String)> = Vec::new();
        for (name, value) in self.target.as_labels() {
            if let Some(exposed) = out.get(name) {
                moved.push((name.to_owned(), exposed.to_owned()));
            }
            out.set(name, value);
        }
        moved.sort_by_key(|m| m.0.len());
        for (mut name, value) in moved {
            loop {
                name.insert_str(0, "exported_");
                if out.get(&name).is_none() {
                    break out.set(&name, &value);
                }
            }
        }
    }

    fn check_limits(&self, text: &[u8], labels: &LabelsBuilder) -> Result<(), ScrapeError> {
        let LabelLimits { count, name_length, value_length } = self.limits;
        let check = |limit_name, limit: usize, found: usize| {
            if limit > 0 && found > limit {
                return Err(ScrapeError::LabelLimit { limit_name, limit, found, series: excerpt(text) });
            }
            Ok(())
        };
        if self.limits != LabelLimits::default() {
            check("label_limit", count, labels.iter().count())?;
            for (name, value) in labels.iter() {
                check("label_name_length_limit", name_length, name.len())?;
                check("label_value_length_limit", value_length, value.len())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_relabel::{Action, RuleSettings};

    fn check(settings: &JobSettings, series: &str, want: &str) {
        let target: LabelSet = [("instance", "db:1"), ("job", "node")].iter().collect();
        let rules = SeriesRules::new(settings, target);
        let (mut parsed, mut out) = (Series::default(), LabelsBuilder::default());
        parsed.parse(series.as_bytes()).unwrap();
        let got = match rules.apply(&parsed, series.as_bytes(), &mut out) {
            Ok(true) => out.finish().to_string(),
            Ok(false) => "dropped".to_owned(),
            Err(e) => e.to_string(),
        };
        assert_eq!(got, want, "{series}");
    }

    fn relabel(rule: RuleSettings) -> JobSettings {
        JobSettings { metric_relabel_configs: Rules::compile(&[rule]).unwrap(), ..JobSettings::default() }
    }

    #[test]
    fn the_targets_labels_win_unless_honored() {
        let settings = JobSettings::default();
        check(&settings, "up", r#"{__name__="up", instance="db:1", job="node"}"#);
        check(&settings, r#"up{job="x",a=""}"#, r#"{__name__="up", exported_job="x", instance="db:1", job="node"}"#);
        check(
            &settings,
            r#"up{job="x",exported_job="y"}"#,
            r#"{__name__="up", exported_exported_job="x", exported_job="y", instance="db:1", job="node"}"#,
        );
        let honor = JobSettings { honor_labels: true, ..JobSettings::default() };
        check(&honor, r#"up{job="x"}"#, r#"{__name__="up", instance="db:1", job="x"}"#);
        check(&honor, r#"up{instance=""}"#, r#"{__name__="up", job="node"}"#);
    }

    #[test]
    fn relabelling_may_drop_but_not_unname() {
        let drop = relabel(RuleSettings {
            source_labels: vec!["__name__".into()],
            regex: "go_.*".into(),
            action: Action::Drop,
            ..RuleSettings::default()
        });
        check(&drop, "go_goroutines", "dropped");
        check(&drop, "up", r#"{__name__="up", instance="db:1", job="node"}"#);
        let unname =
            relabel(RuleSettings { regex: "__name__".into(), action: Action::LabelDrop, ..RuleSettings::default() });
        let error = "a series has no name after metric_relabel_configs, which must leave __name__ or drop it: up";
        check(&unname, "up", error);
    }

    #[test]
    fn limits_hold_after_relabelling_for_all_labels() {
        let limits = |count, name_length, value_length| JobSettings {
            label_limits: LabelLimits { count, name_length, value_length },
            ..JobSettings::default()
        };
        check(&limits(3, 8, 4), "up", r#"{__name__="up", instance="db:1", job="node"}"#);
        check(&limits(3, 0, 0), r#"up{a="1"}"#, r#"label_limit is 3, and there are 4 in up{a="1"}"#);
        check(&limits(0, 7, 0), "up", "label_name_length_limit is 7, and there are 8 in up");
        check(&limits(0, 0, 4), "uptime", "label_value_length_limit is 4, and there are 6 in uptime");
    }
}
