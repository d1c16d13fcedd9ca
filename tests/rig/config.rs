//! Pieces of configuration that the tests put together.

use std::path::Path;

/// A job that scrapes `target` every second, the shortest time in which a busy machine answers for sure: tests that count
/// samples would take a scrape that timed out for a loss. `more` holds further keys of the job.
pub fn job(name: &str, target: &str, more: &str) -> String {
    format!(
        "[[scrape_configs]]\njob_name = \"{name}\"\nscrape_interval = \"1s\"\nscrape_timeout = \"1s\"\n\
         static_configs = [{{ targets = [\"{target}\"] }}]\n{more}\n"
    )
}

/// A remote write sink that sends at once.
pub fn remote_write(name: &str, url: &str) -> String {
    format!(
        "[[remote_write]]\nname = \"{name}\"\nurl = \"{url}\"\nqueue_config = {{ batch_send_deadline = \"100ms\" }}\n"
    )
}

/// A Loki sink that sends at once.
pub fn loki(name: &str, url: &str) -> String {
    format!("[[loki]]\nname = \"{name}\"\nurl = \"{url}\"\nbatch_wait = \"100ms\"\n")
}

/// The log files in `dir`, with the label `job`.
pub fn file_logs(name: &str, dir: &Path) -> String {
    format!(
        "[[file_logs]]\nname = \"{name}\"\npaths = [\"{}/*.log\"]\nlabels = {{ job = \"{name}\" }}\n",
        dir.display()
    )
}

/// The directory with plugins; a key of the top level, so it comes first.
pub fn plugin_dir(dir: &Path) -> String {
    format!("plugin_dir = \"{}\"\n", dir.display())
}
