//! Whether Redis is set up so that it keeps what it is given.

use super::{INDEX, Redis};
use jiesu_connector::SharedError;
use redis::cmd;

/// Asks the node that holds the index, also in a cluster.
const MEMORY: &str = "return redis.call('INFO', 'memory')";

impl Redis {
    /// What should be changed about Redis, in words.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn advice(&self) -> Result<Vec<String>, SharedError> {
        let mut info = cmd("EVAL");
        info.arg(MEMORY).arg(1).arg(format!("{{{INDEX}}}"));
        let info: String = self.quietly(&info).await?;
        let get = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let mut advice = Vec::new();
        let policy = get("maxmemory_policy");
        if !policy.is_empty() && policy != "noeviction" {
            advice.push(format!(
                "Redis has maxmemory-policy {policy}: it may drop parts of the repeat index without a word, and repeats are \
                 then not found; set it to noeviction"
            ));
        }
        if get("maxmemory") == "0" {
            advice.push(
                "Redis has no maxmemory: it takes all the memory that there is; set maxmemory (an appeal takes less than \
                 1 kB), with maxmemory-policy noeviction"
                    .to_owned(),
            );
        }
        Ok(advice)
    }
}
