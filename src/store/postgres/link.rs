//! One connection: made, set up, and asked.

use super::{address::Address, fail::Fail};
use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{
    AsyncMessage, Client, Connection, NoTls, Notification, Row, Statement,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

/// For a connection, its log-in, and its settings.
const CONNECT: Duration = Duration::from_secs(5);

/// What every session is told. Plans are the same at every size, by index and by nested loops, as the queries were written
/// for: a plan that was made while a table was nearly empty must not be kept for the day of the flood. A node that hangs in
/// the middle of a transaction must not hold up the others for long.
const SESSION: &str = "
    SELECT set_config(wanted.name, wanted.setting, false) FROM (VALUES
        ('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END),
        ('statement_timeout', '30s'), ('lock_timeout', '15s'), ('idle_in_transaction_session_timeout', '5s'),
        ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'),
        ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
        ('enable_bitmapscan', 'off'), ('enable_material', 'off'), ('max_parallel_workers_per_gather', '0'), ('jit', 'off'),
        ('plan_cache_mode', 'force_generic_plan')
    ) AS wanted (name, setting) JOIN pg_settings ON pg_settings.name = wanted.name
    WHERE pg_settings.name NOT LIKE 'tcp_%' OR inet_client_addr() IS NOT NULL";

/// What a statement is given.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One connection.
pub(super) struct Link {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
    driver: JoinHandle<()>,
    /// The server's process behind it.
    pub(super) process: i32,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Connects.
    pub(super) async fn open(address: &Address) -> Result<Self, Fail> {
        Self::listening(address, drop).await
    }

    /// Connects, and gives what is notified to `heard`.
    pub(super) async fn listening(
        address: &Address,
        heard: impl FnMut(Notification) + Send + 'static,
    ) -> Result<Self, Fail> {
        let open = async {
            let (client, driver) = match address.tls() {
                Some(tls) => {
                    let (client, connection) = address.config().connect(tls.clone()).await?;
                    (client, tokio::spawn(drive(connection, heard)))
                }
                None => {
                    let (client, connection) = address.config().connect(NoTls).await?;
                    (client, tokio::spawn(drive(connection, heard)))
                }
            };
            let mut link = Self { client, statements: Mutex::default(), driver, process: 0 };
            link.client.batch_execute(SESSION).await?;
            let row = link.client.query_one("SELECT pg_backend_pid()", &[]).await?;
            link.process = row.try_get(0)?;
            Ok(link)
        };
        let opened = timeout(CONNECT, open).await.unwrap_or_else(|_| Err(Fail::silent()));
        // What is wrong with a connection that was never there is wrong with nothing else.
        opened.map_err(|fail: Fail| Fail::Lost(format!("{address}: {}", fail.text())))
    }

    /// Whether it is broken already.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// For statements that go out one behind the other.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A statement, prepared once.
    pub(super) async fn prepare(&self, sql: &str) -> Result<Statement, Fail> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = self.client.prepare(sql).await?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(statements.entry(sql.to_owned()).or_insert(statement).clone())
    }

    /// All rows.
    pub(super) async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fail> {
        Ok(self.client.query(&self.prepare(sql).await?, values).await?)
    }

    /// The first row, if there is one.
    pub(super) async fn row(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Fail> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// The first column of the one row that such a question always has.
    pub(super) async fn one<T>(&self, sql: &str, values: Values<'_>) -> Result<T, Fail>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        Ok(self.client.query_one(&self.prepare(sql).await?, values).await?.try_get(0)?)
    }

    /// How many rows it touched.
    pub(super) async fn execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Fail> {
        Ok(self.client.execute(&self.prepare(sql).await?, values).await?)
    }

    /// Statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fail> {
        Ok(self.client.batch_execute(sql).await?)
    }
}

/// Carries a connection's bytes until it ends.
async fn drive<S, T>(mut connection: Connection<S, T>, mut heard: impl FnMut(Notification))
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message {
            heard(notification);
        }
    }
}

/// A text for the database, which knows no NUL: it becomes the sign for what cannot be shown (U+FFFD), in what is stored
/// and in what is looked up alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<T>(pub(super) T);

impl<T: AsRef<str> + std::fmt::Debug> ToSql for Text<T> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let text = self.0.as_ref();
        match text.contains('\0') {
            true => text.replace('\0', "\u{fffd}").to_sql(kind, out),
            false => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        <&str as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}
