use super::*;
use weir_sdk::testing;

fn redact(config: &str, line: &str) -> String {
    let mut plugin: Redact = testing::configure(config).unwrap();
    testing::logs(&mut plugin, [line]).unwrap().remove(0).unwrap().text
}

fn check(config: &str, cases: &[(&str, &str)]) {
    for (line, expected) in cases {
        assert_eq!(redact(config, line), *expected, "{line}");
    }
}

#[test]
fn email_addresses() {
    check(
        r#"{"patterns":["email"]}"#,
        &[
            ("user=ann.lee+news@mail.example.co.uk ok", "user=<email> ok"),
            ("Write to bob@example.org.", "Write to <email>."),
            ("<a@b.cc>, \"c_d@e-f.io\"", "<<email>>, \"<email>\""),
            ("a@b.cc@d.ee", "<email>"),
            (
                "root@localhost @mention a@ @b.cc x@.cc x@1.2.3.4 x@b.c",
                "root@localhost @mention a@ @b.cc x@.cc x@1.2.3.4 x@b.c",
            ),
            ("größe@example.com", "größe@example.com".replace("e@example.com", "<email>").as_str()),
        ],
    );
}

#[test]
fn payment_cards() {
    check(
        r#"{"patterns":["pan"]}"#,
        &[
            ("card 4111111111111111.", "card <pan>."),
            ("card=4111 1111 1111 1111, amex 3782-822463-10005", "card=<pan>, amex <pan>"),
            ("2026-11-23 4111-1111-1111-1111 200", "2026-11-23 <pan> 200"),
            ("5555555555554444 6011111111111117 3530111333300000 30569309025904", "<pan> <pan> <pan> <pan>"),
            ("4222222222222", "<pan>"),
            // wrong check digit, unknown issuer, part of a word, too long, mixed separators
            ("4111111111111112 1111111111111117", "4111111111111112 1111111111111117"),
            ("id4111111111111111 4111111111111111abc", "id4111111111111111 4111111111111111abc"),
            ("41111111111111110000 0.4111111111111111", "41111111111111110000 0.4111111111111111"),
            ("4111 1111-1111 1111", "4111 1111-1111 1111"),
            ("ts=1763884800123456789 2026-11-23 07:33:29.123456", "ts=1763884800123456789 2026-11-23 07:33:29.123456"),
        ],
    );
}

#[test]
fn ip_addresses() {
    check(
        r#"{"patterns":["ipv4","ipv6"]}"#,
        &[
            ("from 10.0.0.1:8080 to 192.168.100.200.", "from <ipv4>:8080 to <ipv4>."),
            ("v1.2.3.4 1.2.3 1.2.3.4.5 256.1.1.1 1.2.3.4x", "v1.2.3.4 1.2.3 1.2.3.4.5 256.1.1.1 1.2.3.4x"),
            ("[2001:db8::1]:443 fe80::1%eth0 ::1 ::ffff:10.0.0.1", "[<ipv6>]:443 <ipv6>%eth0 <ipv6> <ipv6>"),
            ("peer 2001:db8::2: reset", "peer <ipv6>: reset"),
            ("07:33:29 std::fmt a::b :: aa:bb:cc:dd:ee:01", "07:33:29 std::fmt a::b :: aa:bb:cc:dd:ee:01"),
            ("1:2:3:4:5:6:7:8", "<ipv6>"),
        ],
    );
}

#[test]
fn bearer_tokens() {
    check(
        "{}",
        &[
            ("got Bearer abc.DEF-123_x== from x", "got Bearer <bearer> from x"),
            ("curl -H 'Authorization: Bearer eyJhbGciOi.J9' x", "curl -H 'Authorization: Bearer <bearer>' x"),
            (r#"{"authorization":"Basic dXNlcjpwdw==","n":1}"#, r#"{"authorization":"Basic <bearer>","n":1}"#),
            (r#"{\"Authorization\":\"s3cr3t\"}"#, r#"{\"Authorization\":\"<bearer>\"}"#),
            ("Proxy-Authorization: token-77 rest", "Proxy-Authorization: <bearer> rest"),
            ("the bearer of news; authorization failed", "the bearer of news; authorization failed"),
            ("Authorization:", "Authorization:"),
        ],
    );
}

#[test]
fn lines_do_not_run_into_each_other() {
    let mut plugin: Redact = testing::configure(r#"{"patterns":["email","pan","ipv4","ipv6","bearer"]}"#).unwrap();
    let lines =
        ["a", "@b.cc", "4111 1111", " 1111 1111", "10.0", ".0.1", "b", "earer abcdefgh1", "", "::", "1", "x@y.zz", "1"];
    let out = testing::logs(&mut plugin, lines).unwrap();
    let texts: Vec<String> = out.into_iter().map(|line| line.unwrap().text).collect();
    let mut expected = lines.map(str::to_owned).to_vec();
    expected[11] = "<email>".into();
    assert_eq!(texts, expected);
}

#[test]
fn patterns_of_ones_own() {
    let config = r#"{"patterns":["email"],"replacement":"[{name}]","custom":[
        {"name":"session","regex":"sid=\\w+"},{"name":"user","regex":"(user=)\\w+","replacement":"$1***"}]}"#;
    check(
        config,
        &[
            ("user=ann sid=12 sid=34", "user=*** [session] [session]"),
            // what overlaps is masked once, whole
            ("sid=abc@example.org", "[session]"),
            ("nothing", "nothing"),
        ],
    );
}

#[test]
fn what_is_masked_is_counted_by_pattern() {
    redact("{}", "a@b.cc c@d.ee 4111111111111111");
    assert_eq!(testing::counted("redacted", &[("pattern", "email")]), 2.0);
    assert_eq!(testing::counted("redacted", &[("pattern", "pan")]), 1.0);
    assert_eq!(testing::counted("redacted", &[("pattern", "bearer")]), 0.0);
}

#[test]
fn errors_name_the_key() {
    let error = |config| testing::configure::<Redact>(config).unwrap_err().to_string();
    assert!(error(r#"{"patterns":["iban"]}"#).starts_with("config.patterns[0]: unknown variant `iban`"));
    assert!(error(r#"{"custom":[{"name":"x","regex":"("}]}"#).starts_with("config.custom[0].regex: "));
    assert!(error(r#"{"custom":[{"name":"x","regex":"a*"}]}"#).starts_with("config.custom[0].regex: it matches"));
    assert_eq!(error(r#"{"patterns":[]}"#), "config: there is no pattern to look for");
}
