//! Tests of how a broker handles the outcomes of its proposals.

use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;
use crate::broker::Broker;
use crate::leadership::{Leadership, Member, Proposal};
use crate::shard::Pending;

const TICK: Duration = Duration::from_millis(50);

fn member(node: usize) -> Member {
    Member {
        node,
        incarnation: 1,
    }
}

/// Advances time until the broker makes a proposal for shard 0, in which all other members are
/// silent.
fn next_proposal(broker: &mut Broker, now: &mut Instant) -> Proposal {
    for _ in 0..200 {
        *now += TICK;
        broker.handle_timers(*now);
        while let Some(proposal) = broker.take_proposal() {
            if proposal.shard == 0 {
                return proposal;
            }
        }
    }
    panic!("the broker made no proposal");
}

/// Creates a node that follows n0 and is not in sync, so it inquires when n0 is silent.
fn broker_outside(now: Instant) -> Broker {
    let settings = Settings {
        replicas: 2,
        ..Settings::default()
    };
    let mut broker = Broker::new(2, 3, settings);
    broker.start(1, now);
    broker
}

#[test]
fn proposal_is_repeated_after_an_error_of_lin_kv() {
    let mut now = Instant::now();
    let mut broker = broker_outside(now);
    let first = next_proposal(&mut broker, &mut now);
    broker.on_proposal_failed(&first, now);
    assert!(
        broker.shards[0].pending.is_some(),
        "the proposal may be in force"
    );
    assert_eq!(next_proposal(&mut broker, &mut now), first);
    let in_force = first.from.with_in_sync(vec![member(0)]);
    broker.on_decided(&first, in_force.clone(), now);
    assert!(broker.shards[0].pending.is_none());
    assert_eq!(broker.shards[0].leadership, Some(in_force));
}

/// The outcome of a proposal that was overtaken by a newer record says nothing about the next one.
#[test]
fn late_outcome_does_not_clear_a_later_proposal() {
    let mut now = Instant::now();
    let mut broker = broker_outside(now);
    let first = next_proposal(&mut broker, &mut now);
    let newer: Leadership = first.from.with_in_sync(vec![member(0), member(2)]);
    broker.adopt(0, newer.clone(), now);
    let takeover = Proposal {
        shard: 0,
        to: newer.led_by(member(2), vec![member(2)]),
        from: newer,
    };
    broker.shards[0].pending = Some(Pending {
        proposal: takeover.clone(),
        retry_at: None,
    });
    broker.on_decided(&first, takeover.from.clone(), now);
    assert!(broker.shards[0].is_taking_over(member(2)));
    broker.on_decided(&takeover, takeover.to.clone(), now);
    assert!(broker.shards[0].is_led_here());
}
