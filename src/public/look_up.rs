//! A citizen asks over HTTP how far their matters are.

use super::Public;
use crate::{channels::Channel, look_up::look_up};
use jiesu_connector::{LookUp, Response};

/// Answers from the store.
pub(super) async fn answer(public: &Public, channel: &Channel, asked: LookUp) -> Response {
    let LookUp { sender, number, answer } = asked;
    let found = look_up(public.store.as_ref(), channel, &sender, number.as_deref()).await;
    answer(found.as_deref().map_err(|refusal| *refusal))
}
