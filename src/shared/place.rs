//! Where Redis is: a single one, one behind sentinels, or a cluster.

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisResult, TlsMode,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use std::time::Duration;

/// The name under which sentinels know the primary, unless the URL has one.
const USUAL_NAME: &str = "mymaster";
/// The port of sentinels, unless the URL has one.
const SENTINEL_PORT: u16 = 26_379;

/// Where Redis is. Opens nothing by itself.
pub(super) enum Place {
    Single(Client),
    Sentinels(Sentinels),
    Cluster { client: ClusterClient, nodes: String },
}

/// The primary that sentinels name: asked anew for each connection, so that it is the one of now.
pub(super) struct Sentinels {
    addresses: Vec<ConnectionAddr>,
    name: String,
    db: i64,
    user: Option<String>,
    password: Option<String>,
    tls: bool,
    shown: String,
}

/// A connection that all callers share.
#[derive(Clone)]
pub(super) enum Line {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Line {
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

impl Place {
    /// `redis://`, `rediss://`, `redis-sentinel://[[user]:password@]a:26379,b[/NAME[/DB]]`,
    /// `redis-cluster://[[user]:password@]a:6379,b`; the last two also with `rediss` for TLS.
    pub(super) fn of(url: &str, patience: Duration) -> Option<Self> {
        let Some((scheme, rest)) = url.split_once("://") else { return None };
        let tls = scheme.starts_with("rediss");
        match scheme {
            "redis-cluster" | "rediss-cluster" => {
                let (login, hosts, _) = parts(rest)?;
                let single = if tls { "rediss" } else { "redis" };
                let nodes: Vec<String> = hosts.iter().map(|host| format!("{single}://{login}{host}")).collect();
                let client = ClusterClientBuilder::new(nodes)
                    .connection_timeout(patience)
                    .response_timeout(patience)
                    .retries(1)
                    .build();
                Some(Self::Cluster { client: client.ok()?, nodes: hosts.join(", ") })
            }
            "redis-sentinel" | "rediss-sentinel" => {
                let (login, hosts, path) = parts(rest)?;
                // The library reads names, passwords and addresses as it does those of a single one.
                let info = |host: &str| {
                    let host = if has_port(host) { host.to_owned() } else { format!("{host}:{SENTINEL_PORT}") };
                    format!("redis://{login}{host}").into_connection_info().ok()
                };
                let infos = hosts.iter().map(|host| info(host)).collect::<Option<Vec<_>>>()?;
                let first = infos.first()?.redis_settings().clone();
                let mut path = path.split('/').filter(|part| !part.is_empty());
                let name = path.next().unwrap_or(USUAL_NAME).to_owned();
                let db = path.next().map_or(Some(0), |db| db.parse().ok())?;
                Some(Self::Sentinels(Sentinels {
                    addresses: infos.iter().map(|info| info.addr().clone()).collect(),
                    name,
                    db,
                    user: first.username().map(str::to_owned),
                    password: first.password().map(str::to_owned),
                    tls,
                    shown: hosts.join(", "),
                }))
            }
            _ => Client::open(url).ok().map(Self::Single),
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self, patience: Duration) -> RedisResult<Line> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(patience));
        match self {
            Self::Single(client) => client.get_multiplexed_async_connection_with_config(&config).await.map(Line::One),
            Self::Sentinels(sentinels) => {
                let mut builder = SentinelClientBuilder::new(
                    sentinels.addresses.clone(),
                    &sentinels.name,
                    SentinelServerType::Master,
                )?
                .set_client_to_redis_db(sentinels.db);
                if let Some(user) = &sentinels.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &sentinels.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if sentinels.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                let connection = builder.build()?.get_async_connection_with_config(&config).await?;
                Ok(Line::One(connection))
            }
            Self::Cluster { client, .. } => client.get_async_connection().await.map(Line::Cluster),
        }
    }

    /// Where it is, without what is secret.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Single(client) => client.get_connection_info().addr().to_string(),
            Self::Sentinels(sentinels) => format!("{:?} of the sentinels {}", sentinels.name, sentinels.shown),
            Self::Cluster { nodes, .. } => format!("the cluster {nodes}"),
        }
    }
}

/// The log-in with its `@`, the hosts, and the path.
fn parts(rest: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (login, rest) = rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1));
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let hosts: Vec<&str> = hosts.split(',').map(str::trim).collect();
    hosts.iter().all(|host| !host.is_empty()).then_some((login, hosts, path))
}

fn has_port(host: &str) -> bool {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.contains(':')
}
