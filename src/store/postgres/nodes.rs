//! What the nodes leave for each other.

use super::{
    PostgresStore,
    fail::Fail,
    link::{Link, Text},
    log::NOW,
    tx::Tx,
};
use crate::store::{Nodes, Order, Result, Signal};
use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::time::Duration;

#[async_trait]
impl Nodes for PostgresStore {
    async fn say(&self, node: &str, standing: String, ttl: Duration) -> Result<()> {
        let node = node.to_owned();
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 2);
        self.home.aside.read(move |link| async move { say(link, &node, &standing, ttl).await }.boxed()).await
    }

    async fn said(&self) -> Result<Vec<String>> {
        self.read(|link| said(link).boxed()).await
    }

    async fn order(&self, resource: &str, what: &str) -> Result<()> {
        let (resource, what) = (resource.to_owned(), what.to_owned());
        let order = async move |tx: &Tx<'_>| {
            tx.tell(Signal::Desk);
            let sql = "INSERT INTO node_order (resource, what) VALUES ($1, $2)";
            tx.execute(sql, &[&Text(&resource), &Text(&what)]).await.map(drop)
        };
        self.write(order).await
    }

    async fn orders(&self, resource: &str) -> Result<Vec<Order>> {
        let resource = resource.to_owned();
        self.read(move |link| async move { orders(link, &resource).await }.boxed()).await
    }

    async fn order_done(&self, id: i64) -> Result<()> {
        let sql = "DELETE FROM node_order WHERE id = $1";
        self.write(async move |tx: &Tx<'_>| tx.execute(sql, &[&id]).await.map(drop)).await
    }

    async fn clock(&self) -> Result<Timestamp> {
        let sql = format!("SELECT {NOW}");
        let now = self.home.aside.read(move |link| async move { link.one::<i64>(&sql, &[]).await }.boxed()).await?;
        Ok(Timestamp::from_millisecond(now).unwrap_or_default())
    }
}

async fn say(link: &Link, node: &str, standing: &str, ttl: i64) -> Result<(), Fail> {
    // An hour later nobody asks who it was.
    link.execute(&format!("DELETE FROM standing WHERE until < {NOW} - 3600000"), &[]).await?;
    let sql = format!(
        "INSERT INTO standing VALUES ($1, $2, {NOW} + $3)
         ON CONFLICT (node) DO UPDATE SET said = excluded.said, until = excluded.until"
    );
    link.execute(&sql, &[&Text(node), &Text(standing), &ttl]).await.map(drop)
}

async fn said(link: &Link) -> Result<Vec<String>, Fail> {
    let sql = format!("SELECT said FROM standing WHERE until > {NOW} ORDER BY node");
    link.rows(&sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn orders(link: &Link, resource: &str) -> Result<Vec<Order>, Fail> {
    let sql = "SELECT id, what FROM node_order WHERE resource = $1 ORDER BY id LIMIT 100";
    let rows = link.rows(sql, &[&Text(resource)]).await?;
    rows.iter().map(|row| Ok(Order { id: row.try_get(0)?, what: row.try_get(1)? })).collect()
}
