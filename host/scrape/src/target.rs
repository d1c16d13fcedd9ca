//! From a discovered address to a target: its labels, its URL, its times (Prometheus' `PopulateLabels`).

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Uri;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use weir_discovery::TargetGroup;
use weir_model::{LabelSet, LabelsBuilder};

use crate::duration;
use crate::settings::JobSettings;
use crate::url;

/// Fixed, so that a target has the same hash in every process: its lane and its offset in the interval depend on it.
const STABLE_SEED: u64 = 0x7461_7267_6574_7321;

/// Something to scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// What its series get: what relabelling left, without labels that begin with `__`.
    pub(crate) labels: LabelSet,
    /// What was discovered, before relabelling.
    pub(crate) discovered: LabelSet,
    pub(crate) url: Uri,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// Of labels and URL; the same in every process. Two targets with the same hash are one.
    pub(crate) hash: u64,
}

/// Why an address makes no target. Fatal for the target; the configuration or the discovered labels need a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Relabelling left no address.
    #[error("no address: __address__ is empty after relabel_configs")]
    NoAddress,
    /// The address is no `host:port`.
    #[error(
        "{0:?} is not an address: expected host:port without scheme and path (those are __scheme__, __metrics_path__)"
    )]
    Address(String),
    /// A scheme that weir does not speak.
    #[error("__scheme__ is {0:?}; expected http or https")]
    Scheme(String),
    /// Scheme, address, path and parameters make no URL.
    #[error("{0:?} is not a URL")]
    Url(String),
    /// A label with a duration has none.
    #[error("{label} is {value:?}; expected a duration such as 15s, not zero")]
    Duration {
        /// The label.
        label: &'static str,
        /// Its value.
        value: String,
    },
    /// The time-out is longer than the interval.
    #[error("__scrape_timeout__ is longer than __scrape_interval__ ({timeout} > {interval})")]
    TimeoutOverInterval {
        /// The time-out.
        timeout: String,
        /// The interval.
        interval: String,
    },
}

/// What became of a discovered address.
#[derive(Debug)]
pub(crate) enum Discovered {
    Target(Box<Target>),
    /// `relabel_configs` dropped it. The labels before that.
    Dropped(LabelSet),
    Invalid(LabelSet, TargetError),
}

/// What becomes of all addresses of all groups, in their order; identical targets are not merged.
pub(crate) fn discover(groups: &[TargetGroup], settings: &JobSettings) -> Vec<Discovered> {
    let mut builder = LabelsBuilder::default();
    groups
        .iter()
        .flat_map(|g| g.targets.iter().map(move |address| (address, &g.labels)))
        .map(|(address, labels)| populate(address, labels, settings, &mut builder))
        .collect()
}

fn populate(
    address: &str,
    group: &BTreeMap<String, String>,
    settings: &JobSettings,
    builder: &mut LabelsBuilder,
) -> Discovered {
    builder.clear();
    for (name, value) in group {
        builder.set(name, value);
    }
    // A target's own labels win over its group's.
    builder.set("__address__", address);
    builder.set_missing("job", &settings.job_name);
    builder.set_missing("__scrape_interval__", &duration::format(settings.scrape_interval));
    builder.set_missing("__scrape_timeout__", &duration::format(settings.scrape_timeout));
    builder.set_missing("__metrics_path__", &settings.metrics_path);
    builder.set_missing("__scheme__", &settings.scheme);
    for (name, values) in &settings.params {
        if let Some(first) = values.first() {
            builder.set(&format!("__param_{name}"), first);
        }
    }
    let discovered = builder.finish().to_owned();
    if !settings.relabel_configs.apply(builder) {
        return Discovered::Dropped(discovered);
    }
    match complete(builder, settings, &discovered) {
        Ok(target) => Discovered::Target(Box::new(target)),
        Err(error) => Discovered::Invalid(discovered, error),
    }
}

fn complete(labels: &mut LabelsBuilder, settings: &JobSettings, discovered: &LabelSet) -> Result<Target, TargetError> {
    let get = |name| labels.get(name).unwrap_or_default().to_owned();
    let scheme = get("__scheme__");
    let port = match scheme.as_str() {
        "http" | "" => "80",
        "https" => "443",
        _ => return Err(TargetError::Scheme(scheme)),
    };
    let mut address = get("__address__");
    if address.is_empty() {
        return Err(TargetError::NoAddress);
    }
    if address.contains('/') {
        return Err(TargetError::Address(address));
    }
    if !url::has_port(&address) {
        address = format!("{address}:{port}");
    }
    let (interval, timeout) = (nonzero(labels, "__scrape_interval__")?, nonzero(labels, "__scrape_timeout__")?);
    if timeout > interval {
        let (timeout, interval) = (get("__scrape_timeout__"), get("__scrape_interval__"));
        return Err(TargetError::TimeoutOverInterval { timeout, interval });
    }
    let mut params = settings.params.clone();
    for (name, value) in labels.iter() {
        if let Some(param) = name.strip_prefix("__param_") {
            let values = params.entry(param.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    let scheme = if scheme.is_empty() { "http" } else { &scheme };
    let text = url::build(scheme, &address, &get("__metrics_path__"), &params);
    let url: Uri = text.parse().map_err(|_| TargetError::Url(text.clone()))?;
    if url.host().is_none_or(str::is_empty) {
        return Err(TargetError::Address(address));
    }
    labels.set_missing("instance", &address);
    labels.retain(|name, _| !name.starts_with("__"));
    let labels = labels.finish().to_owned();
    let hash = stable_hash(&labels, &text);
    Ok(Target { labels, discovered: discovered.clone(), url, interval, timeout, hash })
}

fn nonzero(labels: &LabelsBuilder, label: &'static str) -> Result<Duration, TargetError> {
    let value = labels.get(label).unwrap_or_default();
    duration::parse(value)
        .filter(|d| !d.is_zero())
        .ok_or_else(|| TargetError::Duration { label, value: value.to_owned() })
}

fn stable_hash(labels: &LabelSet, url: &str) -> u64 {
    let mut bytes = labels.as_labels().as_bytes().to_vec();
    bytes.extend_from_slice(url.as_bytes());
    rapidhash_v3_seeded(&bytes, &RapidSecrets::seed_cpp(STABLE_SEED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_relabel::{Action, RuleSettings, Rules};

    fn check(settings: &JobSettings, address: &str, group: &[(&str, &str)], want: &str) {
        let group = group.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let groups = [TargetGroup { source: String::new(), targets: vec![address.to_owned()], labels: group }];
        let got: Vec<_> = discover(&groups, settings)
            .into_iter()
            .map(|d| match d {
                Discovered::Target(t) => format!("{} {} {:?}/{:?}", t.url, t.labels, t.timeout, t.interval),
                Discovered::Dropped(labels) => format!("dropped {labels}"),
                Discovered::Invalid(_, error) => error.to_string(),
            })
            .collect();
        assert_eq!(got, [want]);
    }

    fn settings(rules: &[RuleSettings]) -> JobSettings {
        JobSettings {
            job_name: "node".into(),
            params: [("m".to_owned(), vec!["a b".to_owned(), "c".to_owned()])].into(),
            relabel_configs: Rules::compile(rules).unwrap(),
            ..JobSettings::default()
        }
    }

    fn replace(source: &str, target: &str, replacement: &str) -> RuleSettings {
        RuleSettings {
            source_labels: vec![source.into()],
            target_label: target.into(),
            replacement: replacement.into(),
            ..RuleSettings::default()
        }
    }

    #[test]
    fn labels_and_url_are_made_as_prometheus_makes_them() {
        let plain = settings(&[]);
        check(
            &plain,
            "db:9100",
            &[("env", "prod"), ("__meta_x", "y")],
            r#"http://db:9100/metrics?m=a+b&m=c {env="prod", instance="db:9100", job="node"} 10s/60s"#,
        );
        check(
            &plain,
            "db",
            &[("__scheme__", "https"), ("job", "own"), ("instance", "i"), ("__metrics_path__", "/a b?c")],
            r#"https://db:443/a%20b%3Fc?m=a+b&m=c {instance="i", job="own"} 10s/60s"#,
        );
        check(&plain, "[::1]", &[], r#"http://[::1]:80/metrics?m=a+b&m=c {instance="[::1]:80", job="node"} 10s/60s"#);
    }

    #[test]
    fn relabelling_sees_and_sets_all() {
        let rules = [
            replace("__address__", "__param_target", "$1"),
            replace("__meta_host", "__address__", "$1"),
            replace("job", "__scrape_interval__", "15s"),
        ];
        check(
            &settings(&rules),
            "x",
            &[("__meta_host", "probe:1")],
            r#"http://probe:1/metrics?m=a+b&m=c&target=x {instance="probe:1", job="node"} 10s/15s"#,
        );
        let rule = RuleSettings { source_labels: vec!["job".into()], action: Action::Drop, ..RuleSettings::default() };
        check(
            &JobSettings { params: BTreeMap::new(), ..settings(&[rule]) },
            "x",
            &[],
            r#"dropped {__address__="x", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="1m", __scrape_timeout__="10s", job="node"}"#,
        );
    }

    #[test]
    fn what_makes_no_target_says_why() {
        let plain = settings(&[]);
        check(&plain, "", &[], "no address: __address__ is empty after relabel_configs");
        check(
            &plain,
            "http://x",
            &[],
            "\"http://x\" is not an address: expected host:port without scheme and path (those are __scheme__, __metrics_path__)",
        );
        check(&plain, "x", &[("__scheme__", "ftp")], "__scheme__ is \"ftp\"; expected http or https");
        check(
            &plain,
            "x",
            &[("__scrape_timeout__", "2m")],
            "__scrape_timeout__ is longer than __scrape_interval__ (2m > 1m)",
        );
        check(
            &plain,
            "x",
            &[("__scrape_timeout__", "0s")],
            "__scrape_timeout__ is \"0s\"; expected a duration such as 15s, not zero",
        );
        check(&plain, "a b:1", &[], "\"http://a b:1/metrics?m=a+b&m=c\" is not a URL");
    }
}
