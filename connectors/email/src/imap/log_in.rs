//! From nothing to a session that is logged in.

use crate::{
    config::Server,
    net::{self, Tls, Wire},
};
use async_imap::{Client, Session, types::Capabilities};
use jiesu_connector::Lost;
use std::{io, time::Duration};

/// Providers lock accounts that log in often, or wrongly.
const REFUSED: Duration = Duration::from_secs(120);

/// What we say that we are: 163 and others let nobody in who does not (RFC 2971).
const IDENTITY: [(&str, Option<&str>); 4] = [
    ("name", Some("jiesu")),
    ("version", Some(env!("CARGO_PKG_VERSION"))),
    ("vendor", Some("jiesu")),
    ("support-email", Some("postmaster@localhost")),
];

/// A session that is logged in, and what its server can do.
///
/// # Errors
/// No connection, no encryption, or the log-in is refused.
pub async fn log_in(server: &Server) -> Result<(Session<Box<dyn Wire>>, Capabilities), Lost> {
    let lost = |what: &str, error: &dyn std::fmt::Display| Lost {
        why: format!("{what} {} port {}: {error}", server.host, server.port),
        retry_after: None,
    };
    let mut client = connect(server).await.map_err(|error| lost("no connection to", &error))?;
    let (username, password) =
        server.login.as_ref().map_or(("", ""), |(name, secret)| (name.as_str(), secret.expose()));
    let mut session = match client.login(username, password).await {
        Ok(session) => session,
        Err((async_imap::error::Error::No(words), _)) => {
            let hint = "; at QQ and 163 the password is the 授权码, and IMAP must be switched on";
            let why = format!("{} refuses the log-in as {username}: {words}{hint}", server.host);
            return Err(Lost { why, retry_after: Some(REFUSED) });
        }
        Err((error, back)) => {
            client = back;
            drop(client);
            return Err(lost("the log-in failed at", &error));
        }
    };
    // After the log-in: before it servers tell less.
    let capabilities = session.capabilities().await.map_err(|error| lost("no capabilities from", &error))?;
    if capabilities.has_str("ID") {
        let _ = session.id(IDENTITY).await.map_err(|error| lost("no identity to", &error))?;
    }
    Ok((session, capabilities))
}

async fn connect(server: &Server) -> io::Result<Client<Box<dyn Wire>>> {
    let stream: Box<dyn Wire> = Box::new(net::connect(&server.host, server.port).await?);
    let stream = match server.tls {
        Tls::Implicit => net::encrypt(stream, &server.host, server.ca_file.as_deref()).await?,
        Tls::Starttls | Tls::None => stream,
    };
    let mut client = Client::new(stream);
    let greeting = client.read_response().await?;
    if greeting.is_none() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    drop(greeting);
    if server.tls == Tls::Starttls {
        client.run_command_and_check_ok("STARTTLS", None).await.map_err(io::Error::other)?;
        return Ok(Client::new(net::encrypt(client.into_inner(), &server.host, server.ca_file.as_deref()).await?));
    }
    Ok(client)
}
