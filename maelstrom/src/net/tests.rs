use std::collections::{BTreeMap, BTreeSet};

use super::*;

impl Net {
    /// Sends a message that belongs to no operation.
    pub(super) fn send(&mut self, now: Duration, src: EndpointId, dest: EndpointId, body: Body) {
        self.send_for(None, now, src, dest, body);
    }
}

const HUNDRED: Duration = Duration::from_millis(100);

/// A network of two nodes, a service and a client that waits, with a constant latency of 100 ms.
fn net() -> (Net, [EndpointId; 4]) {
    let mut net = Net::new(Latency::constant(HUNDRED), Seed(1), Recording::All);
    let ids = [
        net.register("n0", Role::Node),
        net.register("n1", Role::Node),
        net.register("lin-kv", Role::Service),
        net.register("c0", Role::Client),
    ];
    net.set_receiving(Duration::ZERO, ids[3], true);
    (net, ids)
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn us(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// What arrives by `now`, as texts.
fn arrivals(net: &mut Net, now: Duration) -> Vec<String> {
    std::iter::from_fn(|| net.next_delivery(now))
        .map(|(_, message)| message.body.to_string())
        .collect()
}

#[test]
fn message_between_servers_takes_its_latency_and_client_traffic_none() {
    let (mut net, [n0, n1, service, client]) = net();
    net.send(ms(0), n0, n1, "a".into());
    net.send(ms(0), n0, service, "b".into());
    net.send(ms(0), n0, client, "c".into());
    assert_eq!(arrivals(&mut net, ms(0)), ["c"]);
    assert_eq!(arrivals(&mut net, ms(99)), [""; 0]);
    assert_eq!(net.next_wake(), Some(HUNDRED));
    assert_eq!(arrivals(&mut net, ms(100)), ["a", "b"]);
}

#[test]
fn client_request_waits_behind_the_message_that_the_pump_sleeps_on() {
    let (mut net, [n0, n1, _, client]) = net();
    net.send(ms(0), n0, n1, "peer".into());
    net.send(ms(10), client, n1, "client".into());
    assert_eq!(arrivals(&mut net, ms(99)), [""; 0]);
    assert_eq!(arrivals(&mut net, ms(100)), ["peer", "client"]);
}

#[test]
fn pump_takes_the_earliest_deadline_first() {
    let (mut net, [n0, n1, _, client]) = net();
    net.send(ms(0), n0, n1, "first".into());
    net.send(ms(50), n0, n1, "second".into());
    net.send(ms(60), client, n1, "client".into());
    assert_eq!(arrivals(&mut net, ms(100)), ["first", "client"]);
    assert_eq!(arrivals(&mut net, ms(150)), ["second"]);
}

#[test]
fn sleep_is_rounded_down_to_whole_milliseconds() {
    let (mut net, [n0, n1, ..]) = net();
    net.send(us(0), n0, n1, "first".into());
    net.send(us(300), n0, n1, "second".into());
    // Taken at 100.0 ms, 0.3 ms early: there is nothing left to sleep.
    assert_eq!(arrivals(&mut net, ms(100)), ["first", "second"]);
}

#[test]
fn partition_is_decided_when_the_pump_takes_the_message() {
    let (mut net, [n0, n1, ..]) = net();
    let deaf = BTreeMap::from([(n1, BTreeSet::from([n0]))]);
    net.send(ms(0), n0, n1, "taken before".into());
    net.send(ms(1), n0, n1, "taken during".into());
    let cut = net.faults().borrow_mut().cut(deaf);
    assert_eq!(arrivals(&mut net, ms(100)), ["taken before"]);
    assert_eq!(net.faults().borrow().counts().dropped, 1);
    net.send(ms(110), n1, n0, "the other way".into());
    net.faults().borrow_mut().remove(cut);
    net.send(ms(120), n0, n1, "after".into());
    assert_eq!(arrivals(&mut net, ms(300)), ["the other way", "after"]);
    // A lost message was sent, and not received.
    assert_eq!(
        net.journal.servers,
        Counts {
            sent: 4,
            received: 3
        }
    );
}

#[test]
fn services_count_as_servers_and_clients_are_counted_apart() {
    let (mut net, [n0, _, service, client]) = net();
    net.send(ms(0), n0, service, "{}".into());
    net.send(ms(0), client, n0, "{}".into());
    arrivals(&mut net, ms(100));
    let stats = net.journal.to_edn(4).to_string();
    assert!(
        stats.contains(":servers {:msg-count 1, :msgs-per-op 0.25"),
        "{stats}"
    );
    assert!(
        stats.contains(":clients {:msg-count 1, :recv-count 1, :send-count 1}"),
        "{stats}"
    );
    assert!(!net.journal.to_edn(0).to_string().contains("msgs-per-op"));
}

#[test]
fn client_receives_only_while_it_waits() {
    let (mut net, [n0, _, _, client]) = net();
    net.set_receiving(ms(0), client, false);
    net.send(ms(0), n0, client, "late".into());
    assert_eq!(arrivals(&mut net, ms(10)), [""; 0]);
    net.set_receiving(ms(20), client, true);
    assert_eq!(arrivals(&mut net, ms(20)), ["late"]);
    net.unregister(client);
    assert_eq!(net.resolve("c0"), Err(SendError::Gone("c0".into())));
    assert_eq!(net.resolve("c1"), Err(SendError::Unknown("c1".into())));
}

#[test]
fn message_to_a_node_that_is_down_is_lost_and_not_received() {
    let (mut net, [n0, n1, _, client]) = net();
    net.send(ms(0), n0, n1, "due while down".into());
    net.send(ms(60), n0, n1, "due after the restart".into());
    net.take_down(n1);
    net.send(ms(70), client, n1, "at once".into());
    assert_eq!(arrivals(&mut net, ms(120)), [""; 0]);
    net.bring_up(ms(120), n1);
    net.send(ms(120), client, n1, "init".into());
    assert_eq!(arrivals(&mut net, ms(159)), ["init"]);
    assert_eq!(arrivals(&mut net, ms(160)), ["due after the restart"]);
    let journal = net.journal;
    assert_eq!((journal.servers.received, journal.clients.received), (1, 1));
}

#[test]
fn node_that_goes_down_twice_receives_a_message_once() {
    let (mut net, [n0, n1, _, client]) = net();
    net.send(ms(0), n0, n1, "message".into());
    for time in [20, 40] {
        net.take_down(n1);
        net.bring_up(ms(time), n1);
        net.send(ms(time), client, n1, "init".into());
    }
    assert_eq!(arrivals(&mut net, ms(99)), ["init", "init"]);
    assert_eq!(arrivals(&mut net, ms(200)), ["message"]);
}

#[test]
fn end_of_one_fault_leaves_others_of_its_kind_in_force() {
    let (mut net, [n0, n1, ..]) = net();
    let faults = net.faults();
    let total = faults.borrow_mut().add(LinkFault::Loss(1.0));
    let none = faults.borrow_mut().add(LinkFault::Loss(0.0));
    faults.borrow_mut().remove(none);
    net.send(ms(0), n0, n1, "lost".into());
    let slow = faults.borrow_mut().add(LinkFault::LatencyFactor(3));
    faults.borrow_mut().remove(total);
    net.send(ms(0), n0, n1, "slow".into());
    faults.borrow_mut().remove(slow);
    net.send(ms(0), n0, n1, "as usual".into());
    assert_eq!(arrivals(&mut net, ms(299)), [""; 0]);
    assert_eq!(arrivals(&mut net, ms(300)), ["slow", "as usual"]);
    let counts = faults.borrow().counts();
    assert_eq!((counts.lost, counts.delayed), (1, 1));
}

#[test]
fn cut_ends_when_its_guard_is_dropped() {
    let (mut net, [n0, n1, ..]) = net();
    let cut = Cut::new(net.faults(), BTreeMap::from([(n1, BTreeSet::from([n0]))]));
    net.send(ms(0), n0, n1, "during".into());
    drop(cut);
    net.send(ms(0), n0, n1, "after".into());
    assert_eq!(arrivals(&mut net, ms(100)), ["after"]);
}

#[test]
fn loss_and_duplication_have_their_probabilities() {
    let (mut net, [n0, n1, service, _]) = net();
    let faults = net.faults();
    faults.borrow_mut().add(LinkFault::Loss(0.5));
    faults.borrow_mut().add(LinkFault::Duplication(0.25));
    for _ in 0..1000 {
        net.send(ms(0), n0, n1, "x".into());
        net.send(ms(0), n0, service, "y".into());
    }
    let arrived = arrivals(&mut net, ms(1000));
    let counts = faults.borrow().counts();
    assert!((400..600).contains(&counts.lost), "{counts:?}");
    assert!((80..180).contains(&counts.duplicated), "{counts:?}");
    let copies = arrived.iter().filter(|body| *body == "x").count() as u64;
    assert_eq!(copies, 1000 - counts.lost + counts.duplicated);
    assert_eq!(
        arrived.iter().filter(|body| *body == "y").count(),
        1000,
        "services are not affected"
    );
}
