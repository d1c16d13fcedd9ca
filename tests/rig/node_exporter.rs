//! Debian's `prometheus-node-exporter`.

use std::path::Path;

use tokio::process::Command;

use crate::http;
use crate::process::{Program, free_port, installed};
use crate::wait::until;

/// A running node exporter.
#[derive(Debug)]
pub struct NodeExporter {
    /// The process.
    pub program: Program,
    /// `host:port`.
    pub address: String,
}

impl NodeExporter {
    /// Starts one with logs in `dir`.
    pub async fn start(dir: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(installed("prometheus-node-exporter", "prometheus-node-exporter"));
        command.arg(format!("--web.listen-address={address}"));
        let mut program = Program::start("node exporter", &mut command, &dir.join("node-exporter.log"));
        until("the node exporter", async || {
            program.assert_runs();
            http::get(&format!("http://{address}/metrics")).await.is_ok_and(|(s, _)| s == 200)
        })
        .await;
        Self { program, address }
    }
}
