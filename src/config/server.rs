//! `[server]`: the public listener.

use super::{ByteSize, Cidr, FetchRule, HttpUrl, TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
};

/// The public listener, where citizens and channels come in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where citizens and channels come in; port 0 takes any free port.
    pub listen: SocketAddr,
    /// What channels and citizens are told; `http://` and the listen address unless given.
    #[schemars(example = "http://127.0.0.1:8080")]
    pub public_url: Option<HttpUrl>,
    /// The city: events then come from `jiesu/NAME`.
    #[schemars(example = &"leshan")]
    pub name: Option<String>,
    /// The largest request body.
    pub max_body: ByteSize,
    /// The most connections at a time.
    pub max_connections: NonZeroU32,
    /// Where local days and deadlines are counted.
    pub timezone: TimeZone,
    /// Hosts or networks that media may be fetched from although the address filter would refuse.
    pub allow_fetch: Vec<FetchRule>,
    /// Proxies before the gateway, as networks: only their `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            name: None,
            max_body: ByteSize::mib(10),
            max_connections: NonZeroU32::new(10_000).unwrap_or(NonZeroU32::MIN),
            timezone: TimeZone::default(),
            allow_fetch: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Server {
    /// The public base URL without a trailing slash, for a gateway that listens on `bound` (which differs from
    /// `listen` when that has port 0).
    pub fn public_url(&self, bound: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.base().to_string();
        }
        let ip = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, bound.port()))
    }

    /// The CloudEvents `source`: `jiesu`, or `jiesu/NAME`.
    pub fn source(&self) -> String {
        self.name.as_ref().map_or_else(|| "jiesu".into(), |name| format!("jiesu/{name}"))
    }
}
