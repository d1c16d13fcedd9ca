//! `weir check`: everything that can be found wrong without running.

use std::io::Write;
use std::path::Path;

use weir_plugin::Plugins;

use crate::collector::{check_named, validate};
use crate::failure::{Failure, colour};
use crate::translate;

/// Validates the configuration in `path`, loads and configures its plugins, and says what would run.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let (config, warnings) = weir_config::load(path).map_err(|d| Failure::config(&d))?;
    let mut err = std::io::stderr().lock();
    for warning in &warnings {
        write!(err, "{}", warning.render(colour()))?;
    }
    let settings = translate::plugins(&config, &[]);
    let plugins = tokio::task::block_in_place(|| Plugins::check(&settings))
        .map_err(|errors| Failure::new(errors.iter().map(|e| format!("error: {e}")).collect::<Vec<_>>().join("\n")))?;
    let there: Vec<&str> = plugins.iter().map(|p| p.name.as_str()).collect();
    check_named(&config, &there)?;
    validate(&config)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is valid", path.display())?;
    for plan in &config.pipelines {
        let process = match &plan.process {
            weir_config::Process::All => format!("every plugin ({})", list(&there)),
            weir_config::Process::Named(named) => list(&named.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        writeln!(out, "pipeline {}", plan.name)?;
        writeln!(out, "  from    {}", plan.sources.join(", "))?;
        writeln!(out, "  process {process}")?;
        writeln!(out, "  to      {}", plan.sinks.join(", "))?;
    }
    Ok(())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
