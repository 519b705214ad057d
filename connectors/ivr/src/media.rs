//! Recordings: fetched from where the platform says, through the gateway's address filter; the log-in is shown only to the
//! hosts that the configuration names.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, header};
use jiesu_connector::{Failure, HttpClient, Media, MediaRef, Origin, Secret, checked_media, get_media, unfetched};
use std::{sync::Arc, time::Duration};

/// A recording that is not there yet, is so soon.
const NOT_YET: Duration = Duration::from_secs(30);

/// Fetches recordings.
pub(crate) struct Recordings {
    pub http: Arc<dyn HttpClient>,
    /// Hosts, lower case, with a port if it is not the scheme's own.
    pub hosts: Vec<String>,
    pub login: Option<Login>,
}

/// A log-in for recordings.
pub(crate) enum Login {
    /// `user:password`.
    Basic(Secret),
    /// Twilio's: the account in the address, and this auth token.
    Account(Secret),
}

#[async_trait]
impl Media for Recordings {
    async fn fetch(&self, media: &MediaRef, max: u64) -> Result<Bytes, Failure> {
        let url = media.0.trim();
        let web = url.split_once(':').is_some_and(|(scheme, rest)| {
            rest.starts_with("//") && (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        });
        if !web {
            return Err(Failure::Refused { why: "the recording's address is neither http nor https".into() });
        }
        let mut request = get_media(url.to_owned(), max, Origin::Foreign);
        if let Some(shown) = self.authorization(url)
            && let Ok(mut value) = HeaderValue::try_from(shown)
        {
            value.set_sensitive(true);
            request.headers.insert(header::AUTHORIZATION, value);
        }
        let response = self.http.send(request).await.map_err(|error| unfetched(error, max))?;
        match response.status.as_u16() {
            // It may not be ready: platforms tell of a recording before they have it.
            404 => Err(Failure::Retry { after: Some(NOT_YET), why: "HTTP 404: it is not there (yet)".into() }),
            410 => Err(Failure::Refused { why: "HTTP 410: it is gone".into() }),
            _ => checked_media(response),
        }
    }
}

impl Recordings {
    fn authorization(&self, url: &str) -> Option<String> {
        let login = self.login.as_ref().filter(|_| self.is_trusted(url))?;
        let credentials = match login {
            Login::Basic(secret) => secret.expose().to_owned(),
            Login::Account(token) => format!("{}:{}", account(url)?, token.expose()),
        };
        Some(format!("Basic {}", STANDARD.encode(credentials)))
    }

    /// Read as strictly as can be: whatever could be read in two ways is not trusted.
    fn is_trusted(&self, url: &str) -> bool {
        let Some((_, rest)) = url.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
        plain && self.hosts.iter().any(|host| host.eq_ignore_ascii_case(authority))
    }
}

/// `…/Accounts/AC…/Recordings/…`
fn account(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/Accounts/")?;
    let account = rest.split(['/', '?', '#']).next()?;
    (account.len() == 34 && account.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::Offline;

    #[test]
    fn the_log_in_is_shown_to_the_named_hosts_only_however_others_are_spelled() {
        let recordings = Recordings {
            http: Arc::new(Offline),
            hosts: vec!["api.twilio.com".into(), "pbx.example:8443".into()],
            login: Some(Login::Basic(Secret::new("u:p"))),
        };
        let shown = |url: &str| recordings.authorization(url).is_some();
        assert!(shown("https://api.twilio.com/2010-04-01/x") && shown("https://API.twilio.com"));
        assert!(shown("https://pbx.example:8443/x") && !shown("https://pbx.example/x"));
        for url in [
            "https://api.twilio.com.evil.example/x",
            "https://evil.example/api.twilio.com",
            "https://api.twilio.com@evil.example/",
            "https://evil.example#@api.twilio.com/",
            "https://evil.example\\@api.twilio.com/",
            "https://api.twilio.com\\.evil.example/",
            "https://api.twilio.com:444/",
            "https://api%2etwilio.com/",
            "https://аpi.twilio.com/",
        ] {
            assert!(!shown(url), "{url}");
        }
        let account = |url: &str| super::account(url).map(str::to_owned);
        let good = format!("https://api.twilio.com/2010-04-01/Accounts/AC{}/Recordings/RE1", "0".repeat(32));
        assert_eq!(account(&good), Some(format!("AC{}", "0".repeat(32))));
        assert_eq!(account("https://api.twilio.com/Accounts/a:b/x"), None);
    }
}
