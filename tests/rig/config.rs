//! Pieces of configuration that the tests put together.

use std::path::Path;

/// A job that scrapes `target` twice a second. `more` holds further keys of it.
pub fn job(name: &str, target: &str, more: &str) -> String {
    job_every("500ms", name, target, more)
}

/// A job that scrapes `target` at this interval, and may take as long.
pub fn job_every(interval: &str, name: &str, target: &str, more: &str) -> String {
    format!(
        "[[scrape_configs]]\njob_name = \"{name}\"\nscrape_interval = \"{interval}\"\nscrape_timeout = \"{interval}\"\n\
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
