//! A plugin's configuration: the JSON that weir made of the operator's document, into the plugin's own type.

use crate::{Error, Plugin};

/// Makes the plugin from its configuration. Errors name the key.
pub(crate) fn build<P: Plugin>(json: &str) -> Result<P, Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let config = serde_path_to_error::deserialize(&mut reader).map_err(|e| explain(&e))?;
    P::new(config)
}

fn explain(e: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let reason = e.inner().to_string();
    // line and column are those of a JSON text that the operator never saw
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    match e.path().to_string().as_str() {
        "." | "" => format!("config: {reason}"),
        path => format!("config.{path}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Picky;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[allow(dead_code)]
        rules: Vec<Rule>,
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        #[allow(dead_code)]
        modulus: u64,
    }

    impl Plugin for Picky {
        type Config = Config;
        fn new(_: Config) -> Result<Self, Error> {
            Ok(Self)
        }
    }

    fn error(json: &str) -> String {
        build::<Picky>(json).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_key() {
        assert_eq!(error("{}"), "config: missing field `rules`");
        assert_eq!(
            error(r#"{"rules":[{"modulus":1},{"modulus":"x"}]}"#),
            "config.rules[1].modulus: invalid type: string \"x\", expected u64"
        );
        assert_eq!(error(r#"{"rules":[],"rule":1}"#), "config.rule: unknown field `rule`, expected `rules`");
    }
}
