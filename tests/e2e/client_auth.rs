//! How weir reaches its backends: by a proxy, with a client certificate, with tokens; and whom it does not talk to.

use std::sync::Arc;

use axum::http::HeaderMap;
use tempfile::TempDir;
use weir_receive::proto::loki::PushRequest;
use weir_receive::proto::remote_write::WriteRequest;
use weir_receive::{Observer, Preview, Recorder, Refusal};
use weir_rig::config::{job, remote_write};
use weir_rig::proxy::Proxy;
use weir_rig::target::Target;
use weir_rig::tls::{Authority, Front, Leaf};
use weir_rig::tokens::Tokens;
use weir_rig::{Weir, eventually, http, until};

/// Records what comes with a valid token.
struct Guarded<J> {
    recorder: Arc<Recorder>,
    judge: J,
}

impl<J: Fn(&HeaderMap) -> bool + Send + Sync + 'static> Guarded<J> {
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let refusal = Refusal { status: 401, reason: "no valid token".into(), kept: 0 };
        if (self.judge)(headers) { Ok(()) } else { Err(refusal) }
    }
}

impl<J: Fn(&HeaderMap) -> bool + Send + Sync + 'static> Observer for Guarded<J> {
    fn metrics(&self, headers: &HeaderMap, request: &WriteRequest) -> Result<(), Refusal> {
        self.check(headers)?;
        self.recorder.metrics(headers, request)
    }

    fn logs(&self, headers: &HeaderMap, request: &PushRequest) -> Result<(), Refusal> {
        self.check(headers)?;
        self.recorder.logs(headers, request)
    }
}

/// All that weir says about itself.
async fn all_that_is_said(weir: &mut Weir) -> String {
    let mut said = weir.program().output();
    for path in ["/metrics", "/api/v1/targets", "/api/v1/ledger", "/-/ready"] {
        said += &http::get(&weir.url(path)).await.unwrap().1;
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_write_by_a_proxy_with_a_client_certificate_and_tokens_whose_secret_changes() {
    let dir = TempDir::new().unwrap();
    let (servers, clients) = (Authority::new(), Authority::new());
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("ca.pem"), servers.pem()).unwrap();
    let first = clients.issue("weir");
    std::fs::write(path("weir.pem"), &first.cert).unwrap();
    std::fs::write(path("weir.key"), &first.key).unwrap();
    std::fs::write(path("secret"), "s3cret-one\n").unwrap();

    // weir:s3cret-one, weir:s3cret-two, me:pr0xy
    let [one, two, by_proxy] = ["Basic d2VpcjpzM2NyZXQtb25l", "Basic d2VpcjpzM2NyZXQtdHdv", "Basic bWU6cHIweHk="];
    let tokens = Tokens::start(one).await;
    let proxy = Proxy::start(by_proxy).await;
    let recorder = Arc::new(Recorder::default());
    let preview =
        Preview::local(Arc::new(Guarded { recorder: recorder.clone(), judge: tokens.judge() })).await.unwrap();
    let front = Front::start(preview.address(), &servers, Some(&clients)).await;
    let target = Target::start(|n| format!("good {n}\n")).await;
    let sink = format!(
        r#"
        proxy_url = "http://me:pr0xy@{}"
        tls_config = {{ ca_file = "ca.pem", cert_file = "weir.pem", key_file = "weir.key" }}
        oauth2 = {{ client_id = "weir", client_secret_file = "secret", token_url = "{}", scopes = ["push"] }}
        "#,
        proxy.address, tokens.url
    );
    let config = [
        job("good", &target.address, ""),
        remote_write("far", &format!("https://{}/api/v1/write", front.address)),
        sink,
    ];
    let mut weir = Weir::start_in(dir.path(), &config.concat()).await;
    let series = format!("good{{instance=\"{}\", job=\"good\"}}", target.address);
    let arrived = || recorder.samples(&series).len();
    until("samples by the proxy", async || arrived() > 2).await;
    assert_eq!(tokens.counts(), (1, 0), "one token serves all lanes");
    let heard = proxy.heard();
    assert!(heard.iter().all(|h| h.starts_with(&format!("CONNECT {} ", front.address))), "{heard:?}");
    let connections = heard.len();

    // The operator changes the secret on both sides, and the certificate, while weir runs.
    tokens.change(two);
    std::fs::write(path("secret"), "s3cret-two\n").unwrap();
    let second = clients.issue("weir");
    std::fs::write(path("weir.pem"), &second.cert).unwrap();
    std::fs::write(path("weir.key"), &second.key).unwrap();
    let before = arrived();
    until("samples with the other secret", async || arrived() > before + 2).await;
    assert_eq!(tokens.counts().0, 2);
    until("another connection", async || proxy.heard().len() > connections).await;

    // A secret that is gone leaves the former one in force.
    std::fs::remove_file(path("secret")).unwrap();
    let before = arrived();
    until("samples without the secret's file", async || arrived() > before + 2).await;
    tokens.change("nothing that anybody has");
    eventually("the endpoint's refusal in the log", async || {
        let output = weir.program().output();
        let words = format!(
            "no token from {}: 401 Unauthorized: not known: Basic <secret>",
            tokens.url.split('/').nth(2).unwrap()
        );
        if output.contains(&words) { Ok(()) } else { Err(output) }
    })
    .await;
    tokens.change(two);
    let behind = target.served();
    until("all that waited", async || recorder.samples(&series).last().is_some_and(|p| p.value >= behind as f64)).await;

    let said = all_that_is_said(&mut weir).await;
    assert_eq!(weir.program().terminate().await, Some(0));
    let output = weir.program().output();
    for secret in
        ["s3cret", "d2VpcjpzM2NyZXQ", "t0ken", "pr0xy", "bWU6cHIweHk", "PRIVATE", first.key.lines().nth(1).unwrap()]
    {
        assert!(!said.contains(secret) && !output.contains(secret), "{secret} is shown: {said} {output}");
    }
    assert_eq!(output.matches("cannot be used; what they held before stays in use").count(), 1, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_prove_nothing_are_refused_by_sinks_and_targets() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new();
    std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
    let recorder = Arc::new(Recorder::default());
    let preview = Preview::local(recorder.clone()).await.unwrap();
    let target = Target::start(|n| format!("good {n}\n")).await;
    let keys = r#"
        tls_config = { ca_file = "ca.pem" }
        authorization = { credentials = "s3cret" }
        "#;
    let faults = [
        ("expired", authority.issue_until("localhost", 2001), "the certificate has expired"),
        ("elsewhere", authority.issue("elsewhere.example"), "the certificate is for other host names"),
        ("selfsigned", Leaf::self_signed("localhost"), "the certificate is signed by nobody we trust"),
    ];
    let mut config = remote_write("well", &preview.remote_write_url());
    let mut fronts = Vec::new();
    for (name, leaf, _) in &faults {
        let sink = Front::showing(preview.address(), leaf, None).await;
        let page = Front::showing(target.address.parse().unwrap(), leaf, None).await;
        config += &job(name, &page.address, &format!("scheme = \"https\"\n{keys}"));
        config += &(remote_write(name, &format!("https://{}/api/v1/write", sink.address)) + keys);
        fronts.extend([sink, page]);
    }
    let mut weir = Weir::start_in(dir.path(), &config).await;
    for (name, _, words) in &faults {
        eventually("the refusal of a sink", async || {
            let output = weir.program().output();
            let sink = format!("remote_write.{name}\"");
            let said = output.lines().any(|l| l.contains("\"WARN\"") && l.contains(&sink) && l.contains(words));
            if said { Ok(()) } else { Err(output) }
        })
        .await;
        eventually("the refusal of a target", async || {
            let targets = http::get(&weir.url("/api/v1/targets")).await?.1;
            if targets.contains(words) { Ok(()) } else { Err(targets) }
        })
        .await;
        let up = eventually("a sample of up", async || {
            let up = recorder.series().into_iter().find(|s| s.starts_with("up{") && s.contains(&format!("\"{name}\"")));
            up.and_then(|up| recorder.samples(&up).last().copied()).ok_or_else(|| recorder.series())
        })
        .await;
        assert_eq!(up.value, 0.0, "{name}");
    }
    assert_eq!(target.served(), 0);
    for front in &fronts {
        assert!(front.refused() > 0 && front.heard().is_empty(), "nothing is said to a stranger: {}", front.heard());
    }
    let said = all_that_is_said(&mut weir).await;
    assert!(!said.contains("s3cret"), "{said}");
    assert_eq!(weir.program().terminate().await, Some(0), "a stop does not wait for them");
}
