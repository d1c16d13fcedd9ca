//! A weir process.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::build;
use crate::http;
use crate::ledger::{Account, Ledger};
use crate::metrics::Page;
use crate::process::{Program, installed};
use crate::wait::eventually;

/// A running weir with a folder of its own.
#[derive(Debug)]
pub struct Weir {
    program: Program,
    dir: PathBuf,
    admin: String,
    environment: Vec<(String, String)>,
    starts: usize,
    /// The folder, where it is to go with this weir.
    own: Option<TempDir>,
}

impl Weir {
    /// Starts weir in a new folder; see [`start_in`](Self::start_in).
    pub async fn start(config: &str) -> Self {
        let own = TempDir::new().unwrap();
        let mut weir = Self::start_in(own.path(), config).await;
        weir.own = Some(own);
        weir
    }

    /// Starts weir with this configuration written to `dir`, and waits until its admin server answers. Put before it:
    /// a `data_dir` in the folder unless it has one, an admin address with port 0, logs as JSON.
    pub async fn start_in(dir: &Path, config: &str) -> Self {
        Self::start_with(dir, config, &[]).await
    }

    /// The same with at most so many file descriptors, `RLIMIT_NOFILE`, soft and hard.
    pub async fn start_limited(dir: &Path, config: &str, descriptors: u64) -> Self {
        // the program's own environment is the way to it that needs no other start
        Self::start_with(dir, config, &[(DESCRIPTORS, &descriptors.to_string())]).await
    }

    /// The same with these variables in the environment.
    pub async fn start_with(dir: &Path, config: &str, environment: &[(&str, &str)]) -> Self {
        Self::write_config(dir, config);
        let environment: Vec<_> = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let program = spawn(dir, 0, &environment);
        let mut weir = Self { program, dir: dir.to_owned(), admin: String::new(), environment, starts: 0, own: None };
        weir.wait_for_admin().await;
        weir
    }

    /// Writes the configuration that the next start or reload reads.
    pub fn write_config(dir: &Path, config: &str) {
        let has_one = config.lines().any(|l| l.trim_start().starts_with("data_dir"));
        let data = if has_one { String::new() } else { format!("data_dir = '{}'", dir.join("data").display()) };
        let head = format!(
            "{data}\n{}\n[admin]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\nlevel = \"info\"\n",
            // keys of the top level must stand before the first table
            config.lines().take_while(|l| !l.trim_start().starts_with('[')).collect::<Vec<_>>().join("\n"),
        );
        let rest = config.lines().skip_while(|l| !l.trim_start().starts_with('[')).collect::<Vec<_>>().join("\n");
        std::fs::write(dir.join("weir.toml"), format!("{head}\n{rest}\n")).unwrap();
    }

    /// The folder with `weir.toml` and `data`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The process.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Starts it again, after it has ended, in the same folder.
    pub async fn restart(&mut self) {
        self.start_again();
        self.wait_for_admin().await;
    }

    /// Starts it again without waiting for anything.
    pub fn start_again(&mut self) {
        self.starts += 1;
        self.program = spawn(&self.dir, self.starts, &self.environment);
    }

    /// The same with this environment from now on.
    pub async fn restart_with(&mut self, environment: &[(&str, &str)]) {
        self.environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.restart().await;
    }

    /// What `/-/ready` says: whether it is, and the text.
    pub async fn ready(&self) -> Result<(bool, String), String> {
        let (status, text) = http::get(&self.url("/-/ready")).await?;
        Ok((status == 200, text))
    }

    /// A sink's side of the ledger, such as `loki.main`'s.
    pub async fn books(&self, sink: &str) -> Account {
        Ledger::read(self).await.unwrap().sink(sink)
    }

    /// Its metrics.
    pub async fn metrics(&self) -> Page {
        Page::read(&self.try_metrics().await.unwrap())
    }

    async fn try_metrics(&self) -> Result<String, String> {
        let (status, text) = http::get(&self.url("/metrics")).await?;
        if status == 200 { Ok(text) } else { Err(format!("{status}: {text}")) }
    }

    /// A URL of its admin server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// `POST /-/reload`: status and text.
    pub async fn reload(&self) -> (u16, String) {
        http::post(&self.url("/-/reload"), "", "").await.unwrap()
    }

    async fn wait_for_admin(&mut self) {
        let admin = eventually("weir's admin server", async || {
            self.program.assert_runs();
            let output = self.program.output();
            let line = output.lines().find(|l| l.contains("admin server listens")).ok_or("no address")?;
            let json: serde_json::Value = serde_json::from_str(line).map_err(|_| "half a line")?;
            json["address"].as_str().map(str::to_owned).ok_or("no address in the line")
        })
        .await;
        self.admin = admin;
    }
}

/// Where a start finds its limit of file descriptors.
const DESCRIPTORS: &str = "WEIR_RIG_DESCRIPTORS";

fn spawn(dir: &Path, start: usize, environment: &[(String, String)]) -> Program {
    let mut command = match environment.iter().find(|(name, _)| name == DESCRIPTORS) {
        None => Command::new(build::weir()),
        Some((_, most)) => {
            let mut command = Command::new(installed("prlimit", "util-linux"));
            // it becomes the program, with its process number
            command.arg(format!("--nofile={most}:{most}")).arg(build::weir());
            command
        }
    };
    command.arg("run").arg("--config").arg(dir.join("weir.toml"));
    command.envs(environment.iter().map(|(k, v)| (k, v)));
    Program::start("weir", &mut command, &dir.join(format!("weir-{start}.log")))
}
