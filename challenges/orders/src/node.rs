//! A node of the shop: requests of clients, and requests for the leaders of shards.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::orders::Recovery;
use crate::replicas::Replicas;
use crate::ring::Ring;
use crate::shop::{Command, OrderForm, Output, Product, Quantities, Shard, ShardId};
use crate::{Options, OrderStatus, Reply, Request};

/// Time that a node waits for the answer of another one before it asks again. Should be longer than
/// most answers take, and a dead leader is asked in vain for that time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(600);

/// Pause before a node asks again if no leader is known.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A request for the leader of a shard.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "shard")]
pub struct ShardRequest {
    shard: ShardId,
    ask: Ask,
}

/// What the leader of a shard can do. Everything may be asked repeatedly.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Executes a command.
    Execute(Command),
    /// Reads an order.
    Status(String),
    /// Reads a product.
    Product(String),
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
}

/// A reply to [`ShardRequest`] as it is received.
#[derive(Deserialize)]
struct ShardOk {
    answer: Answer,
}

/// A node of the shop, with its replicas.
pub(crate) struct ShopNode<R>(Rc<Inner<R>>);

impl<R> Clone for ShopNode<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Inner<R> {
    replicas: R,
    /// The shards, as owners of products and orders.
    ring: Ring,
    members: BTreeMap<ShardId, Vec<NodeId>>,
    /// The node that last answered for each shard.
    leaders: RefCell<BTreeMap<ShardId, NodeId>>,
    recovery: Recovery,
    request_timeout: Duration,
}

impl<R: Replicas> ShopNode<R> {
    /// Creates a node. `members` lists the nodes that have a replica of each shard.
    pub(crate) fn new(
        replicas: R,
        members: BTreeMap<ShardId, Vec<NodeId>>,
        options: &Options,
    ) -> Self {
        Self(Rc::new(Inner {
            replicas,
            ring: Ring::new(members.keys().map(|shard| format!("shard{shard}"))),
            members,
            leaders: RefCell::default(),
            recovery: Recovery::default(),
            request_timeout: options.request_timeout,
        }))
    }

    pub(crate) fn replicas(&self) -> &R {
        &self.0.replicas
    }

    pub(crate) fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    /// Returns the time at which a request that arrives now fails.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.0.request_timeout
    }

    /// Serves a request of a client or of another node.
    pub(crate) async fn serve(&self, request: Request, cx: &Context) -> Result<Reply> {
        let deadline = self.deadline();
        Ok(match request {
            Request::Shard(ShardRequest { shard, ask }) => Reply::ShardOk {
                answer: self.lead(cx, shard, ask, deadline).await?,
            },
            Request::Restock {
                restock,
                product,
                quantity,
            } => {
                let shard = self.shard_of_product(&product);
                let command = Command::Restock {
                    restock,
                    product,
                    quantity,
                };
                self.execute(cx, shard, command, deadline).await?;
                Reply::RestockOk {}
            }
            Request::Order { order, lines } => {
                let form = self.form(order, lines);
                let status = match self.place(cx, &form, deadline).await? {
                    true => OrderStatus::Accepted,
                    false => OrderStatus::Rejected,
                };
                Reply::OrderOk { status }
            }
            Request::Pay { order, payment } => {
                let shard = self.shard_of_order(&order);
                let command = Command::Pay { order, payment };
                match self.execute(cx, shard, command, deadline).await? {
                    Output::Payment(status) => Reply::PayOk { status },
                    output => return Err(unexpected(output)),
                }
            }
            Request::Status { order } => {
                let shard = self.shard_of_order(&order);
                match self.ask(cx, shard, Ask::Status(order), deadline).await? {
                    Answer::Order(status, payment) => Reply::StatusOk { status, payment },
                    answer => return Err(unexpected(answer)),
                }
            }
            Request::Stock { product } => {
                let product = self.product(cx, product, deadline).await?;
                Reply::StockOk {
                    stock: product.stock,
                }
            }
            Request::Statistics { product } => {
                // Eventually consistent: any replica answers.
                let shard = self.shard_of_product(&product);
                let replica = self.replicas().view(shard, |it| it.product(&product));
                let product = match replica {
                    Some(product) => product,
                    None => self.product(cx, product, deadline).await?,
                };
                Reply::StatisticsOk {
                    orders: product.orders,
                    sold: product.sold,
                }
            }
            _ => {
                let text = "a message between nodes of another strategy";
                return Err(Error::malformed_request(text));
            }
        })
    }

    async fn product(&self, cx: &Context, product: String, deadline: Instant) -> Result<Product> {
        let shard = self.shard_of_product(&product);
        match self.ask(cx, shard, Ask::Product(product), deadline).await? {
            Answer::Product(product) => Ok(product),
            answer => Err(unexpected(answer)),
        }
    }

    fn shard_of_product(&self, product: &str) -> ShardId {
        self.0.ring.owner(&format!("product/{product}"))
    }

    fn shard_of_order(&self, order: &str) -> ShardId {
        self.0.ring.owner(&format!("order/{order}"))
    }

    /// Groups the lines of an order by shard. Lines of the same product are added up.
    fn form(&self, order: String, lines: Vec<(String, u64)>) -> Rc<OrderForm> {
        let mut parts: BTreeMap<ShardId, Quantities> = BTreeMap::new();
        for (product, quantity) in lines {
            let part = parts.entry(self.shard_of_product(&product)).or_default();
            let total = part.entry(product).or_default();
            *total = total.saturating_add(quantity);
        }
        let home = self.shard_of_order(&order);
        Rc::new(OrderForm { order, home, parts })
    }

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
    async fn ask(
        &self,
        cx: &Context,
        shard: ShardId,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        let members = &self.0.members[&shard];
        let request = ShardRequest { shard, ask };
        let mut is_definite = true;
        let mut was_redirected = false;
        for attempt in 0.. {
            let known = self.0.replicas.leader(cx, shard);
            let known = known.or_else(|| self.0.leaders.borrow().get(&shard).cloned());
            let node = known.unwrap_or_else(|| members[attempt % members.len()].clone());
            let limit = deadline.min(Instant::now() + ATTEMPT_TIMEOUT);
            let answer = if *node == *cx.id() {
                Box::pin(self.lead(cx, shard, request.ask.clone(), limit)).await
            } else {
                let timeout = limit.saturating_duration_since(Instant::now());
                let call = cx.call_within(timeout, &node, &request);
                call.await.map(|ShardOk { answer }| answer)
            };
            let mut leaders = self.0.leaders.borrow_mut();
            leaders.remove(&shard);
            let mut is_redirected = false;
            match answer {
                Ok(Answer::NotLeader(leader)) => {
                    if let Some(leader) = leader.filter(|leader| **leader != *node) {
                        leaders.insert(shard, leader.into());
                        is_redirected = !was_redirected;
                    }
                }
                Ok(answer) => {
                    leaders.insert(shard, node);
                    return Ok(answer);
                }
                Err(e) => {
                    is_definite &= e.is_definite();
                    self.replicas().suspect_leader(shard);
                }
            }
            drop(leaders);
            was_redirected = is_redirected;
            if !is_redirected {
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

    /// Does what the leader of a shard is asked for.
    ///
    /// # Errors
    ///
    /// A timeout, which is indefinite.
    async fn lead(
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
                let state = self.replicas().view(shard, |shard| state_of(shard, &order));
                let (status, payment) = state.unwrap_or((OrderStatus::Unknown, None));
                Ok(Answer::Order(status, payment))
            }
            Ask::Product(product) => {
                let Some(confirmed) = self.replicas().read(cx, shard) else {
                    return Ok(self.not_leader(cx, shard));
                };
                known_in_time(confirmed, deadline).await?;
                let product = self.replicas().view(shard, |shard| shard.product(&product));
                Ok(Answer::Product(product.unwrap_or_default()))
            }
        }
    }

    fn not_leader(&self, cx: &Context, shard: ShardId) -> Answer {
        let leader = self.replicas().leader(cx, shard);
        let other = leader.filter(|leader| **leader != *cx.id());
        Answer::NotLeader(other.map(|leader| leader.to_string()))
    }

    /// Brings an order to its end if its home shard has registered it without a decision. Its
    /// client may have been answered, so nothing may be said about the order before.
    async fn finish(
        &self,
        cx: &Context,
        home: ShardId,
        order: &str,
        deadline: Instant,
    ) -> Result<()> {
        let open = |shard: &Shard| {
            shard
                .open_order(order)
                .filter(|it| it.home == home)
                .cloned()
        };
        match self.replicas().view(home, open).flatten() {
            Some(form) => self.conclude(cx, &form, deadline).await,
            None => Ok(()),
        }
    }
}

/// Returns the state of an order and the payment that pays it.
fn state_of(shard: &Shard, order: &str) -> (OrderStatus, Option<String>) {
    let order = shard.order(order);
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

fn unexpected(answer: impl std::fmt::Debug) -> Error {
    Error::crash(format!("a shard answers something else: {answer:?}"))
}
