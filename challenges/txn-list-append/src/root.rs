//! The second implementation: an immutable tree in a service, and a pointer to its root.
//!
//! A leaf holds the lists of some keys and never changes: a change writes a new leaf under a new
//! name. The root, under the only key that changes, names the leaves. A transaction reads the root
//! and leaves, writes new leaves, which are not yet visible, and then swaps the root with a
//! compare-and-set. At that moment it takes effect. If another node has swapped the root before, the
//! transaction had no effect and is executed again on the new root.
//!
//! Leaves never change, so they can be cached without limit of time. A successful swap proves that
//! the root *was* current, so transactions that end in a swap can start from a cached root.
//! Transactions that arrive during a commit wait and are committed together by the next swap.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use glomers::prelude::*;
use glomers::{Kv, stable_hash};
use raft::StateMachine;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use crate::lists::{Lists, MicroOp, Transaction, is_read_only};
use crate::{REQUEST_TIMEOUT, Reply};

/// Number of leaves. More leaves make each write smaller and the root larger.
const LEAVES: usize = 64;

/// The only key whose value changes.
const ROOT: &str = "root";

/// Number of swaps lost to other nodes in a row after which a batch fails.
const MAX_RACES: u32 = 100;

/// The names of the leaves by number; a leaf that was never written has no name.
type Root = BTreeMap<usize, String>;

/// A node that stores only a cache.
#[derive(Default)]
pub struct OnRoot {
    waiting: RefCell<Vec<Waiting>>,
    wake: Notify,
    /// The root that this node read or wrote last; `None` if there was none.
    root: RefCell<Option<Root>>,
    leaves: RefCell<BTreeMap<String, Lists>>,
    /// Random number in the names of leaves, which makes them unique among restarts of this node.
    nonce: Cell<u64>,
    /// Number of names created so far.
    named: Cell<u64>,
}

struct Waiting {
    txn: Transaction,
    client: oneshot::Sender<Result<Transaction>>,
}

/// A request of a client.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Executes a transaction.
    Txn {
        /// Its micro-operations; the values of reads are `null`.
        txn: Transaction,
    },
}

glomers::compile_once!(OnRoot);

impl Node for OnRoot {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Txn { txn }: Request, _: &Context) -> Result<Reply> {
        let (client, outcome) = oneshot::channel();
        self.waiting.borrow_mut().push(Waiting { txn, client });
        self.wake.notify_one();
        let unknown = |_| Error::crash("the batch ended without an outcome");
        let txn = outcome.await.map_err(unknown)??;
        Ok(Reply::TxnOk { txn })
    }

    async fn background(&self, cx: &Context) {
        self.nonce.set(cx.rng().random());
        let store = cx.lin_kv().within(REQUEST_TIMEOUT);
        loop {
            self.wake.notified().await;
            let batch = self.waiting.take();
            let txns: Vec<&Transaction> = batch.iter().map(|waiting| &waiting.txn).collect();
            let start = Instant::now();
            let outcome = self.commit(cx, &store, &txns).await;
            let effort = start.elapsed();
            for (i, waiting) in batch.into_iter().enumerate() {
                let outcome = outcome.as_ref().map(|txns| txns[i].clone());
                // The client may have given up.
                let _ = waiting.client.send(outcome.map_err(Clone::clone));
            }
            // The node that swapped the root knows the new one and would win every following race.
            // A pause gives other nodes a chance, and the next batch grows meanwhile.
            let others = cx.peers().len() as f64;
            sleep(effort.mul_f64(others * cx.rng().random_range(0.0..2.0))).await;
        }
    }
}

impl OnRoot {
    /// Executes transactions in order and commits them with one swap.
    async fn commit(
        &self,
        cx: &Context,
        store: &Kv,
        txns: &[&Transaction],
    ) -> Result<Vec<Transaction>> {
        if txns.iter().all(|txn| is_read_only(txn)) {
            // No swap follows that would prove that a cached root is current.
            self.read_root(store).await?;
        }
        for race in 0..MAX_RACES {
            let root = self.root.borrow().clone();
            let touched = txns.iter().copied().flatten().map(leaf_of);
            let mut leaves = self
                .leaves_of(store, root.as_ref(), touched.collect())
                .await?;
            let done: Vec<Transaction> = txns.iter().map(|txn| execute(&mut leaves, txn)).collect();
            let changed: BTreeSet<usize> = txns
                .iter()
                .copied()
                .flatten()
                .filter(|op| !is_read_only(std::slice::from_ref(op)))
                .map(leaf_of)
                .collect();
            if changed.is_empty() {
                return Ok(done);
            }
            let swapped = self.swap(cx, store, root, leaves, changed).await;
            match swapped {
                Ok(()) => return Ok(done),
                // Another node swapped the root first; the batch had no effect.
                Err(e) if is_lost_race(&e) => {}
                Err(e) => return Err(e),
            }
            sleep(Duration::from_millis(1) * race * cx.rng().random_range(0..4)).await;
            self.read_root(store).await?;
        }
        Err(Error::txn_conflict(
            "other nodes won every race; nothing was done",
        ))
    }

    async fn read_root(&self, store: &Kv) -> Result<()> {
        let root: Option<Root> = store.read(ROOT).await.map_err(nothing_done)?;
        *self.root.borrow_mut() = root;
        Ok(())
    }

    /// Returns leaves by number, from the cache or from the store.
    async fn leaves_of(
        &self,
        store: &Kv,
        root: Option<&Root>,
        numbers: BTreeSet<usize>,
    ) -> Result<BTreeMap<usize, Lists>> {
        let mut leaves = BTreeMap::new();
        let mut reads = JoinSet::new();
        for number in numbers {
            let name = root.and_then(|root| root.get(&number));
            let cached = name.map(|name| self.leaves.borrow().get(name).cloned());
            match (name, cached.flatten()) {
                (Some(name), None) => {
                    let (store, name) = (store.clone(), name.clone());
                    reads.spawn_local(async move { (number, store.read(&name).await) });
                }
                (_, leaf) => {
                    leaves.insert(number, leaf.unwrap_or_default());
                }
            }
        }
        while let Some(read) = reads.join_next().await {
            let (number, leaf) = read.map_err(task_failed)?;
            let leaf: Option<Lists> = leaf.map_err(nothing_done)?;
            let leaf =
                leaf.ok_or_else(|| Error::abort("the root names a leaf that does not exist"))?;
            leaves.insert(number, leaf);
        }
        Ok(leaves)
    }

    /// Writes the changed leaves, then swaps the root if it is still `root`.
    async fn swap(
        &self,
        cx: &Context,
        store: &Kv,
        root: Option<Root>,
        leaves: BTreeMap<usize, Lists>,
        changed: BTreeSet<usize>,
    ) -> Result<()> {
        let mut new_root = root.clone().unwrap_or_default();
        let mut writes = JoinSet::new();
        for (number, leaf) in leaves {
            if changed.contains(&number) {
                let name = self.new_name(cx.id());
                self.leaves.borrow_mut().insert(name.clone(), leaf.clone());
                let (store, key) = (store.clone(), name.clone());
                writes.spawn_local(async move { store.write(key, leaf).await });
                new_root.insert(number, name);
            } else if let Some(name) = new_root.get(&number) {
                self.leaves.borrow_mut().insert(name.clone(), leaf);
            }
        }
        while let Some(written) = writes.join_next().await {
            written.map_err(task_failed)?.map_err(nothing_done)?;
        }
        match &root {
            Some(root) => store.compare_and_set(ROOT, root, &new_root).await?,
            None => store.create_if_absent(ROOT, &new_root).await?,
        }
        self.leaves
            .borrow_mut()
            .retain(|name, _| new_root.values().any(|current| current == name));
        *self.root.borrow_mut() = Some(new_root);
        Ok(())
    }

    fn new_name(&self, node: &str) -> String {
        self.named.set(self.named.get() + 1);
        format!("{node}-{:x}-{}", self.nonce.get(), self.named.get())
    }
}

fn execute(leaves: &mut BTreeMap<usize, Lists>, txn: &Transaction) -> Transaction {
    let one = |op: &MicroOp| {
        let leaf = leaves
            .get_mut(&leaf_of(op))
            .expect("touched leaves are loaded");
        leaf.apply(&vec![op.clone()]).remove(0)
    };
    txn.iter().map(one).collect()
}

/// Returns the number of the leaf that holds a key.
fn leaf_of(MicroOp(_, key, _): &MicroOp) -> usize {
    (stable_hash(key.to_string().as_bytes()) % LEAVES as u64) as usize
}

fn is_lost_race(error: &Error) -> bool {
    error.code == ErrorCode::PreconditionFailed
}

/// Converts the failure of a task of a batch. The root was not changed.
fn task_failed(error: JoinError) -> Error {
    Error::abort(error.to_string())
}

/// Converts an error of a call before the swap. The batch had no effect, even if the call's own
/// outcome is unknown.
fn nothing_done(error: Error) -> Error {
    Error::temporarily_unavailable(format!("nothing was done: {error}"))
}
