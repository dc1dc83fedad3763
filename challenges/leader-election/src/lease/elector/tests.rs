//! Tests of three electors whose messages and clocks the test moves.

use super::*;
use crate::lease::timing::CLOCK_RATE_ERROR;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn node(position: usize) -> NodeId {
    format!("n{position}").into()
}

fn elector(position: usize, disk: (Term, Option<NodeId>), now: Duration) -> Elector {
    let nodes = [0, 1, 2].map(node);
    Elector::new(node(position), &nodes, Timing::default(), 1, disk, now)
}

/// Delivers messages without delay until there are none, except those to or from `cut`.
fn settle(electors: &mut [Elector; 3], now: Duration, cut: Option<usize>) {
    loop {
        let mut sent = Vec::new();
        for (from, elector) in electors.iter_mut().enumerate() {
            let messages = elector.output().messages.into_iter();
            sent.extend(messages.map(|(to, packet)| (from, to, packet)));
        }
        if sent.is_empty() {
            return;
        }
        for (from, to, packet) in sent {
            let dest = (0..3).find(|&position| node(position) == to);
            let dest = dest.expect("messages go to nodes");
            if cut != Some(from) && cut != Some(dest) {
                electors[dest].step(now, &node(from), packet);
            }
        }
    }
}

/// Creates three nodes, of which the first leads from 1 s on.
fn cluster() -> [Elector; 3] {
    let mut electors = [0, 1, 2].map(|position| elector(position, (0, None), ms(0)));
    electors[0].tick(ms(1000));
    settle(&mut electors, ms(1000), None);
    assert_eq!(electors[0].leader(ms(1000)), Some((node(0), 1)));
    electors
}

fn packet(term: Term, message: Message) -> Packet {
    Packet { term, message }
}

/// Returns whether the elector's output grants its vote.
fn grants(elector: &mut Elector) -> bool {
    let messages = elector.output().messages.into_iter();
    messages
        .filter(|(_, packet)| packet.message == Message::VoteGranted)
        .count()
        == 1
}

#[test]
fn leader_names_itself_for_a_lease_and_others_name_it_until_they_stand() {
    let electors = cluster();
    for elector in &electors {
        assert_eq!(elector.leader(ms(1999)), Some((node(0), 1)));
    }
    assert_eq!(electors[0].leader(ms(2000)), None);
    // The first successor stands for election 40 ms after its promise of 1010 ms has ended.
    assert_eq!(electors[1].leader(ms(2049)), Some((node(0), 1)));
    assert_eq!(electors[1].leader(ms(2050)), None);
}

#[test]
fn lease_counts_from_the_sending_of_the_renewal() {
    let mut electors = cluster();
    let renew_at = electors[0].deadline();
    electors[0].tick(renew_at);
    // The answers come half a second late.
    settle(&mut electors, renew_at + ms(500), None);
    let lease = Timing::default().lease;
    assert!(electors[0].leader(renew_at + lease - ms(1)).is_some());
    assert!(electors[0].leader(renew_at + lease).is_none());
}

/// Checks both sides of the limit on clock rates. The leader's clock is slow and the voter's is
/// right. The worst schedule asks for a vote at the moment when the promise ends.
#[test]
fn vote_follows_the_lease_if_and_only_if_clock_rates_differ_by_at_most_one_percent() {
    let overlaps = |ratio: f64| {
        let mut electors = cluster();
        let voter = &mut electors[1];
        let real = (0..2_000).map(ms).find(|&elapsed| {
            voter.step(ms(1000) + elapsed, &node(2), packet(2, Message::Vote));
            grants(voter)
        });
        let by_the_leaders_clock = real.expect("promises end").div_f64(ratio);
        electors[0]
            .leader(ms(1000) + by_the_leaders_clock)
            .is_some()
    };
    assert!(!overlaps(1.0));
    assert!(!overlaps(1.0 + CLOCK_RATE_ERROR));
    assert!(overlaps(1.0 + CLOCK_RATE_ERROR + 0.002));
}

#[test]
fn voter_votes_once_in_a_term_and_repeats_a_lost_reply() {
    let mut voter = elector(0, (0, None), ms(0));
    for (candidate, is_granted) in [(1, true), (2, false), (1, true)] {
        voter.step(ms(5), &node(candidate), packet(4, Message::Vote));
        assert_eq!(grants(&mut voter), is_granted, "n{candidate}");
    }
}

#[test]
fn vote_is_in_the_same_output_as_its_record() {
    let mut voter = elector(0, (0, None), ms(0));
    voter.step(ms(5), &node(1), packet(4, Message::Vote));
    let output = voter.output();
    assert_eq!(output.vote, Some((4, Some(node(1)))));
    assert_eq!(output.messages.len(), 1);
}

#[test]
fn restarted_voter_keeps_the_longest_promise_it_may_have_made() {
    let promise = Timing::default().promise;
    let mut restarted = elector(1, (3, None), ms(100));
    restarted.step(
        ms(100) + promise - ms(1),
        &node(2),
        packet(4, Message::Vote),
    );
    assert!(!grants(&mut restarted));
    restarted.step(ms(100) + promise, &node(2), packet(4, Message::Vote));
    assert!(grants(&mut restarted));
}

#[test]
fn request_for_a_vote_during_a_promise_does_not_change_the_term() {
    let mut electors = cluster();
    electors[1].step(ms(1500), &node(2), packet(9, Message::Vote));
    assert_eq!(electors[1].term(), 1);
    assert!(electors[1].output().messages.is_empty());
}

#[test]
fn leader_without_a_majority_resigns_and_another_is_elected() {
    let mut electors = cluster();
    let mut now = ms(1000);
    while electors[1]
        .leader(now)
        .is_none_or(|(leader, _)| leader != node(1))
    {
        now = electors
            .iter()
            .map(Elector::deadline)
            .min()
            .unwrap()
            .max(now + ms(1));
        assert!(now < ms(3000), "no leader in two seconds");
        for elector in &mut electors {
            elector.tick(now);
        }
        settle(&mut electors, now, Some(0));
    }
    assert_eq!(electors[1].leader(now), Some((node(1), 2)));
    assert_eq!(electors[0].leader(now), None);
}

#[test]
fn messages_from_unknown_nodes_and_from_itself_are_ignored() {
    let mut voter = elector(0, (0, None), ms(0));
    for stranger in ["n0", "n9", "c1"] {
        voter.step(ms(5), &stranger.into(), packet(4, Message::Vote));
    }
    let output = voter.output();
    assert!(output.vote.is_none() && output.messages.is_empty());
}
