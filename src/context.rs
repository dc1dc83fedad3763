//! What a node can do: who it is, whom it knows, and how it reaches them.

use std::cell::{Cell, RefCell};
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
use crate::link::Seams;
use crate::outbox::{Field, Outbox};
use crate::service::{Kv, Tso};
use crate::wire::Init;

/// The name of a node, a client or a service, as in `n1`, `c2`, `lin-kv`.
pub type NodeId = Rc<str>;

/// How long [`Context::call`] waits for a reply, unless the node says otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// A node's view of its world. Cheap to clone, for futures that outlive a handler.
#[derive(Clone)]
pub struct Context {
    shared: Rc<Shared>,
    sender: NodeId,
}

/// What all contexts of a node have in common.
struct Shared {
    id: NodeId,
    nodes: Vec<NodeId>,
    peers: Vec<NodeId>,
    outbox: Rc<Outbox>,
    calls: Rc<Calls>,
    call_timeout: Cell<Duration>,
    seams: Seams,
    rng: RefCell<ChaCha8Rng>,
    /// `None` when the node is gone.
    tasks: RefCell<Option<JoinSet<()>>>,
    failure: Rc<Failure>,
    calls_backlog: Backlog,
    tasks_backlog: Backlog,
}

impl Context {
    pub(crate) fn new(init: Init, outbox: Rc<Outbox>, failure: Rc<Failure>, seams: Seams) -> Self {
        let id = NodeId::from(init.node_id);
        let nodes: Vec<NodeId> = init.node_ids.into_iter().map(NodeId::from).collect();
        let peers = nodes.iter().filter(|node| **node != id).cloned().collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seams.seed);
        rng.set_stream(fnv1a(id.as_bytes()));
        let shared = Shared {
            id: id.clone(),
            nodes,
            peers,
            outbox,
            calls: Rc::new(Calls::numbered_from(seams.seed)),
            call_timeout: Cell::new(CALL_TIMEOUT),
            seams,
            rng: RefCell::new(rng),
            tasks: RefCell::new(Some(JoinSet::new())),
            failure,
            calls_backlog: Backlog::new("calls without a reply"),
            tasks_backlog: Backlog::new("spawned tasks"),
        };
        Self {
            shared: Rc::new(shared),
            sender: id,
        }
    }

    /// The same world, as the handler of a request from `sender` sees it.
    pub(crate) fn of_request(&self, sender: NodeId) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            sender,
        }
    }

    /// This node's name.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// All nodes of the cluster, this one included, in the order of `init`: the same on every node.
    pub fn nodes(&self) -> &[NodeId] {
        &self.shared.nodes
    }

    /// All nodes but this one, in the order of `init`.
    pub fn peers(&self) -> &[NodeId] {
        &self.shared.peers
    }

    /// Who sent the request at hand; outside of a handler, this node.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// Sends a message, and expects nothing. It may be lost on the way.
    ///
    /// `body` must serialise to an object with a `type`; one of `None` or `()` sends nothing, and
    /// one that cannot be serialised is logged.
    pub fn send<B: Serialize + ?Sized>(&self, dest: &str, body: &B) {
        if let Err(e) = self.push(dest, body, Field::None) {
            self.log(&format!("a message to {dest} cannot be written: {e}"));
        }
    }

    /// Sends a request, and waits for the reply for a second, or for
    /// [`set_call_timeout`](Self::set_call_timeout).
    ///
    /// The request is on its way when this returns; await the [`Call`] for its reply. An error
    /// reply is an `Err` with its code; silence is [`ErrorCode::Timeout`]; a reply that is no `R`
    /// is [`ErrorCode::Crash`], since something has been done; and if `body` cannot be serialised,
    /// nothing was sent, and that is [`ErrorCode::MalformedRequest`].
    ///
    /// [`ErrorCode::Timeout`]: crate::ErrorCode::Timeout
    /// [`ErrorCode::Crash`]: crate::ErrorCode::Crash
    /// [`ErrorCode::MalformedRequest`]: crate::ErrorCode::MalformedRequest
    pub fn call<R>(&self, dest: &str, body: &(impl Serialize + ?Sized)) -> Call<R> {
        self.call_within(self.shared.call_timeout.get(), dest, body)
    }

    /// As [`call`](Self::call), with a time limit of its own.
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
                "the request cannot be written: {e}"
            )));
        }
        Call::new(open, dest, timeout)
    }

    /// Changes how long a [`call`](Self::call) of this node waits, from the next one on.
    pub fn set_call_timeout(&self, timeout: Duration) {
        self.shared.call_timeout.set(timeout);
    }

    /// Runs a future beside the handlers. It ends with the node, wherever it may be. If it panics,
    /// that is logged, and the node lives on.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let Some(tasks) = &mut *self.shared.tasks.borrow_mut() else {
            return;
        };
        while tasks.try_join_next().is_some() {}
        let cx = self.clone();
        tasks.spawn_local(async move {
            if let Err(panic) = Guarded::new(task).await {
                cx.log(&format!("a task of {} panicked: {panic}", cx.id()));
            }
        });
        self.shared
            .tasks_backlog
            .observe(tasks.len(), |text| self.log(text));
    }

    /// This node's source of random numbers. May be held across an `.await`.
    pub fn rng(&self) -> Random<'_> {
        Random(&self.shared.rng)
    }

    /// Time since the Unix epoch, as this node's wall clock shows it: not the same on every node,
    /// and it may step back. For anything but timestamps use `tokio::time`.
    pub fn wall_clock(&self) -> Duration {
        (self.shared.seams.wall_clock)()
    }

    /// Writes a line for people into the node's log.
    pub fn log(&self, line: &str) {
        (self.shared.seams.log)(line);
    }

    /// Ends the node with an error: messages sent so far are written, then [`serve`] returns the
    /// error, and a program exits with status 1.
    ///
    /// For a failure after which the node must not go on, such as a failed disk. Returns at once;
    /// only the first error counts.
    ///
    /// [`serve`]: crate::serve
    pub fn fail(&self, error: Error) {
        self.shared.failure.set(error);
    }

    /// Maelstrom's linearizable store: every operation acts at one moment between its call and
    /// its reply.
    pub fn lin_kv(&self) -> Kv {
        Kv::new(self.clone(), "lin-kv")
    }

    /// Maelstrom's sequentially consistent store: a node sees its own writes, and all nodes see
    /// the writes in one order, but a read may be **arbitrarily old** if the node itself has not
    /// changed anything since. Changing something brings it up to date.
    pub fn seq_kv(&self) -> Kv {
        Kv::new(self.clone(), "seq-kv")
    }

    /// Maelstrom's store of replicas where the last writer wins: a read may be old, may step back,
    /// and a write may be **lost** to a concurrent one. Only what merges by itself is safe there.
    pub fn lww_kv(&self) -> Kv {
        Kv::new(self.clone(), "lww-kv")
    }

    /// Maelstrom's source of timestamps.
    pub fn lin_tso(&self) -> Tso {
        Tso::new(self.clone())
    }

    /// Calls of this node that wait for a reply.
    pub fn calls_waiting(&self) -> usize {
        self.shared.calls.len()
    }

    /// Replies so far that came when nobody waited for them any more.
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

    /// Cancels what has been spawned, and spawns no more.
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

/// A node's source of random numbers, which its seed and its id determine; see [`Context::rng`].
///
/// Use it through `rand`'s traits, as in `cx.rng().random_range(0..10)`.
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

/// The hash of Fowler, Noll and Vo: the same in every build, unlike the standard library's.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
