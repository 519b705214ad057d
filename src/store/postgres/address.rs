//! Where the database is, and how it is reached.

use jiesu_connector::Secret;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{fmt, net::IpAddr, path::Path, sync::Arc, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use tokio_postgres_rustls::MakeRustlsConnect;

const EXAMPLE: &str = "it must be such as postgres://jiesu@127.0.0.1:5432/jiesu";
/// What may stand behind the `?`.
const PARAMETERS: [&str; 4] = ["application_name", "host", "sslmode", "sslrootcert"];

/// What is wrong with an address, and what would be right; never the address itself, which may carry a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(String);

/// Where the database is. Shows no password.
#[derive(Clone)]
pub struct Address {
    config: Arc<Config>,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Of a `postgres://` URL and a password that does not stand in it.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn new(url: &Secret, password: Option<&Secret>) -> Result<Self, BadAddress> {
        let bad = |what: String| Err(BadAddress(what));
        let url = url.expose();
        if !Self::is_one(url) {
            return bad(format!("no URL of PostgreSQL; {EXAMPLE}"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut encrypted, mut roots, mut passed) = (None, None, form_urlencoded::Serializer::new(String::new()));
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "sslmode" => {
                    encrypted = Some(match &*value {
                        "disable" => false,
                        "require" | "verify-ca" | "verify-full" => true,
                        _ => return bad("`sslmode` must be disable, require or verify-full".into()),
                    });
                }
                "sslrootcert" => roots = Some(value.into_owned()),
                _ if PARAMETERS.contains(&&*name) => _ = passed.append_pair(&name, &value),
                _ => return bad(format!("unknown parameter `{name}`; known are {}", PARAMETERS.join(", "))),
            }
        }
        let passed = passed.finish().replace('+', "%20");
        let parsed = format!("{base}?{passed}").parse::<Config>();
        let Ok(mut config) = parsed else { return bad(format!("no URL of PostgreSQL; {EXAMPLE}")) };
        if config.get_dbname().is_none_or(str::is_empty) {
            return bad(format!("names no database; {EXAMPLE}"));
        }
        if config.get_hosts().is_empty() {
            return bad(format!("names no host; {EXAMPLE}"));
        }
        if let Some(password) = password {
            if config.get_password().is_some() {
                return bad("carries a password, and `store.password` is another; leave one of them out".into());
            }
            config.password(password.expose());
        }
        if config.get_application_name().is_none() {
            config.application_name("jiesu");
        }
        let tls = match (encrypted.unwrap_or(false), &roots) {
            (true, roots) => Some(tls(roots.as_deref().map(Path::new)).map_err(BadAddress)?),
            (false, Some(_)) => return bad("`sslrootcert` without TLS; add sslmode=verify-full".into()),
            (false, None) => None,
        };
        config
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(Duration::from_secs(3))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15));
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self { config: Arc::new(config), tls })
    }

    /// Whether a text has the scheme of one.
    pub fn is_one(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    /// Whether a URL carries a password.
    pub fn has_password(url: &str) -> bool {
        url.parse::<Config>().map_or_else(
            // With a parameter that is not the parser's: by its form.
            |_| {
                url.split_once("://")
                    .and_then(|(_, rest)| rest.split_once('@'))
                    .is_some_and(|(who, _)| who.contains(':'))
            },
            |config| config.get_password().is_some(),
        )
    }

    /// Whether what goes to the database can be read on the way.
    pub fn is_in_the_clear(&self) -> bool {
        let local = |host: &Host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
            Host::Unix(_) => true,
        };
        self.tls.is_none() && !self.config.get_hosts().iter().all(local)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<&MakeRustlsConnect> {
        self.tls.as_ref()
    }
}

/// The certificate and the name in it are always looked at.
fn tls(roots: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let mut store = RootCertStore { roots: Vec::new() };
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |what: &dyn fmt::Display| {
                format!("`sslrootcert` {} ({what}); it must be a file of certificates in PEM", path.display())
            };
            let text = std::fs::read(path).map_err(|error| wrong(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                store.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
            if store.is_empty() {
                return Err(wrong(&"holds none"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(store).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let ports = self.config.get_ports();
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
