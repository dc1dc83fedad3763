//! The bank in simulation: the correct node passes on every seed, and the checker finds the careless
//! one.

use bank::{Bank, CarelessTeller, Teller};
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
use glomers::Context;

fn load() -> Load {
    Load::of(Bank).rate(50.0).time_limit(secs(5)).option("accounts", 4)
}

#[test]
fn one_step_transfers_keep_the_total_on_every_seed() {
    for_each_seed(|seed| {
        Simulation::new(seed)
            .nodes(3, |_: &Context| Teller::new(4))
            .latency(Latency::constant(ms(10)))
            .run(load())
            .assert_valid();
    });
}

#[test]
fn two_step_transfer_is_found_and_explained() {
    let run = Simulation::new(1)
        .nodes(3, |_: &Context| CarelessTeller::new(4))
        .run(load());
    assert_eq!(run.verdict(), Verdict::Invalid);
    let why = run.results().explanation().expect("an invalid run has a reason");
    assert!(why.contains("wrong-total: money appeared or disappeared"), "{why}");
}
