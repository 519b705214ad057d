//! The runtime of everything behind the door: issuing, delivering, replying.
//!
//! Its threads give way to those that take messages in (a higher nice value, setpriority(2)): in a flood the door stays
//! quick, what came in waits on the disk, and the line catches up afterwards.

use futures_util::FutureExt;
use std::{io, thread};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

/// How much it gives way: about a tenth of a core that others want whole.
const NICE: i32 = 10;

/// The runtime; on drop its tasks are cut off where they wait.
pub struct Background(Option<Runtime>);

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .thread_name("line")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs `work` on a thread of its own beside the runtime's, for work that computes or reads more than it waits; ends
    /// when it does.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn alone(
        &self,
        name: &str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        let (ends, ended) = oneshot::channel::<()>();
        let runtime = self.handle().cloned();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ends = ends;
            give_way();
            if let Some(runtime) = runtime {
                runtime.block_on(work);
            }
        })?;
        Ok(ended.map(drop))
    }

    /// To spawn on it.
    pub fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

/// On Linux a thread has a priority of its own. Where it may not be changed, all threads are alike, which is slower in
/// a flood and otherwise the same.
fn give_way() {
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
