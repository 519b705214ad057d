//! What channels find out in the shared memory, where that is the memory of this process.

use jiesu_connector::{Reception, Rejection};
use std::task::{Context, Poll, Waker};

/// What was received, once the shared memory has been asked ([`Reception::Ask`]).
///
/// # Panics
/// The memory does not answer at once: it is not that of this process.
pub fn settled(received: Result<Reception, Rejection>) -> Result<Reception, Rejection> {
    let Ok(Reception::Ask(mut asked)) = received else { return received };
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(received) => settled(received),
        Poll::Pending => panic!("the memory of this process answers at once"),
    }
}
