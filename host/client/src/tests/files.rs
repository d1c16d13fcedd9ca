//! Files that change while a client lives.

use std::path::Path;

use super::server::{Server, answer};
use super::tls::{Authority, refusal, serve, url, with, write};
use super::{client, get, value};
use crate::{Auth, Credential, Settings, TlsSettings};

async fn authorization_of(client: &crate::Client, server: &Server) -> String {
    assert_eq!(get(client, &server.url("/")).await.unwrap().text_limited(9).await, "ok");
    let request = server.last();
    let line = request.lines().find_map(|l| l.strip_prefix("authorization: "));
    line.unwrap_or_else(|| panic!("no authorization in {request}")).to_owned()
}

/// As careful writers do it; a new inode tells it apart even within the clock's tick.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[tokio::test]
async fn a_secret_is_read_again_when_its_file_changes_and_kept_while_it_makes_no_sense() {
    let server = Server::start(|_| answer(200, &[], "ok")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first\n").unwrap();
    let auth = Auth::Authorization { scheme: "Bearer".into(), credentials: Credential::File(path.clone()) };
    let client = client(&Settings { auth: Some(auth), ..Settings::default() });
    assert_eq!(authorization_of(&client, &server).await, "Bearer first");
    replace(&path, "second");
    assert_eq!(authorization_of(&client, &server).await, "Bearer second", "with the very next request");
    replace(&path, " \n");
    assert_eq!(authorization_of(&client, &server).await, "Bearer second", "an empty file is one being written");
    replace(&path, "with\na line break");
    assert_eq!(authorization_of(&client, &server).await, "Bearer second");
    std::fs::remove_file(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(authorization_of(&client, &server).await, "Bearer second");
    }
    replace(&path, "third");
    assert_eq!(authorization_of(&client, &server).await, "Bearer third");
    assert_eq!(server.connections(), 1, "nothing of this costs a connection");
}

#[tokio::test]
async fn user_and_password_change_each_in_its_file() {
    let server = Server::start(|_| answer(200, &[], "ok")).await;
    let folder = tempfile::tempdir().unwrap();
    let (user, password) = (folder.path().join("user"), folder.path().join("password"));
    std::fs::write(&user, "me").unwrap();
    std::fs::write(&password, "pw").unwrap();
    let auth = Auth::Basic { username: Credential::File(user.clone()), password: Credential::File(password.clone()) };
    let client = client(&Settings { auth: Some(auth), ..Settings::default() });
    assert_eq!(authorization_of(&client, &server).await, "Basic bWU6cHc=");
    replace(&user, "you");
    assert_eq!(authorization_of(&client, &server).await, "Basic eW91OnB3");
    replace(&password, "other");
    assert_eq!(authorization_of(&client, &server).await, "Basic eW91Om90aGVy");
    replace(&user, "y:ou");
    assert_eq!(authorization_of(&client, &server).await, "Basic eW91Om90aGVy");

    let auth = Auth::Basic { username: Credential::File(folder.path().join("none")), password: value("hush") };
    let error = crate::Client::new(&Settings { auth: Some(auth), ..Settings::default() }).unwrap_err();
    assert!(error.to_string().starts_with("`basic_auth.username_file`: cannot read "), "{error}");
}

#[tokio::test]
async fn a_renewed_authority_is_trusted_without_a_restart() {
    let authority = Authority::new();
    let server = serve(&authority.issue("localhost"), None).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, Authority::new().pem()).unwrap();
    let client = with(TlsSettings { ca_file: Some(path.clone()), ..TlsSettings::default() });
    refusal(&client, &url(&server, "localhost")).await;
    replace(&path, "half a certifi");
    refusal(&client, &url(&server, "localhost")).await;
    replace(&path, &authority.pem());
    assert_eq!(get(&client, &url(&server, "localhost")).await.unwrap().status, 200);
    replace(&path, "half a certifi");
    assert_eq!(get(&client, &url(&server, "localhost")).await.unwrap().text_limited(9).await, "secure");
}

#[tokio::test]
async fn connections_of_a_former_client_certificate_are_not_used_again() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = serve(&servers.issue("127.0.0.1"), Some(&clients)).await;
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = write(folder.path(), &clients.issue("first"));
    let tls = TlsSettings {
        ca: Some(servers.pem()),
        cert_file: Some(cert.clone()),
        key_file: Some(key.clone()),
        ..TlsSettings::default()
    };
    let client = with(tls);
    let ask = async || get(&client, &url(&server, "127.0.0.1")).await.unwrap().text_limited(9).await;
    assert_eq!((ask().await.as_str(), ask().await.as_str()), ("secure", "secure"));
    assert_eq!(server.connections(), 1);

    let second = clients.issue("second");
    replace(&cert, &second.cert);
    assert_eq!(ask().await, "secure");
    assert_eq!(server.connections(), 1, "a certificate without its key is half of a change");
    replace(&key, &second.key);
    assert_eq!(ask().await, "secure");
    assert_eq!(server.connections(), 2, "the new certificate has a connection of its own");
    assert_eq!(ask().await, "secure");
    assert_eq!(server.connections(), 2);
}
