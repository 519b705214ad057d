//! What the configuration gives channels of the world outside: words, a way out, what nodes share.

use super::*;
use jiesu_connector::{Origin, OutRequest, SendError};
use std::time::Duration;

/// A configuration with files beside it.
struct Site(tempfile::TempDir);

impl Site {
    fn new(text: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("gateway.toml"), text).unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gateway.toml")
    }

    fn load(&self) -> Result<Loaded, Vec<String>> {
        let here = format!("{}/", self.0.path().display());
        load(&self.path(), &desks())
            .map_err(|faults| faults.iter().map(|fault| fault.to_string().replace(&here, "")).collect())
    }

    fn greeting(&self) -> String {
        self.load().unwrap().outside.words.phrase("wechat.greeting").unwrap().to_owned()
    }
}

const OWN: (&str, &str) = ("words.zh-CN.toml", "[wechat]\ngreeting = \"您好\"");

#[test]
fn words_are_those_that_are_named_else_those_beside_the_file_else_the_standard() {
    let standard = jiesu_connector::Words::default();
    assert_eq!(Some(Site::new("", &[]).greeting().as_str()), standard.phrase("wechat.greeting"));
    assert_eq!(Site::new("", &[OWN]).greeting(), "您好");
    let named = ("leshan.toml", "[wechat]\ngreeting = \"乐山\"");
    let site = Site::new("[policy]\nwords = \"leshan.toml\"", &[OWN, named]);
    assert_eq!(site.greeting(), "乐山");
    let words = site.load().unwrap().outside.words;
    assert_eq!(words.phrase("wechat.receipt"), standard.phrase("wechat.receipt"), "what it leaves out stays");
}

#[test]
fn faults_in_the_words_are_their_own_files() {
    let text = "[wechat]\ngreting = \"a\"\nreceipt = \"{numer}\"\n[keywords]\nurge = \"催\"";
    let faults = Site::new("", &[("words.zh-CN.toml", text)]).load().unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    for fault in &faults {
        let key = fault.strip_prefix("words.zh-CN.toml: ").unwrap_or_else(|| panic!("{fault}"));
        assert!(["wechat.greting: ", "wechat.receipt: ", "keywords.urge: "].iter().any(|name| key.starts_with(name)));
    }
    let faults = Site::new("", &[("words.zh-CN.toml", "[wechat\n")]).load().unwrap_err();
    assert!(faults[0].starts_with("words.zh-CN.toml: line 1, column "), "{faults:?}");
    let faults = Site::new("[policy]\nwords = \"gone.toml\"", &[]).load().unwrap_err();
    assert!(faults[0].starts_with("gateway.toml: policy.words: gone.toml cannot be read ("), "{faults:?}");
}

#[tokio::test]
async fn channels_get_the_configured_way_out_and_offline_none() {
    let site = Site::new("[server]\nallow_fetch = [\"localhost\"]", &[]);
    let request = |url: &str| OutRequest {
        method: http::Method::GET,
        url: url.into(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        timeout: Duration::from_secs(5),
        max_answer: 1,
        origin: Origin::Foreign,
    };
    let outcome = async |loaded: &Loaded, url: &str| {
        let (secrets, url) = (SystemSecrets::default(), request(url));
        loaded.outside.setup("app", "http://127.0.0.1", &secrets).http.send(url).await.unwrap_err()
    };
    let loaded = site.load().unwrap();
    assert!(matches!(outcome(&loaded, "http://127.0.0.1:1/").await, SendError::Forbidden(_)));
    assert!(matches!(outcome(&loaded, "http://localhost:1/").await, SendError::NotSent(_)), "excepted, and refused");
    let offline = load_offline(&site.path(), &desks()).unwrap();
    let SendError::NotSent(why) = outcome(&offline, "http://127.0.0.1:1/").await else { panic!("sent") };
    assert!(why.contains("no network"), "{why}");
}

#[test]
fn every_kind_of_redis_is_taken() {
    let several = ["redis-cluster://a:1,b:2", "redis-sentinel://:hidden@a:1,b/leshan/1", "rediss-cluster://a:1"];
    for url in ["redis://127.0.0.1:6379", "rediss://127.0.0.1:6379/1"].iter().chain(&several) {
        let loaded = load_text(&format!("[repeats]\nurl = \"{url}\"")).unwrap();
        assert!(loaded.secrets.repeats_url.is_some(), "{url}");
    }
    let lines = faults("[repeats]\nurl = \"redis://:hidden@\"");
    assert!(lines[0].starts_with("repeats.url: no URL of Redis; write ") && !lines[0].contains("hidden"), "{lines:?}");
}
