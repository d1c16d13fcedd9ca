//! Debian's `prometheus`: as the reference scraper and as a remote write receiver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::http::{self, quoted};
use crate::process::{Program, free_port, installed};
use crate::wait::until;

/// A series' labels as Prometheus tells them.
pub type Labels = BTreeMap<String, String>;

/// A running Prometheus (or a server that answers its API).
#[derive(Debug)]
pub struct Prometheus {
    /// The process.
    pub program: Program,
    port: u16,
    dir: PathBuf,
}

impl Prometheus {
    /// Starts one in `dir` (one folder each) with this configuration, as a remote write receiver.
    pub async fn start(dir: &Path, config: &str) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let mut prometheus = Self { program: spawn(dir, port), port, dir: dir.to_owned() };
        prometheus.wait().await;
        prometheus
    }

    /// Starts it again on the same port and storage.
    pub async fn restart(&mut self) {
        self.program = spawn(&self.dir, self.port);
        self.wait().await;
    }

    async fn wait(&mut self) {
        let url = self.url("/-/ready");
        until("prometheus", async || {
            self.program.assert_runs();
            http::get(&url).await.is_ok_and(|(s, _)| s == 200)
        })
        .await;
    }

    /// A URL of this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where remote write goes.
    pub fn write_url(&self) -> String {
        self.url("/api/v1/write")
    }
}

fn spawn(dir: &Path, port: u16) -> Program {
    let mut command = Command::new(installed("prometheus", "prometheus"));
    command
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-remote-write-receiver");
    Program::start("prometheus", &mut command, &dir.join("prometheus.log"))
}

/// An instant query: series and values, at `time` (seconds since the epoch) or now.
pub async fn query(base: &str, promql: &str, time: Option<f64>) -> Result<Vec<(Labels, f64)>, String> {
    let time = time.map(|t| format!("&time={t}")).unwrap_or_default();
    let answer = http::json(&format!("{base}/api/v1/query?query={}{time}", quoted(promql))).await?;
    let result = answer["data"]["result"].as_array().ok_or_else(|| format!("no result: {answer}"))?;
    Ok(result.iter().map(|r| (labels(&r["metric"]), number(&r["value"][1]))).collect())
}

/// All raw samples of a range selector such as `up[5m]`: series and (milliseconds, value).
pub async fn samples(base: &str, selector: &str) -> Result<Vec<(Labels, Vec<(i64, f64)>)>, String> {
    let answer = http::json(&format!("{base}/api/v1/query?query={}", quoted(selector))).await?;
    let result = answer["data"]["result"].as_array().ok_or_else(|| format!("no result: {answer}"))?;
    let points = |v: &Value| -> Vec<(i64, f64)> {
        let point = |p: &Value| ((p[0].as_f64().unwrap_or(0.0) * 1000.0).round() as i64, number(&p[1]));
        v.as_array().map(|v| v.iter().map(point).collect()).unwrap_or_default()
    };
    Ok(result.iter().map(|r| (labels(&r["metric"]), points(&r["values"]))).collect())
}

fn labels(metric: &Value) -> Labels {
    metric
        .as_object()
        .map(|m| m.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect())
        .unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|s| s.parse().ok()).unwrap_or(f64::NAN)
}
