//! A leader election, and typical mistakes in it.
//!
//! All mutants are one small protocol with one flaw each. Every 400 ms each node asks all nodes for
//! their votes if it knows no leader; a leader asks for the same votes again to keep them. A vote
//! lasts 2 s on the voter's side and 1 s on the leader's, and the term is on a disk.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// A voter votes for every candidate.
    VotesTwice,
    /// A node counts the leaders that it has seen since its start.
    CountsFromItsStart,
    /// A leader leads until it hears of a higher term.
    NeverResigns,
    /// A voter does not learn which candidate was elected.
    NeverLearns,
    /// The term is sent as a string.
    TermIsText,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::LeaderElection,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "vote for every candidate of a term",
            world: World::Distance,
            anomaly: "two-leaders-in-a-term",
            run: |world, seed| run(Flaw::VotesTwice, world, seed),
        },
        Mutant {
            flaw: "count terms from their own start",
            world: World::Deaths,
            anomaly: "term-went-back",
            run: |world, seed| run(Flaw::CountsFromItsStart, world, seed),
        },
        Mutant {
            flaw: "lead until they hear of a higher term",
            world: World::OneCutOff,
            anomaly: "split-brain",
            run: |world, seed| run(Flaw::NeverResigns, world, seed),
        },
        Mutant {
            flaw: "do not learn which candidate was elected",
            world: World::Calm,
            anomaly: "no-agreement",
            run: |world, seed| run(Flaw::NeverLearns, world, seed),
        },
        Mutant {
            flaw: "send the term as a string",
            world: World::Calm,
            anomaly: "malformed-reply",
            run: |world, seed| run(Flaw::TermIsText, world, seed),
        },
    ],
);

/// The time for which a leader leads after it asked for the votes of a majority.
const LEASE: Duration = secs(1);

/// The time for which a voter gives its vote to no other node.
const PROMISE: Duration = secs(2);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Leader,
    Ask { term: u64, round: u64, leads: bool },
    Vote { term: u64, round: u64 },
}

/// The last term of each node, and the node that it voted for in it: what is on its disk.
type Disks = Rc<RefCell<BTreeMap<String, (u64, String)>>>;

struct Election {
    flaw: Flaw,
    disks: Disks,
    state: RefCell<State>,
}

struct State {
    term: u64,
    voted_for: String,
    /// The time before which the node votes for no other node and asks for no votes.
    bound_until: Instant,
    /// The leader of `term`, once it has made itself known.
    leader: Option<String>,
    /// The number of leaders since the node's start.
    leaders_seen: u64,
    /// The term and the time of the last request for votes.
    asked: (u64, Instant),
    round: u64,
    votes: BTreeSet<String>,
    leads_until: Instant,
}

impl Election {
    fn new(flaw: Flaw, disks: &Disks, cx: &Context) -> Self {
        let now = Instant::now();
        let disk = disks.borrow().get(cx.id()).cloned();
        let bound_until = disk.as_ref().map_or(now, |_| now + PROMISE);
        let (term, voted_for) = disk.unwrap_or_default();
        Self {
            flaw,
            disks: Rc::clone(disks),
            state: RefCell::new(State {
                term,
                voted_for,
                bound_until,
                leader: None,
                leaders_seen: 0,
                asked: (0, now),
                round: 0,
                votes: BTreeSet::new(),
                leads_until: now,
            }),
        }
    }

    fn set_vote(&self, cx: &Context, state: &mut State, term: u64, candidate: &str) {
        if term > state.term {
            state.leader = None;
        }
        (state.term, state.voted_for) = (term, candidate.to_owned());
        let disk = (term, candidate.to_owned());
        self.disks.borrow_mut().insert(cx.id().to_owned(), disk);
    }

    /// Asks for votes: in a new term, or again if the node leads.
    fn ask(&self, cx: &Context) {
        let now = Instant::now();
        let state = &mut *self.state.borrow_mut();
        let leads = state.leader.as_deref() == Some(cx.id());
        if leads && now >= state.leads_until && self.flaw != Flaw::NeverResigns {
            state.leader = None;
            return;
        }
        if !leads {
            if now < state.bound_until {
                return;
            }
            state.leader = None;
            let term = state.term + 1;
            self.set_vote(cx, state, term, cx.id());
        }
        state.round += 1;
        state.asked = (state.term, now);
        state.votes = BTreeSet::from([cx.id().to_owned()]);
        for peer in cx.peers() {
            let (term, round) = (state.term, state.round);
            let ask = json!({ "type": "ask", "term": term, "round": round, "leads": leads });
            cx.send(peer, &ask);
        }
    }

    /// Votes for a candidate, or follows a leader.
    fn asked(&self, cx: &Context, term: u64, round: u64, leads: bool) {
        let now = Instant::now();
        let state = &mut *self.state.borrow_mut();
        let candidate = cx.sender();
        if term > state.term && state.leader.as_deref() == Some(cx.id()) {
            // A node with a higher term would never follow this one.
            state.leader = None;
            state.leads_until = now;
        }
        let is_free = now >= state.bound_until && now >= state.leads_until;
        let votes = match term.cmp(&state.term) {
            Ordering::Greater => is_free || leads,
            Ordering::Equal => {
                state.voted_for == candidate || leads || self.flaw == Flaw::VotesTwice
            }
            Ordering::Less => false,
        };
        if !votes {
            return;
        }
        self.set_vote(cx, state, term, candidate);
        state.bound_until = now + PROMISE;
        if leads && self.flaw != Flaw::NeverLearns {
            state.learn(candidate);
        }
        cx.send(
            candidate,
            &json!({ "type": "vote", "term": term, "round": round }),
        );
    }

    fn voted(&self, cx: &Context, term: u64, round: u64) {
        let state = &mut *self.state.borrow_mut();
        if (term, round) != (state.asked.0, state.round) || term != state.term {
            return;
        }
        state.votes.insert(cx.sender().to_owned());
        if 2 * state.votes.len() > cx.nodes().len() {
            state.learn(cx.id());
            state.leads_until = state.asked.1 + LEASE;
        }
    }

    fn answer(&self, cx: &Context) -> Result<Value> {
        let state = self.state.borrow();
        let leads = state.leader.as_deref() == Some(cx.id());
        let has_ended = leads && Instant::now() >= state.leads_until;
        let leader = state.leader.as_ref();
        let leader = leader.filter(|_| !has_ended || self.flaw == Flaw::NeverResigns);
        let leader = leader.ok_or_else(|| Error::temporarily_unavailable("no leader"))?;
        let term = match self.flaw {
            Flaw::TermIsText => json!(state.term.to_string()),
            Flaw::CountsFromItsStart => json!(state.leaders_seen),
            _ => json!(state.term),
        };
        Ok(json!({ "type": "leader_ok", "leader": leader, "term": term }))
    }
}

impl State {
    fn learn(&mut self, leader: &str) {
        if self.leader.as_deref() != Some(leader) {
            self.leader = Some(leader.to_owned());
            self.leaders_seen += 1;
        }
    }
}

impl Node for Election {
    type Request = Request;
    type Reply = Option<Value>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
        match request {
            Request::Leader => return self.answer(cx).map(Some),
            Request::Ask { term, round, leads } => self.asked(cx, term, round, leads),
            Request::Vote { term, round } => self.voted(cx, term, round),
        }
        Ok(None)
    }

    async fn background(&self, cx: &Context) {
        loop {
            let pause = cx.rng().random_range(300..500);
            sleep(ms(pause)).await;
            self.ask(cx);
        }
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let disks = Disks::default();
    let nodes = Simulation::new(seed).nodes(3, move |cx: &Context| Election::new(flaw, &disks, cx));
    let load = Load::of(workload::LeaderElection)
        .rate(60.0)
        .time_limit(secs(15));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_election_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
