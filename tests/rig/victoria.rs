//! Debian's `victoria-metrics`, as a remote write receiver.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::http;
use crate::process::{Program, free_port, installed};
use crate::wait::until;

/// A running single-node VictoriaMetrics.
#[derive(Debug)]
pub struct VictoriaMetrics {
    /// The process.
    pub program: Program,
    port: u16,
    dir: PathBuf,
}

impl VictoriaMetrics {
    /// Starts one in `dir`.
    pub async fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let port = free_port();
        let mut victoria = Self { program: spawn(dir, port), port, dir: dir.to_owned() };
        victoria.wait().await;
        victoria
    }

    /// Starts it again on the same port and storage.
    pub async fn restart(&mut self) {
        self.program = spawn(&self.dir, self.port);
        self.wait().await;
    }

    async fn wait(&mut self) {
        let url = format!("{}/health", self.base());
        until("victoria-metrics", async || {
            self.program.assert_runs();
            http::get(&url).await.is_ok_and(|(s, _)| s == 200)
        })
        .await;
    }

    /// The base of its Prometheus-like API.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where remote write goes.
    pub fn write_url(&self) -> String {
        format!("{}/api/v1/write", self.base())
    }

    /// Makes everything that was written visible to queries.
    pub async fn flush(&self) {
        http::get(&format!("{}/internal/force_flush", self.base())).await.unwrap();
    }
}

fn spawn(dir: &Path, port: u16) -> Program {
    let mut command = Command::new(installed("victoria-metrics", "victoria-metrics"));
    command
        .arg(format!("-storageDataPath={}", dir.join("data").display()))
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg("-retentionPeriod=1y")
        .arg("-search.latencyOffset=0s");
    Program::start("victoria-metrics", &mut command, &dir.join("victoria.log"))
}
