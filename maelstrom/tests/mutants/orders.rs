//! A shop on one node, and typical mistakes in it.
//!
//! The shop runs on n0, and the other nodes forward every request to it. Each mutant has one flaw.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flaw {
    #[default]
    None,
    ChecksThenTakes,
    ReadsStockFromCopy,
    ReadsStatusFromCopy,
    DecidesAgain,
    DropsOrders,
    DropsEarlyPayments,
    DropsRestocks,
    PaysTwice,
    RestocksAgain,
    RejectsAtRandom,
    KeepsPartOfRejectedOrder,
    CountsWhatItWasAsked,
    CountsRepeatedOrders,
    NeverTellsStatistics,
    InventsPayments,
    StockIsText,
}

macro_rules! mutant {
    ($flaw:ident: $what:literal => $anomaly:literal) => {
        Mutant {
            flaw: $what,
            world: World::Distance,
            anomaly: $anomaly,
            run: |world, seed| run(Flaw::$flaw, world, seed),
        }
    };
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::Orders,
    |world, seed| run(Flaw::None, world, seed),
    &[
        mutant!(ChecksThenTakes: "check the stock and reduce it in two steps" => "oversold"),
        mutant!(ReadsStockFromCopy: "read stock from a copy that lags" => "stock-out-of-bounds"),
        mutant!(ReadsStatusFromCopy: "read orders from a copy that lags" => "stale-status"),
        mutant!(DecidesAgain: "decide a rejected order again when it is repeated" => "decision-changed"),
        mutant!(DropsOrders: "accept one order in ten without storing it" => "lost-order"),
        mutant!(DropsEarlyPayments: "drop payments that come before their order" => "lost-payment"),
        mutant!(DropsRestocks: "acknowledge one restock in three without storing it" => "lost-restock"),
        mutant!(PaysTwice: "accept a second payment for an order" => "double-payment"),
        mutant!(RestocksAgain: "count a repeated restock again" => "counted-twice"),
        mutant!(RejectsAtRandom: "reject one order in ten" => "unjustified-rejection"),
        mutant!(KeepsPartOfRejectedOrder: "keep the first line of an order whose second line fails" => "leak"),
        mutant!(CountsWhatItWasAsked: "count only the orders that they received themselves" => "nodes-disagree"),
        mutant!(CountsRepeatedOrders: "count repeated orders in the statistics" => "wrong-statistics"),
        mutant!(NeverTellsStatistics: "have no statistics at n2" => "no-final-answer"),
        mutant!(InventsPayments: "show payments that do not exist" => "phantom"),
        mutant!(StockIsText: "send the stock as a string" => "malformed-reply"),
    ],
);

/// Time by which a copy lags.
const LAG: Duration = ms(400);

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Restock {
        restock: String,
        product: String,
        quantity: i64,
    },
    Order {
        order: String,
        lines: Vec<(String, i64)>,
    },
    Pay {
        order: String,
        payment: String,
    },
    Status {
        order: String,
    },
    Stock {
        product: String,
    },
    Statistics {
        product: String,
    },
}

#[derive(Clone, Default)]
struct Order {
    accepted: Option<bool>,
    payments: Vec<String>,
}

/// The number of orders and of pieces sold, by product.
type Statistics = BTreeMap<String, (u64, i64)>;

#[derive(Clone, Default)]
struct Shop {
    stock: BTreeMap<String, i64>,
    restocks: BTreeSet<String>,
    orders: BTreeMap<String, Order>,
    statistics: Statistics,
}

impl Shop {
    fn has(&self, (product, quantity): &(String, i64)) -> bool {
        self.stock
            .get(product)
            .is_some_and(|stock| stock >= quantity)
    }

    fn take(&mut self, (product, quantity): &(String, i64)) {
        *self.stock.entry(product.clone()).or_default() -= quantity;
    }

    fn count(statistics: &mut Statistics, lines: &[(String, i64)]) {
        for (product, quantity) in lines {
            let (orders, sold) = statistics.entry(product.clone()).or_default();
            *orders += 1;
            *sold += quantity;
        }
    }

    /// Returns the status of an order, and the payment that pays it.
    fn status(&self, order: &str) -> (&'static str, Option<&str>) {
        let order = self.orders.get(order);
        let payment = order.and_then(|order| order.payments.first());
        match (order.and_then(|order| order.accepted), payment) {
            (None, _) => ("unknown", None),
            (Some(false), _) => ("rejected", None),
            (Some(true), None) => ("accepted", None),
            (Some(true), Some(payment)) => ("paid", Some(payment)),
        }
    }
}

#[derive(Default)]
struct ShopNode {
    flaw: Flaw,
    shop: RefCell<Shop>,
    copy: RefCell<Shop>,
    /// The orders that this node received.
    counted: RefCell<Statistics>,
    requests: Cell<u64>,
}

impl ShopNode {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            ..Self::default()
        }
    }

    /// Returns true for one request in `one_in`, if the shop has this flaw.
    fn is_unlucky(&self, flaw: Flaw, one_in: u64) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.flaw == flaw && self.requests.get().is_multiple_of(one_in)
    }

    fn shop_or_copy(&self, reads_copy: Flaw) -> Ref<'_, Shop> {
        match self.flaw == reads_copy {
            true => self.copy.borrow(),
            false => self.shop.borrow(),
        }
    }

    async fn order(&self, id: String, lines: Vec<(String, i64)>) -> &'static str {
        let word = |accepted| if accepted { "accepted" } else { "rejected" };
        let decided = self
            .shop
            .borrow()
            .orders
            .get(&id)
            .and_then(|order| order.accepted);
        if let Some(accepted) = decided.filter(|it| *it || self.flaw != Flaw::DecidesAgain) {
            if accepted && self.flaw == Flaw::CountsRepeatedOrders {
                Shop::count(&mut self.shop.borrow_mut().statistics, &lines);
            }
            return word(accepted);
        }
        if self.is_unlucky(Flaw::DropsOrders, 10) {
            return "accepted";
        }
        let mut accepted = lines.iter().all(|line| self.shop.borrow().has(line));
        if self.flaw == Flaw::ChecksThenTakes {
            sleep(ms(100)).await;
        }
        if self.is_unlucky(Flaw::RejectsAtRandom, 10) {
            accepted = false;
        }
        let mut shop = self.shop.borrow_mut();
        shop.orders.entry(id).or_default().accepted = Some(accepted);
        if accepted {
            lines.iter().for_each(|line| shop.take(line));
            Shop::count(&mut shop.statistics, &lines);
        } else if self.flaw == Flaw::KeepsPartOfRejectedOrder && shop.has(&lines[0]) {
            shop.take(&lines[0]);
        }
        word(accepted)
    }

    fn pay(&self, id: String, payment: String) -> &'static str {
        let mut shop = self.shop.borrow_mut();
        let is_early = shop
            .orders
            .get(&id)
            .is_none_or(|order| order.accepted.is_none());
        if is_early && self.flaw == Flaw::DropsEarlyPayments {
            return "held";
        }
        let order = shop.orders.entry(id).or_default();
        if !order.payments.contains(&payment) {
            order.payments.push(payment.clone());
        }
        match order.accepted {
            None => "held",
            Some(true) if self.flaw == Flaw::PaysTwice => "paid",
            Some(true) if order.payments[0] == payment => "paid",
            Some(_) => "refunded",
        }
    }

    async fn answer(&self, request: Request) -> Value {
        match request {
            Request::Restock {
                restock,
                product,
                quantity,
            } => {
                let is_dropped = self.is_unlucky(Flaw::DropsRestocks, 3);
                let mut shop = self.shop.borrow_mut();
                let is_new = shop.restocks.insert(restock);
                if !is_dropped && (is_new || self.flaw == Flaw::RestocksAgain) {
                    *shop.stock.entry(product).or_default() += quantity;
                }
                json!({ "type": "restock_ok" })
            }
            Request::Order { order, lines } => {
                let status = self.order(order, lines).await;
                json!({ "type": "order_ok", "status": status })
            }
            Request::Pay { order, payment } => {
                json!({ "type": "pay_ok", "status": self.pay(order, payment) })
            }
            Request::Status { order } => {
                let shop = self.shop_or_copy(Flaw::ReadsStatusFromCopy);
                let (status, mut payment) = shop.status(&order);
                if payment.is_some() && self.flaw == Flaw::InventsPayments {
                    payment = Some("none");
                }
                json!({ "type": "status_ok", "status": status, "payment": payment })
            }
            Request::Stock { product } => {
                let shop = self.shop_or_copy(Flaw::ReadsStockFromCopy);
                let stock = shop.stock.get(&product).copied().unwrap_or_default();
                match self.flaw {
                    Flaw::StockIsText => json!({ "type": "stock_ok", "stock": stock.to_string() }),
                    _ => json!({ "type": "stock_ok", "stock": stock }),
                }
            }
            Request::Statistics { product } => {
                let counted = match self.flaw {
                    Flaw::CountsWhatItWasAsked => self.counted.borrow().get(&product).copied(),
                    _ => self.shop.borrow().statistics.get(&product).copied(),
                };
                let (orders, sold) = counted.unwrap_or_default();
                json!({ "type": "statistics_ok", "orders": orders, "sold": sold })
            }
        }
    }

    async fn forward(&self, request: Request, cx: &Context) -> Result<Value> {
        let mut reply: Value = cx.call("n0", &request).await?;
        if let Some(fields) = reply.as_object_mut() {
            fields.remove("in_reply_to");
        }
        if let (Request::Order { lines, .. }, "accepted") =
            (&request, reply["status"].as_str().unwrap_or_default())
        {
            Shop::count(&mut self.counted.borrow_mut(), lines);
        }
        Ok(reply)
    }
}

impl Node for ShopNode {
    type Request = Request;
    type Reply = Value;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Value> {
        let is_statistics = matches!(request, Request::Statistics { .. });
        if is_statistics && self.flaw == Flaw::NeverTellsStatistics && cx.id() == "n2" {
            return Err(Error::temporarily_unavailable("no statistics here"));
        }
        let is_local = is_statistics && self.flaw == Flaw::CountsWhatItWasAsked;
        match cx.id() == "n0" || is_local {
            true => Ok(self.answer(request).await),
            false => self.forward(request, cx).await,
        }
    }

    async fn background(&self, _: &Context) {
        loop {
            sleep(LAG).await;
            let now = self.shop.borrow().clone();
            self.copy.replace(now);
        }
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |_: &Context| ShopNode::new(flaw));
    let load = Load::of(workload::Orders)
        .rate(60.0)
        .concurrency(9)
        .time_limit(secs(15));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_shop_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
