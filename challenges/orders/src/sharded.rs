//! Requests at the leaders of shards, and orders that span shards.
//!
//! An order belongs to a home shard, which its id determines. The home shard's leader drives it:
//!
//! 1. *begin*: the home shard records the order and what it takes from each shard;
//! 2. *reserve*: every product shard holds the pieces, or refuses for good;
//! 3. *decide*: the home shard records the decision, accepted if no shard refused;
//! 4. *settle*: every product shard sells or releases the pieces; then the client is answered;
//! 5. *finish*: the home shard forgets what remained to be done.
//!
//! Every step is idempotent, and until the last one the order is listed in the home shard's state.
//! Whichever node leads that shard can therefore repeat the steps from any point.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use raft::Disk;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::host::{self, Host};
use crate::ring::Ring;
use crate::shop::{Command, Output, Product, Quantities, Shard, ShardId};
use crate::{OrderStatus, REQUEST_TIMEOUT, Reply, Request};

/// Number of replicas of a shard.
const REPLICAS: usize = 3;

/// Time that a node waits for the answer of another one before it asks again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(400);

/// Pause before a node asks again if no leader is known.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Period at which a leader continues orders that nothing drives.
const RECOVERY_INTERVAL: Duration = Duration::from_millis(500);

/// Settings of a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of shards; the same on all nodes.
    pub shards: u32,
    /// Time after which a client's request fails. Should be less than the client's own timeout.
    pub request_timeout: Duration,
    /// Size of the log file below which no snapshots are taken, in bytes.
    pub log_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 8,
            request_timeout: REQUEST_TIMEOUT,
            log_bytes_min: 1024 * 1024,
        }
    }
}

/// Packets of several groups.
#[derive(Deserialize)]
pub struct Packets {
    packets: host::Packets,
}

/// A request for the leader of a shard.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename = "shard")]
pub struct ShardRequest {
    shard: ShardId,
    ask: Ask,
}

/// What the leader of a shard can do.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    /// Executes a command.
    Execute(Command),
    /// Begins an order and drives it to its end.
    Order(Command),
    /// Reads an order.
    Status(String),
    /// Reads a product.
    Product(String),
}

/// The answer of a shard.
#[derive(Serialize, Deserialize)]
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

/// A reply as it is received.
#[derive(Deserialize)]
struct ShardOk {
    answer: Answer,
}

/// A node of the sharded shop.
pub struct Sharded(Rc<Inner>);

struct Inner {
    host: Host,
    ring: Ring,
    members: BTreeMap<ShardId, Vec<NodeId>>,
    /// The node that last answered for each shard that has no replica here.
    leaders: RefCell<BTreeMap<ShardId, NodeId>>,
    /// Orders that a task drives, with the requests that wait for the end.
    driven: RefCell<BTreeMap<String, Vec<oneshot::Sender<()>>>>,
    options: Options,
}

impl Sharded {
    pub(crate) fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        let nodes = Ring::new(cx.nodes());
        let members: BTreeMap<ShardId, Vec<NodeId>> = (0..options.shards)
            .map(|shard| {
                let owners = nodes.owners(&format!("shard{shard}"), REPLICAS);
                let owners = owners.iter().map(|node| cx.nodes()[*node as usize].clone());
                (shard, owners.collect())
            })
            .collect();
        Ok(Self(Rc::new(Inner {
            host: Host::new(cx, disk, &members, options.log_bytes_min)?,
            ring: Ring::new((0..options.shards).map(|shard| format!("shard{shard}"))),
            members,
            leaders: RefCell::default(),
            driven: RefCell::default(),
            options,
        })))
    }

    pub(crate) async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        match request {
            Request::Raft(Packets { packets }) => {
                self.0.host.receive(cx.sender(), packets);
                Ok(None)
            }
            Request::Shard(ShardRequest { shard, ask }) => {
                let deadline = Instant::now() + self.0.options.request_timeout;
                let answer = self.0.lead(cx, shard, ask, deadline).await?;
                Ok(Some(Reply::ShardOk { answer }))
            }
            request => self.0.serve(request, cx).await.map(Some),
        }
    }

    pub(crate) async fn run(&self, cx: &Context) {
        let (inner, recovering) = (Rc::clone(&self.0), cx.clone());
        cx.spawn(async move {
            loop {
                sleep(RECOVERY_INTERVAL).await;
                for (home, order) in inner.host.unsettled() {
                    inner.drive(&recovering, home, &order);
                }
            }
        });
        self.0.host.run(cx).await;
    }
}

impl Inner {
    /// Serves a request of a client.
    async fn serve(self: &Rc<Self>, request: Request, cx: &Context) -> Result<Reply> {
        let (key, ask) = self.route(request)?;
        let (shard, is_statistics) = (self.ring.owner(&key.name), key.is_statistics);
        if is_statistics && let Some(product) = self.host.view(shard, |it| it.product(&key.product))
        {
            // Eventually consistent: any replica answers.
            return Ok(statistics(&product));
        }
        let is_pay = matches!(ask, Ask::Execute(Command::Pay { .. }));
        let deadline = Instant::now() + self.options.request_timeout;
        Ok(match self.ask(cx, shard, ask, deadline).await? {
            Answer::Output(Output::Payment(status)) if is_pay => Reply::PayOk { status },
            Answer::Output(_) => Reply::RestockOk {},
            Answer::Order(status, payment) if key.is_status => Reply::StatusOk { status, payment },
            Answer::Order(status, _) => Reply::OrderOk {
                status: match status {
                    OrderStatus::Paid => OrderStatus::Accepted,
                    status => status,
                },
            },
            Answer::Product(product) if is_statistics => statistics(&product),
            Answer::Product(product) => Reply::StockOk {
                stock: product.stock,
            },
            Answer::NotLeader(_) => return Err(Error::crash("a shard has answered nothing")),
        })
    }

    /// Returns which key decides about the shard of a request, and what to ask there.
    fn route(&self, request: Request) -> Result<(Key, Ask)> {
        Ok(match request {
            Request::Restock {
                restock,
                product,
                quantity,
            } => {
                let key = Key::product(&product);
                let command = Command::Restock {
                    restock,
                    product,
                    quantity,
                };
                (key, Ask::Execute(command))
            }
            Request::Order { order, lines } => {
                let key = Key::order(&order);
                let home = self.ring.owner(&key.name);
                let parts = self.parts(lines);
                (key, Ask::Order(Command::Begin { order, home, parts }))
            }
            Request::Pay { order, payment } => {
                let key = Key::order(&order);
                (key, Ask::Execute(Command::Pay { order, payment }))
            }
            Request::Status { order } => {
                let mut key = Key::order(&order);
                key.is_status = true;
                (key, Ask::Status(order))
            }
            Request::Stock { product } => (Key::product(&product), Ask::Product(product)),
            Request::Statistics { product } => {
                let mut key = Key::product(&product);
                key.is_statistics = true;
                (key, Ask::Product(product))
            }
            Request::Raft(_) | Request::Shard(_) => {
                return Err(Error::malformed_request("not a request of a client"));
            }
        })
    }

    /// Groups the lines of an order by shard. Lines of the same product are added up.
    fn parts(&self, lines: Vec<(String, u64)>) -> BTreeMap<ShardId, Quantities> {
        let mut parts: BTreeMap<ShardId, Quantities> = BTreeMap::new();
        for (product, quantity) in lines {
            let shard = self.ring.owner(&Key::product(&product).name);
            let total = parts.entry(shard).or_default().entry(product).or_default();
            *total = total.saturating_add(quantity);
        }
        parts
    }

    /// Asks the leader of a shard, wherever it is, until it answers. Everything that can be asked is
    /// idempotent, so asking again is safe.
    ///
    /// # Errors
    ///
    /// "Temporarily unavailable" if no node that may lead the shard was asked in vain: nothing was
    /// done. Otherwise a timeout, which is indefinite.
    async fn ask(
        self: &Rc<Self>,
        cx: &Context,
        shard: ShardId,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        let members = &self.members[&shard];
        let mut is_definite = true;
        for attempt in 0.. {
            let known = self.host.leader(shard);
            let known = known.or_else(|| self.leaders.borrow().get(&shard).cloned());
            let node = known.unwrap_or_else(|| members[attempt % members.len()].clone());
            let limit = deadline.min(Instant::now() + ATTEMPT_TIMEOUT);
            let answer = if *node == *cx.id() {
                Box::pin(self.lead(cx, shard, ask.clone(), limit)).await
            } else {
                let ask = ask.clone();
                let timeout = limit.saturating_duration_since(Instant::now());
                let call = cx.call_within(timeout, &node, &ShardRequest { shard, ask });
                call.await.map(|ShardOk { answer }| answer)
            };
            let mut leaders = self.leaders.borrow_mut();
            match answer {
                Ok(Answer::NotLeader(leader)) => {
                    match leader.filter(|leader| **leader != *node) {
                        Some(leader) => leaders.insert(shard, leader.into()),
                        None => leaders.remove(&shard),
                    };
                }
                Ok(answer) => {
                    leaders.insert(shard, node);
                    return Ok(answer);
                }
                Err(e) => {
                    is_definite &= e.is_definite();
                    leaders.remove(&shard);
                }
            }
            drop(leaders);
            sleep_until(deadline.min(Instant::now() + RETRY_INTERVAL)).await;
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(match is_definite {
            true => Error::temporarily_unavailable("the shard has no leader; nothing was done"),
            false => Error::timeout("the shard has not answered in time"),
        })
    }

    /// Does what the leader of a shard was asked for.
    async fn lead(
        self: &Rc<Self>,
        cx: &Context,
        shard: ShardId,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answer> {
        let not_leader = || {
            let leader = self.host.leader(shard);
            Ok(Answer::NotLeader(leader.map(|leader| leader.to_string())))
        };
        let order = match ask {
            Ask::Execute(command) => {
                let order = match &command {
                    Command::Pay { order, .. } => Some(order.clone()),
                    _ => None,
                };
                let Some(outcome) = self.host.propose(shard, command) else {
                    return not_leader();
                };
                let output = outcome_of(outcome, deadline).await?;
                if let Some(order) = order.filter(|it| self.is_decided(shard, it)) {
                    self.settled(cx, shard, &order, deadline).await?;
                }
                return Ok(Answer::Output(output));
            }
            Ask::Product(product) => {
                let Some(confirmed) = self.host.read(shard) else {
                    return not_leader();
                };
                outcome_of(confirmed, deadline).await?;
                let product = self.host.view(shard, |shard| shard.product(&product));
                return Ok(Answer::Product(product.unwrap_or_default()));
            }
            Ask::Order(command) => {
                let Command::Begin { order, .. } = &command else {
                    return Err(Error::malformed_request("an order has to begin"));
                };
                let order = order.clone();
                let Some(outcome) = self.host.propose(shard, command) else {
                    return not_leader();
                };
                outcome_of(outcome, deadline).await?;
                self.settled(cx, shard, &order, deadline).await?;
                order
            }
            Ask::Status(order) => {
                let Some(confirmed) = self.host.read(shard) else {
                    return not_leader();
                };
                outcome_of(confirmed, deadline).await?;
                // A decision shows only once it shows in the stock of every product, too.
                if self.is_decided(shard, &order) {
                    self.settled(cx, shard, &order, deadline).await?;
                }
                order
            }
        };
        let status = self.host.view(shard, |shard| status(shard, &order));
        let (status, payment) = status.unwrap_or((OrderStatus::Unknown, None));
        Ok(Answer::Order(status, payment))
    }

    fn is_decided(&self, home: ShardId, order: &str) -> bool {
        let is_decided = |shard: &Shard| shard.order(order).is_some_and(|it| it.accepted.is_some());
        self.host.view(home, is_decided).unwrap_or_default()
    }

    /// Waits until an order is settled at all shards.
    async fn settled(
        self: &Rc<Self>,
        cx: &Context,
        home: ShardId,
        order: &str,
        deadline: Instant,
    ) -> Result<()> {
        let is_unsettled = |shard: &Shard| shard.unsettled(order).is_some();
        if self.host.view(home, is_unsettled) != Some(true) {
            return Ok(());
        }
        self.drive(cx, home, order);
        let (sender, settled) = oneshot::channel();
        if let Some(waiting) = self.driven.borrow_mut().get_mut(order) {
            waiting.push(sender);
        }
        outcome_of(settled, deadline).await
    }

    /// Starts a task that brings an order to its end, unless there is one.
    fn drive(self: &Rc<Self>, cx: &Context, home: ShardId, order: &str) {
        if self.driven.borrow().contains_key(order) {
            return;
        }
        self.driven
            .borrow_mut()
            .insert(order.to_owned(), Vec::new());
        let (inner, cx, order) = (Rc::clone(self), cx.clone(), order.to_owned());
        cx.clone().spawn(async move {
            let is_settled = inner.bring_to_end(&cx, home, &order).await;
            // Requests that still wait fail if their sender is dropped.
            let waiting = inner.driven.borrow_mut().remove(&order).unwrap_or_default();
            if is_settled.is_ok() {
                for request in waiting {
                    let _ = request.send(());
                }
                inner.host.propose(home, Command::Finish { order });
            }
        });
    }

    async fn bring_to_end(self: &Rc<Self>, cx: &Context, home: ShardId, order: &str) -> Result<()> {
        let Some(Some(parts)) = self.host.view(home, |it| it.unsettled(order).cloned()) else {
            return Ok(());
        };
        let sell = parts.len() == 1;
        let id = order.to_owned();
        let mut accepted = self.decision(home, order);
        if accepted.is_none() {
            let reserve = |(shard, quantities): (&ShardId, &Quantities)| {
                let (order, quantities) = (id.clone(), quantities.clone());
                let command = Command::Reserve {
                    order,
                    quantities,
                    sell,
                };
                (*shard, command)
            };
            let outputs = self.execute_all(cx, parts.iter().map(reserve)).await?;
            let is_reserved = outputs.iter().all(|it| *it == Output::Reserved(true));
            let decide = Command::Decide {
                order: id.clone(),
                accepted: is_reserved,
            };
            self.execute_all(cx, [(home, decide)]).await?;
            // Another leader may have decided first. Reservations answer every leader alike, so the
            // decision is the same.
            accepted = Some(is_reserved);
        }
        let accepted = accepted.expect("the order is decided");
        if !sell {
            let order = id;
            let settle = Command::Settle { order, accepted };
            let commands = parts.keys().map(|shard| (*shard, settle.clone()));
            self.execute_all(cx, commands).await?;
        }
        Ok(())
    }

    fn decision(&self, home: ShardId, order: &str) -> Option<bool> {
        let decision = |shard: &Shard| shard.order(order).and_then(|it| it.accepted);
        self.host.view(home, decision).flatten()
    }

    /// Executes commands at several shards at the same time.
    async fn execute_all(
        self: &Rc<Self>,
        cx: &Context,
        commands: impl IntoIterator<Item = (ShardId, Command)>,
    ) -> Result<Vec<Output>> {
        let deadline = Instant::now() + self.options.request_timeout;
        let mut outcomes = Vec::new();
        for (shard, command) in commands {
            let (sender, outcome) = oneshot::channel();
            let (inner, asking) = (Rc::clone(self), cx.clone());
            cx.spawn(async move {
                let ask = Ask::Execute(command);
                let _ = sender.send(inner.ask(&asking, shard, ask, deadline).await);
            });
            outcomes.push(outcome);
        }
        let mut outputs = Vec::new();
        for outcome in outcomes {
            let Ok(Ok(Answer::Output(output))) = outcome.await else {
                return Err(Error::timeout("a shard has not answered in time"));
            };
            outputs.push(output);
        }
        Ok(outputs)
    }
}

/// The key that determines the shard of a request.
struct Key {
    name: String,
    product: String,
    is_status: bool,
    is_statistics: bool,
}

impl Key {
    fn product(product: &str) -> Self {
        Self {
            name: format!("product/{product}"),
            product: product.to_owned(),
            is_status: false,
            is_statistics: false,
        }
    }

    fn order(order: &str) -> Self {
        Self {
            name: format!("order/{order}"),
            product: String::new(),
            is_status: false,
            is_statistics: false,
        }
    }
}

fn statistics(product: &Product) -> Reply {
    Reply::StatisticsOk {
        orders: product.orders,
        sold: product.sold,
    }
}

/// Returns the state of an order and the payment that pays it.
fn status(shard: &Shard, order: &str) -> (OrderStatus, Option<String>) {
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
async fn outcome_of<T>(outcome: oneshot::Receiver<T>, deadline: Instant) -> Result<T> {
    match timeout_at(deadline, outcome).await {
        Ok(Ok(outcome)) => Ok(outcome),
        _ => Err(Error::timeout("the outcome is not known here")),
    }
}
