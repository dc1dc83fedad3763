//! What commands do, alone and repeated.

use std::collections::BTreeMap;

use eddy::seed::Seed;
use rand::RngExt;

use super::*;

fn form(order: &str, home: ShardId, parts: &[(ShardId, u64)]) -> Rc<OrderForm> {
    let part = |(shard, quantity): &(ShardId, u64)| (*shard, [("p".to_owned(), *quantity)].into());
    Rc::new(OrderForm {
        order: order.to_owned(),
        home,
        parts: parts.iter().map(part).collect(),
    })
}

/// Returns shard 1 with pieces of product `p`.
fn shard_with(quantity: u64) -> Shard {
    let mut shard = Shard::new(1);
    restock(&mut shard, "r0", quantity);
    shard
}

fn restock(shard: &mut Shard, restock: &str, quantity: u64) {
    let (restock, product) = (restock.to_owned(), "p".to_owned());
    shard.apply(&Command::Restock {
        restock,
        product,
        quantity,
    });
}

/// Reserves for an order that also takes from shard 2; its home is shard 0.
fn reserve(shard: &mut Shard, order: &str, quantity: u64) -> bool {
    let form = form(order, 0, &[(1, quantity), (2, 1)]);
    shard.apply(&Command::Reserve(form)) == Output::Reserved(true)
}

fn settle(shard: &mut Shard, order: &str, accepted: bool) {
    let order = order.into();
    shard.apply(&Command::Settle { order, accepted });
}

fn decide(shard: &mut Shard, order: &str, accepted: bool) {
    let order = order.into();
    shard.apply(&Command::Decide { order, accepted });
}

fn pay(shard: &mut Shard, payment: &str) -> Output {
    let (order, payment) = ("o".into(), payment.into());
    shard.apply(&Command::Pay { order, payment })
}

#[test]
fn repeated_restock_counts_once() {
    let mut shard = shard_with(0);
    restock(&mut shard, "r1", 5);
    restock(&mut shard, "r1", 5);
    assert_eq!(shard.product("p").stock, 5);
}

#[test]
fn reservation_does_not_show_in_stock_but_cannot_be_taken_again() {
    let mut shard = shard_with(5);
    assert!(reserve(&mut shard, "o1", 3));
    assert_eq!(shard.product("p").stock, 5);
    assert!(!reserve(&mut shard, "o2", 3));
    settle(&mut shard, "o1", true);
    settle(&mut shard, "o1", true);
    let product = shard.product("p");
    assert_eq!((product.stock, product.reserved), (2, 0));
    assert_eq!((product.orders, product.sold), (1, 3));
}

#[test]
fn released_reservation_can_be_taken_again() {
    let mut shard = shard_with(5);
    assert!(reserve(&mut shard, "o1", 3));
    settle(&mut shard, "o1", false);
    settle(&mut shard, "o1", false);
    assert!(!reserve(&mut shard, "o1", 3), "the release is final");
    assert!(reserve(&mut shard, "o2", 5));
}

#[test]
fn refusal_is_final_even_after_restock() {
    let mut shard = shard_with(0);
    assert!(!reserve(&mut shard, "o1", 3));
    restock(&mut shard, "r1", 5);
    assert!(!reserve(&mut shard, "o1", 3));
}

#[test]
fn reservation_that_arrives_after_its_release_is_refused() {
    let mut shard = shard_with(5);
    settle(&mut shard, "o1", false);
    assert!(!reserve(&mut shard, "o1", 3));
    assert_eq!(shard.product("p").reserved, 0);
}

#[test]
fn reserved_order_stays_open_until_it_is_settled() {
    let mut shard = shard_with(5);
    reserve(&mut shard, "o1", 3);
    assert!(shard.open_order("o1").is_some());
    settle(&mut shard, "o1", true);
    assert!(shard.open_order("o1").is_none());
    assert_eq!(shard.order("o1"), None, "its home is elsewhere");
}

#[test]
fn order_within_one_shard_is_sold_at_once_and_open_until_its_home_knows() {
    let mut shard = shard_with(2);
    let order = form("o1", 0, &[(1, 2)]);
    for _ in 0..2 {
        let output = shard.apply(&Command::Reserve(Rc::clone(&order)));
        assert_eq!(output, Output::Reserved(true));
        assert_eq!(shard.product("p").stock, 0);
        assert!(shard.open_order("o1").is_some());
    }
    settle(&mut shard, "o1", true);
    assert_eq!(shard.open_orders().count(), 0);
    assert_eq!(shard.product("p").sold, 2);
}

#[test]
fn order_within_its_home_shard_is_decided_by_one_command() {
    let mut shard = shard_with(2);
    for (order, accepted) in [("o1", true), ("o2", false), ("o1", true)] {
        let output = shard.apply(&Command::Begin(form(order, 1, &[(1, 2)])));
        assert_eq!(output, Output::Decided(accepted));
    }
    assert_eq!(shard.product("p").stock, 0);
    assert_eq!(shard.open_orders().count(), 0);
}

#[test]
fn home_shard_keeps_order_open_until_it_is_decided() {
    let mut shard = shard_with(5);
    let order = form("o", 1, &[(1, 3), (2, 1)]);
    let begin = Command::Begin(order);
    assert_eq!(shard.apply(&begin), Output::Reserved(true));
    settle(&mut shard, "o", true);
    assert!(shard.open_order("o").is_some());
    assert_eq!(shard.apply(&begin), Output::Reserved(true));
    decide(&mut shard, "o", true);
    assert!(shard.open_order("o").is_none());
    assert_eq!(shard.apply(&begin), Output::Decided(true));
    let product = shard.product("p");
    assert_eq!((product.stock, product.reserved), (2, 0));
}

#[test]
fn first_held_payment_pays_order_once_it_is_accepted() {
    let mut shard = Shard::new(1);
    assert_eq!(pay(&mut shard, "y1"), Output::Payment(PaymentStatus::Held));
    assert_eq!(pay(&mut shard, "y2"), Output::Payment(PaymentStatus::Held));
    shard.apply(&Command::Begin(form("o", 1, &[(2, 1)])));
    assert_eq!(pay(&mut shard, "y1"), Output::Undecided);
    decide(&mut shard, "o", true);
    decide(&mut shard, "o", false);
    assert_eq!(pay(&mut shard, "y1"), Output::Payment(PaymentStatus::Paid));
    let refunded = Output::Payment(PaymentStatus::Refunded);
    assert_eq!(pay(&mut shard, "y2"), refunded);
}

/// Draws a command for one of a few orders, restocks and payments, possible or not.
fn draw(rng: &mut impl rand::Rng) -> Command {
    let mut id = |kind: char, count: u32| format!("{kind}{}", rng.random_range(0..count));
    let (order, payment, restock) = (id('o', 12), id('y', 3), id('r', 12));
    let number: u64 = order[1..].parse().expect("a number");
    // An order is the same whenever it is repeated.
    let parts = match number % 3 {
        0 => vec![(1, 1 + number % 2)],
        1 => vec![(1, 1), (2, 1)],
        _ => vec![(2, 1)],
    };
    let home = 1 + (number % 2) as ShardId;
    let accepted = rng.random_bool(0.7);
    match rng.random_range(0..6) {
        0 => Command::Restock {
            restock,
            product: "p".into(),
            quantity: 1,
        },
        1 => Command::Begin(form(&order, home, &parts)),
        2 => Command::Reserve(form(&order, home, &parts)),
        3 => Command::Settle { order, accepted },
        4 => Command::Decide { order, accepted },
        _ => Command::Pay { order, payment },
    }
}

#[test]
fn records_that_leave_memory_and_return_change_no_outcome() {
    for seed in 0..50 {
        let mut rng = Seed(seed).stream("commands");
        let (mut whole, mut partial) = (shard_with(3), shard_with(3));
        let mut outside: BTreeMap<String, Record> = BTreeMap::new();
        for _ in 0..300 {
            let command = draw(&mut rng);
            let key = command.key();
            if let Some(record) = outside.remove(&key) {
                partial.restore(key, record);
            }
            assert_eq!(
                whole.apply(&command),
                partial.apply(&command),
                "{command:?}"
            );
            let closed = partial.closed_records().map(|(key, _)| key.clone());
            let leaving: Vec<String> = closed.filter(|_| rng.random_bool(0.3)).collect();
            for key in leaving {
                let record = partial.evict(&key).expect("it is in memory");
                outside.insert(key, record);
            }
        }
        assert!(!outside.is_empty());
        for (key, record) in outside {
            partial.restore(key, record);
        }
        assert_eq!(whole, partial);
    }
}
