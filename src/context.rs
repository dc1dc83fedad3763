//! A node's handle to its cluster: identity, messages, calls, tasks, randomness and time.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rand_core::{Infallible, TryRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::Error;
use crate::backlog::Backlog;
use crate::call::{Call, Calls};
use crate::failure::Failure;
use crate::guard::Guarded;
use crate::hash::stable_hash;
use crate::link::Seams;
use crate::outbox::{Field, Outbox};
use crate::service::{Kv, Tso};
use crate::wire::Init;

/// The name of a node, a client or a service, such as `n1`, `c2` or `lin-kv`.
pub type NodeId = Rc<str>;

/// The default time limit of [`Context::call`].
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// A node's handle to its cluster. Clones are cheap; clone it for futures that outlive a handler.
#[derive(Clone)]
pub struct Context {
    shared: Rc<Shared>,
    sender: NodeId,
}

/// The state that all contexts of one node share.
struct Shared {
    id: NodeId,
    nodes: Rc<[NodeId]>,
    /// Filled when it is first asked for, since it is long in a large cluster.
    peers: OnceCell<Vec<NodeId>>,
    outbox: Rc<Outbox>,
    failure: Rc<Failure>,
    calls: Rc<Calls>,
    call_timeout: Cell<Duration>,
    seams: Seams,
    rng: RefCell<ChaCha8Rng>,
    /// The spawned tasks; `None` once the node has stopped.
    tasks: RefCell<Option<JoinSet<()>>>,
    calls_backlog: Backlog,
    tasks_backlog: Backlog,
}

impl Context {
    pub(crate) fn new(init: Init, outbox: Rc<Outbox>, failure: Rc<Failure>, seams: Seams) -> Self {
        let id = init.node_id;
        let mut rng = ChaCha8Rng::seed_from_u64(seams.seed);
        rng.set_stream(stable_hash(id.as_bytes()));
        let shared = Shared {
            id: id.clone(),
            nodes: init.node_ids.0,
            peers: OnceCell::new(),
            outbox,
            failure,
            calls: Rc::new(Calls::numbered_from(seams.seed)),
            call_timeout: Cell::new(CALL_TIMEOUT),
            seams,
            rng: RefCell::new(rng),
            tasks: RefCell::new(Some(JoinSet::new())),
            calls_backlog: Backlog::new("calls without a reply"),
            tasks_backlog: Backlog::new("spawned tasks"),
        };
        Self {
            shared: Rc::new(shared),
            sender: id,
        }
    }

    /// Returns the context for the handler of a request from `sender`.
    pub(crate) fn of_request(&self, sender: NodeId) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            sender,
        }
    }

    /// Returns the name of this node.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Returns all nodes of the cluster, including this one, in the order of `init`. Every node sees
    /// the same order.
    pub fn nodes(&self) -> &[NodeId] {
        &self.shared.nodes
    }

    /// Returns all nodes except this one, in the order of `init`.
    pub fn peers(&self) -> &[NodeId] {
        let Shared { id, nodes, .. } = &*self.shared;
        let peers = || nodes.iter().filter(|node| *node != id).cloned().collect();
        self.shared.peers.get_or_init(peers)
    }

    /// Returns the sender of the request being handled. Outside of a handler that is this node.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// Sends a message without waiting for a reply. The network may lose it.
    ///
    /// `body` must serialize to an object with a `type`. A body that serializes to `null`, such as
    /// `None` or `()`, sends nothing. A body that cannot be serialized is logged.
    pub fn send<B: Serialize + ?Sized>(&self, dest: &str, body: &B) {
        if let Err(e) = self.push(dest, body, Field::None) {
            self.log(&format!("a message to {dest} cannot be serialized: {e}"));
        }
    }

    /// Sends a request and returns the future of its reply.
    ///
    /// The request is sent immediately, even if the [`Call`] is never awaited. The time limit is one
    /// second unless [`set_call_timeout`](Self::set_call_timeout) has set another.
    ///
    /// # Errors
    ///
    /// - The code of the error reply, if there is one.
    /// - [`ErrorCode::Timeout`] if no reply arrives in time.
    /// - [`ErrorCode::Crash`] if the reply does not deserialize to `R`. The other node may have acted
    ///   on the request, so this error is not definite.
    /// - [`ErrorCode::MalformedRequest`] if `body` cannot be serialized. Nothing was sent then.
    ///
    /// [`ErrorCode::Timeout`]: crate::ErrorCode::Timeout
    /// [`ErrorCode::Crash`]: crate::ErrorCode::Crash
    /// [`ErrorCode::MalformedRequest`]: crate::ErrorCode::MalformedRequest
    pub fn call<R>(&self, dest: &str, body: &(impl Serialize + ?Sized)) -> Call<R> {
        self.call_within(self.shared.call_timeout.get(), dest, body)
    }

    /// Sends a request like [`call`](Self::call), with this time limit instead of the default one.
    pub fn call_within<R>(
        &self,
        timeout: Duration,
        dest: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Call<R> {
        let open = self.shared.calls.open();
        self.shared
            .calls_backlog
            .observe(self.calls_waiting(), |text| self.log(text));
        if let Err(e) = self.push(dest, body, Field::MsgId(open.id)) {
            open.fail(Error::malformed_request(format!(
                "the request cannot be serialized: {e}"
            )));
        }
        Call::new(open, dest, timeout)
    }

    /// Sets the time limit of this node's later [`call`](Self::call)s.
    pub fn set_call_timeout(&self, timeout: Duration) {
        self.shared.call_timeout.set(timeout);
    }

    /// Runs a future concurrently with the handlers. It is cancelled when the node stops. A panic in it
    /// is logged and does not affect the node.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.spawn_guarded(Guarded::new(task));
    }

    fn spawn_guarded(&self, task: Guarded<()>) {
        let Some(tasks) = &mut *self.shared.tasks.borrow_mut() else {
            return;
        };
        while tasks.try_join_next().is_some() {}
        let cx = self.clone();
        tasks.spawn_local(async move {
            if let Err(panic) = task.await {
                cx.log(&format!("a task of {} panicked: {panic}", cx.id()));
            }
        });
        self.shared
            .tasks_backlog
            .observe(tasks.len(), |text| self.log(text));
    }

    /// Stops the node because of an error that it cannot recover from, such as a failed disk.
    ///
    /// Messages sent before this call are still written, later ones are dropped, handlers and tasks are
    /// cancelled, and [`serve`](crate::serve) returns the error. [`run`](crate::run) prints it to
    /// stderr and exits with code 1. Only the first error counts.
    ///
    /// Do not call it for an error of one request: return that from the handler.
    pub fn fail(&self, error: impl Into<Error>) {
        self.shared.outbox.seal();
        self.shared.failure.report(error.into());
    }

    /// Returns this node's random number generator. It may be held across an `.await`.
    pub fn rng(&self) -> Random<'_> {
        Random(&self.shared.rng)
    }

    /// Returns the time since the Unix epoch according to this node's wall clock.
    ///
    /// Clocks of different nodes differ, and a clock may step back. Use it for timestamps only, and
    /// `tokio::time` to measure or wait.
    pub fn wall_clock(&self) -> Duration {
        (self.shared.seams.wall_clock)()
    }

    /// Writes a line to the node's log.
    pub fn log(&self, line: &str) {
        (self.shared.seams.log)(line);
    }

    /// Returns a client of `lin-kv`, Maelstrom's linearizable store: every operation takes effect at
    /// one moment between its call and its reply.
    pub fn lin_kv(&self) -> Kv {
        Kv::new(self.clone(), "lin-kv")
    }

    /// Returns a client of `seq-kv`, Maelstrom's sequentially consistent store.
    ///
    /// A node sees its own writes, and all nodes see all writes in one order. A read may be
    /// **arbitrarily stale** if the node has not written since; a write brings the node up to date.
    pub fn seq_kv(&self) -> Kv {
        Kv::new(self.clone(), "seq-kv")
    }

    /// Returns a client of `lww-kv`, Maelstrom's replicated store in which the last writer wins.
    ///
    /// A read may be stale or go back in time, and a write may be **lost** to a concurrent one. Only
    /// values that tolerate both are safe there.
    pub fn lww_kv(&self) -> Kv {
        Kv::new(self.clone(), "lww-kv")
    }

    /// Returns a client of `lin-tso`, Maelstrom's timestamp oracle.
    pub fn lin_tso(&self) -> Tso {
        Tso::new(self.clone())
    }

    /// Returns the number of this node's calls that have not ended.
    pub fn calls_waiting(&self) -> usize {
        self.shared.calls.len()
    }

    /// Returns the number of replies that arrived after their call had ended.
    pub fn late_replies(&self) -> u64 {
        self.shared.calls.late()
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    pub(crate) fn push<B: Serialize + ?Sized>(
        &self,
        dest: &str,
        body: &B,
        field: Field<'_>,
    ) -> serde_json::Result<()> {
        self.shared.outbox.push(self.id(), dest, body, field)
    }

    /// Cancels all spawned tasks; later ones are dropped at once.
    pub(crate) fn cancel(&self) {
        drop(self.shared.tasks.take());
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id())
            .field("sender", &self.sender)
            .finish()
    }
}

/// A node's random number generator, determined by its seed and its id; see [`Context::rng`].
///
/// Use it through the traits of `rand`, for example `cx.rng().random_range(0..10)`.
pub struct Random<'a>(&'a RefCell<ChaCha8Rng>);

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.borrow_mut().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.borrow_mut().try_next_u64()
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.borrow_mut().try_fill_bytes(dst)
    }
}
