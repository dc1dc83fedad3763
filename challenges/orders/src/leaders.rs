//! Requests for the leader of a shard: finding it, and what it does.

use std::time::Duration;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::OrderStatus;
use crate::node::{ShopNode, unexpected};
use crate::replicas::{Replicas, no_replica};
use crate::shop::{Command, Order, Output, Product, Shard, ShardId};

/// Time that a node waits for the answer of another one before it asks again. Should be longer than
/// most answers take, and a dead leader is asked in vain for that time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(600);

/// Pause before a node asks again if no leader is known.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// What the leader of a shard can do. Everything may be asked repeatedly.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Executes a command.
    Execute(Command),
    /// Reads an order.
    Status(String),
    /// Reads a product.
    Product(String),
    /// Reads which nodes have joined.
    Joined,
}

/// The answer of a shard.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The asked node does not lead the shard; another one may.
    NotLeader(Option<String>),
    /// The outcome of a command.
    Output(Output),
    /// The state of an order, and the payment that pays it.
    Order(OrderStatus, Option<String>),
    /// A product.
    Product(Product),
    /// The nodes that have joined, in the order in which they did.
    Joined(Vec<String>),
    /// The outcome is not known to the asked node.
    Failed,
}

impl<R: Replicas> ShopNode<R> {
    /// Executes a command at the leader of a shard.
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Self::ask).
    pub(crate) async fn execute(
        &self,
        cx: &Context,
        shard: ShardId,
        command: Command,
        deadline: Instant,
    ) -> Result<Output> {
        match self.ask(cx, shard, Ask::Execute(command), deadline).await? {
            Answer::Output(output) => Ok(output),
            answer => Err(unexpected(answer)),
        }
    }

    /// Asks the leader of a shard, wherever it is, until it answers.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no node that was asked leads the shard: nothing was done.
    /// Otherwise a timeout, which is indefinite.
    pub(crate) async fn ask(
        &self,
        cx: &Context,
        shard: ShardId,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        let (mut is_definite, mut was_redirected) = (true, false);
        for attempt in 0.. {
            let node = self.presumed_leader(cx, shard, attempt);
            let leader = match self.attempt(cx, &node, shard, &ask, deadline).await {
                Ok(Answer::NotLeader(leader)) => leader.map(NodeId::from),
                Ok(answer) => {
                    self.remember_leader(shard, Some(node));
                    return Ok(answer);
                }
                Err(e) => {
                    is_definite &= e.is_definite();
                    self.replicas().suspect_leader(shard);
                    None
                }
            };
            // Two nodes may name each other, so not every redirection is followed at once.
            was_redirected = leader.is_some() && !was_redirected;
            self.remember_leader(shard, leader);
            if !was_redirected {
                sleep_until(deadline.min(Instant::now() + RETRY_INTERVAL)).await;
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(match is_definite {
            true => Error::temporarily_unavailable("the shard has no leader; nothing was done"),
            false => Error::timeout("the shard has not answered in time"),
        })
    }

    /// Returns the node to ask: the leader if one is known, else one contact after the other.
    fn presumed_leader(&self, cx: &Context, shard: ShardId, attempt: usize) -> NodeId {
        let known = self.replicas().leader(cx, shard);
        let known = known.or_else(|| self.remembered_leader(shard));
        let contacts = &self.contacts()[&shard];
        known.unwrap_or_else(|| contacts[attempt % contacts.len()].clone())
    }

    async fn attempt(
        &self,
        cx: &Context,
        node: &NodeId,
        shard: ShardId,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        let limit = deadline.min(Instant::now() + ATTEMPT_TIMEOUT);
        if **node == *cx.id() {
            return Box::pin(self.lead(cx, shard, ask.clone(), limit)).await;
        }
        self.asks().ask(node, shard, ask.clone(), limit).await
    }

    /// Does what the leader of a shard is asked for.
    ///
    /// # Errors
    ///
    /// A timeout, which is indefinite.
    pub(crate) async fn lead(
        &self,
        cx: &Context,
        shard: ShardId,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        match ask {
            Ask::Execute(command) => {
                let Some(outcome) = self.replicas().propose(cx, shard, command.clone()) else {
                    return Ok(self.not_leader(cx, shard));
                };
                let mut output = known_in_time(outcome, deadline).await?;
                if let (Output::Undecided, Command::Pay { order, .. }) = (output, &command) {
                    self.finish(cx, shard, order, deadline).await?;
                    let Some(outcome) = self.replicas().propose(cx, shard, command) else {
                        return Err(Error::timeout(
                            "the payment is stored, but its state is open",
                        ));
                    };
                    output = known_in_time(outcome, deadline).await?;
                }
                Ok(Answer::Output(output))
            }
            Ask::Status(order) => {
                let Some(confirmed) = self.replicas().read(cx, shard) else {
                    return Ok(self.not_leader(cx, shard));
                };
                known_in_time(confirmed, deadline).await?;
                self.finish(cx, shard, &order, deadline).await?;
                let order = self.replicas().order(shard, &order)?;
                let (status, payment) = state_of(order.as_ref());
                Ok(Answer::Order(status, payment))
            }
            Ask::Product(product) => {
                let Some(confirmed) = self.replicas().read(cx, shard) else {
                    return Ok(self.not_leader(cx, shard));
                };
                known_in_time(confirmed, deadline).await?;
                let product = self.replicas().view(shard, |shard| shard.product(&product));
                Ok(Answer::Product(product.ok_or_else(no_replica)?))
            }
            Ask::Joined => {
                let Some(confirmed) = self.replicas().read(cx, shard) else {
                    return Ok(self.not_leader(cx, shard));
                };
                known_in_time(confirmed, deadline).await?;
                let joined = self.replicas().view(shard, |shard| shard.joined().to_vec());
                Ok(Answer::Joined(joined.ok_or_else(no_replica)?))
            }
        }
    }

    fn not_leader(&self, cx: &Context, shard: ShardId) -> Answer {
        let leader = match self.replicas().view(shard, |_| ()) {
            Some(()) => self.replicas().leader(cx, shard),
            None => self.remembered_leader(shard),
        };
        let other = leader.filter(|leader| **leader != *cx.id());
        Answer::NotLeader(other.map(|leader| leader.to_string()))
    }

    /// Brings an order to its end if its home shard has registered it without a decision. Its
    /// client may have been answered, so nothing may be said about the order before.
    ///
    /// # Errors
    ///
    /// A timeout, also if this node has lost its leadership and does not know the decision yet.
    async fn finish(
        &self,
        cx: &Context,
        home: ShardId,
        order: &str,
        deadline: Instant,
    ) -> Result<()> {
        let open = |shard: &Shard| {
            let form = shard.open_order(order);
            form.filter(|form| form.home == home).cloned()
        };
        if let Some(form) = self.replicas().view(home, open).flatten() {
            self.conclude(cx, &form, deadline).await?;
            if self.replicas().view(home, open).flatten().is_some() {
                return Err(Error::timeout("the decision is not known here"));
            }
        }
        Ok(())
    }
}

/// Returns the state of an order and the payment that pays it.
fn state_of(order: Option<&Order>) -> (OrderStatus, Option<String>) {
    match order.and_then(|order| Some((order, order.accepted?))) {
        None => (OrderStatus::Unknown, None),
        Some((_, false)) => (OrderStatus::Rejected, None),
        Some((order, true)) => match order.payments.first() {
            None => (OrderStatus::Accepted, None),
            payment => (OrderStatus::Paid, payment.cloned()),
        },
    }
}

/// Waits for an outcome.
///
/// # Errors
///
/// A timeout, also if this node lost its leadership: the command may still be committed.
async fn known_in_time<T>(outcome: oneshot::Receiver<T>, deadline: Instant) -> Result<T> {
    match timeout_at(deadline, outcome).await {
        Ok(Ok(outcome)) => Ok(outcome),
        _ => Err(Error::timeout("the outcome is not known here")),
    }
}
