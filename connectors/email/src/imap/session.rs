//! One session with a mailbox: search, fetch, and, once it is on the disk, move or mark.

use super::{Company, State, folder, log_in};
use crate::{identity, net::Wire};
use async_imap::{
    error::Error,
    extensions::idle::IdleResponse,
    types::{Flag, Mailbox as Selected},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use jiesu_connector::{Batch, Incoming, Lost, Receipt, Session};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

type Imap = async_imap::Session<Box<dyn Wire>>;

/// The keyword of mail that is stored.
pub(super) const STORED: &str = "$JiesuStored";
/// Mails in one batch, and bytes after which no further one is added.
const BATCH: usize = 50;
const BATCH_BYTES: usize = 8 << 20;
/// A command, at most; and the transfer of one batch.
pub(super) const COMMAND: Duration = Duration::from_secs(30);
const TRANSFER: Duration = Duration::from_secs(300);
/// `IDLE` begins anew after this, and the whole folder is looked at: servers and routers forget quiet connections.
const RENEW: Duration = Duration::from_secs(240);
/// Between searches where there is no `IDLE`.
const POLL: Duration = Duration::from_secs(20);
/// A mailbox, opened.
pub struct Mailbox {
    pub(super) state: Arc<State>,
    /// Away only while it is idle.
    pub(super) imap: Option<Imap>,
    can_idle: bool,
    pub(super) can_move: bool,
    pub(super) can_mark: bool,
    /// Its search is not to be relied on: the flags of all mails are asked for.
    lists: bool,
    validity: u32,
    /// How many mails the folder had when it was opened, until that was compared with what is found.
    exists: Option<usize>,
    selected_at: Instant,
    waiting: VecDeque<u32>,
    /// Stored, and still in the folder.
    pub(super) done: HashSet<u32>,
    batches: u64,
    given: Vec<u32>,
}

pub(super) fn lost(why: impl ToString) -> Lost {
    Lost { why: why.to_string(), retry_after: None }
}

/// A command within its time.
async fn within<T>(limit: Duration, command: impl Future<Output = Result<T, Error>>) -> Result<T, Lost> {
    match timeout(limit, command).await {
        Ok(done) => done.map_err(lost),
        Err(_) => Err(lost("the server does not answer a command")),
    }
}

impl Mailbox {
    /// Logs in and opens the folder.
    pub(super) async fn open(state: Arc<State>) -> Result<Self, Lost> {
        let (imap, capabilities) = log_in::log_in(&state.settings.server).await?;
        let mut mailbox = Self {
            can_idle: capabilities.has_str("IDLE"),
            can_move: capabilities.has_str("MOVE"),
            can_mark: false,
            imap: Some(imap),
            lists: false,
            validity: 0,
            exists: None,
            selected_at: Instant::now(),
            waiting: VecDeque::new(),
            done: HashSet::new(),
            batches: 0,
            given: Vec::new(),
            state,
        };
        mailbox.select().await?;
        Ok(mailbox)
    }

    pub(super) fn imap(&mut self) -> Result<&mut Imap, Lost> {
        self.imap.as_mut().ok_or_else(|| lost("the session broke while it was idle"))
    }

    async fn select(&mut self) -> Result<(), Lost> {
        let name = folder::encode(&self.state.settings.folder);
        let selected: Selected = within(COMMAND, self.imap()?.select(&name)).await.map_err(|lost| Lost {
            why: format!("the folder {:?} cannot be opened: {}", self.state.settings.folder, lost.why),
            // "Unsafe Login" and the like do not pass by trying.
            retry_after: Some(Duration::from_secs(60)).filter(|_| lost.why.starts_with("no response")),
        })?;
        self.can_mark = selected.permanent_flags.iter().any(|flag| {
            *flag == Flag::MayCreate || matches!(flag, Flag::Custom(name) if name.eq_ignore_ascii_case(STORED))
        });
        let validity = selected.uid_validity.unwrap_or_default();
        if validity != self.validity {
            // Another mailbox under the same name: its UIDs mean other mails. What is the same mail is known by its content.
            (self.validity, self.waiting, self.done) = (validity, VecDeque::new(), HashSet::new());
        }
        self.exists = Some(selected.exists as usize);
        self.selected_at = Instant::now();
        Ok(())
    }

    /// How often the whole folder is looked at.
    fn renew(&self) -> Duration {
        RENEW.min(self.state.settings.silent / 2)
    }

    /// Looks at the whole folder.
    async fn search(&mut self) -> Result<(), Lost> {
        if self.selected_at.elapsed() > self.renew() / 2 {
            self.select().await?;
        }
        let known = self.remembered().await;
        while self.imap()?.unsolicited_responses.try_recv().is_ok() {}
        let (mut found, unseen) = self.unmarked().await?;
        found.retain(|uid| !self.done.contains(uid) && *uid > known);
        found.sort_unstable();
        let waiting = found.len();
        found.retain(|uid| self.state.company((self.validity, *uid)) != Company::Left);
        self.state.alive(waiting, waiting - found.len(), unseen);
        self.waiting = found.into();
        Ok(())
    }

    /// The mails that are not marked as stored; and, if that was looked at, how many more the server only counts. Where its
    /// search is refused, or shows none of those that there are, it is asked for the flags of all mails instead.
    async fn unmarked(&mut self) -> Result<(Vec<u32>, Option<usize>), Lost> {
        let mut refused = self.lists;
        if !refused {
            let exists = self.exists.take();
            let imap = self.imap()?;
            match timeout(COMMAND, imap.uid_search(format!("UNKEYWORD {STORED}"))).await {
                Ok(Ok(found)) if !found.is_empty() || exists.is_none() => {
                    return Ok((found.into_iter().collect(), None));
                }
                Ok(Ok(_)) => {
                    let marked = within(COMMAND, imap.uid_search(format!("KEYWORD {STORED}"))).await?;
                    if Some(marked.len()) >= exists {
                        return Ok((Vec::new(), Some(0)));
                    }
                }
                Ok(Err(Error::No(_) | Error::Bad(_))) => refused = true,
                Ok(Err(error)) => return Err(lost(error)),
                Err(_) => return Err(lost("the server does not answer a search")),
            }
            // Somebody may have moved mail meanwhile: count anew.
            self.select().await?;
        }
        let exists = self.exists.take();
        let imap = self.imap()?;
        let asked = async { imap.uid_fetch("1:*", "(UID FLAGS)").await?.try_collect::<Vec<_>>().await };
        let all = match timeout(COMMAND, asked).await {
            Ok(Ok(all)) => all,
            // Servers refuse the list of an empty folder.
            Ok(Err(Error::No(_) | Error::Bad(_))) => Vec::new(),
            Ok(Err(error)) => return Err(lost(error)),
            Err(_) => return Err(lost("the server does not answer a list")),
        };
        let marked = |flag: &Flag<'_>| matches!(flag, Flag::Custom(name) if name.eq_ignore_ascii_case(STORED));
        let shown = all.iter().filter(|mail| mail.uid.is_some()).count();
        let unmarked = all.iter().filter(|mail| !mail.flags().any(|flag| marked(&flag)));
        let found: Vec<u32> = unmarked.filter_map(|mail| mail.uid).collect();
        self.lists = refused || !found.is_empty();
        Ok((found, exists.map(|exists| exists.saturating_sub(shown))))
    }

    pub(super) fn memory_key(&self) -> String {
        format!("email/{}/{}/stored", self.state.settings.channel, self.validity)
    }

    /// Up to which UID everything is stored, where the server keeps no marks.
    async fn remembered(&self) -> u32 {
        if self.can_mark {
            return 0;
        }
        let held = self.state.settings.shared.get(&self.memory_key()).await.ok().flatten();
        held.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The next mails in their order, as many as go together.
    async fn fetch(&mut self) -> Result<Vec<Incoming>, Lost> {
        let validity = self.validity;
        let candidates: Vec<u32> = self.waiting.iter().copied().take(BATCH).collect();
        let sizes = self.sizes(&candidates).await?;
        let (mut chosen, mut bytes) = (Vec::new(), 0);
        for uid in candidates {
            // Somebody else has taken it away meanwhile.
            let Some(size) = sizes.get(&uid) else {
                self.waiting.retain(|waiting| *waiting != uid);
                continue;
            };
            let alone = self.state.company((validity, uid)) == Company::Alone;
            if !chosen.is_empty() && (bytes + size > BATCH_BYTES || alone) {
                break;
            }
            bytes += size;
            chosen.push(uid);
            if alone || bytes > BATCH_BYTES {
                break;
            }
        }
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        self.waiting.retain(|waiting| !chosen.contains(waiting));
        let names: Vec<(u32, u32)> = chosen.iter().map(|uid| (validity, *uid)).collect();
        self.state.begin(&names);
        let bodies = self.bodies(&chosen, &sizes).await?;
        self.state.end();
        self.given = bodies.keys().copied().collect();
        let mut messages = Vec::with_capacity(bodies.len());
        for (uid, body) in bodies {
            let verifier = self.state.settings.verifier.clone();
            let findings = match verifier {
                Some(verifier) => verifier.findings(&body, None).await,
                None => Vec::new(),
            };
            messages.push(self.incoming(uid, body, &sizes, findings));
        }
        Ok(messages)
    }

    async fn sizes(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, usize>, Lost> {
        let set = set(uids);
        let imap = self.imap()?;
        let asked = async { imap.uid_fetch(&set, "(UID RFC822.SIZE)").await?.try_collect::<Vec<_>>().await };
        let answers = within(COMMAND, asked).await?;
        Ok(answers.iter().filter_map(|answer| Some((answer.uid?, answer.size? as usize))).collect())
    }

    /// Of a mail that is too large the beginning, which holds the words; the rest stays in the mailbox.
    async fn bodies(&mut self, uids: &[u32], sizes: &BTreeMap<u32, usize>) -> Result<BTreeMap<u32, Bytes>, Lost> {
        let max = self.state.settings.max_size;
        let large = uids.iter().any(|uid| sizes.get(uid).is_some_and(|size| *size > max));
        let query = if large { format!("(UID BODY.PEEK[]<0.{max}>)") } else { "(UID BODY.PEEK[])".into() };
        let set = set(uids);
        let imap = self.imap()?;
        let asked = async {
            let mut bodies = BTreeMap::new();
            let mut answers = imap.uid_fetch(&set, &query).await?;
            while let Some(answer) = answers.try_next().await? {
                if let (Some(uid), Some(body)) = (answer.uid, answer.body()) {
                    bodies.insert(uid, Bytes::copy_from_slice(body));
                }
            }
            Ok(bodies)
        };
        within(TRANSFER, asked).await
    }

    fn incoming(
        &self,
        uid: u32,
        body: Bytes,
        sizes: &BTreeMap<u32, usize>,
        findings: Vec<(String, String)>,
    ) -> Incoming {
        let mut meta: BTreeMap<String, String> = findings.into_iter().collect();
        if let Some(size) = sizes.get(&uid).filter(|size| **size > self.state.settings.max_size) {
            meta.insert(identity::WHOLE_SIZE.to_owned(), size.to_string());
        }
        identity::incoming(body, meta, Some(format!("{}/{uid}", self.validity)))
    }

    /// Waits until something has changed, or it is time to look.
    async fn wait(&mut self) -> Result<(), Lost> {
        if !self.can_idle {
            sleep(POLL.min(self.renew())).await;
            return within(COMMAND, self.imap()?.noop()).await;
        }
        let renew = self.renew();
        let Some(imap) = self.imap.take() else { return Err(lost("the session broke while it was idle")) };
        let mut idle = imap.idle();
        within(COMMAND, idle.init()).await?;
        {
            let (changed, _interrupt) = idle.wait_with_timeout(renew);
            // A server that says every minute that it is still there must not keep us from looking.
            match timeout(renew, changed).await {
                Ok(Ok(IdleResponse::ManualInterrupt)) => return Err(lost("the server closed the session")),
                Ok(Err(error)) => return Err(lost(error)),
                Ok(Ok(_)) | Err(_) => {}
            }
        }
        self.imap = Some(within(COMMAND, idle.done()).await?);
        Ok(())
    }
}

/// A sequence set.
pub(super) fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[async_trait]
impl Session for Mailbox {
    async fn next(&mut self) -> Result<Batch, Lost> {
        let state = Arc::clone(&self.state);
        self.batch().await.map_err(|lost| state.lost(lost))
    }

    async fn acknowledge(&mut self, _: u64, _: &[Receipt]) -> Result<(), Lost> {
        let (given, state) = (std::mem::take(&mut self.given), Arc::clone(&self.state));
        self.settle(&given).await.map_err(|lost| state.lost(lost))
    }

    async fn close(mut self: Box<Self>) {
        if let Some(mut imap) = self.imap.take() {
            let _ = timeout(Duration::from_secs(1), imap.logout()).await;
        }
    }
}

impl Mailbox {
    /// Waits for the next mails.
    async fn batch(&mut self) -> Result<Batch, Lost> {
        let mut looked = false;
        loop {
            if self.waiting.is_empty() && looked {
                self.wait().await?;
                looked = false;
            }
            if self.waiting.is_empty() {
                self.search().await?;
                looked = true;
                continue;
            }
            let messages = self.fetch().await?;
            if !messages.is_empty() {
                self.batches += 1;
                return Ok(Batch { id: self.batches, messages });
            }
        }
    }
}
