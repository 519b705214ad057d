//! The address filter against SSRF: whoever names an address in a message does not look around in our network with it.

use super::address::is_public;
use crate::config::FetchRule;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// What a message may make us fetch from: public addresses, and what `[server] allow_fetch` names.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter(Arc<[FetchRule]>);

impl Filter {
    pub fn new(allowed: &[FetchRule]) -> Self {
        Self(allowed.into())
    }

    /// Whether `url` may be asked at all, as far as can be told before its name is resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused("only http and https are fetched".into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused("it carries a user or a password".into()));
        }
        // An address in the URL is never resolved: the connector goes past the resolver.
        let host = url.host_str().ok_or_else(|| Refused("it has no host".into()))?;
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.check_address(address),
            Err(_) if is_local(host) && !self.allows_host(host) => Err(Refused(format!("{host} is this machine"))),
            Err(_) => Ok(()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        let allows = |rule: &FetchRule| matches!(rule, FetchRule::Network(network) if network.contains(address));
        if is_public(address) || self.0.iter().any(allows) {
            Ok(())
        } else {
            Err(Refused(format!("{address} is not public; `[server] allow_fetch` would except it")))
        }
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|rule| matches!(rule, FetchRule::Host(allowed) if *allowed == host))
    }
}

/// Names that always mean this machine (RFC 6761, section 6.3), whatever a resolver makes of them.
fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Looks a name up once, for the connection itself, so that no second answer can differ from the one that was checked.
impl Resolve for Filter {
    fn resolve(&self, name: Name) -> Resolving {
        let filter = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            if !filter.allows_host(name.as_str()) {
                // One bad address among good ones is no accident.
                found.iter().try_for_each(|address| filter.check_address(address.ip()))?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Why an address is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}
