//! The correct node passes on every seed and as a program. The checker finds the careless one, and
//! the failing run is shrunk to a few events.

use bank::{Bank, CarelessTeller, Teller};
use eddy::Test;
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Run, for_each_seed, ms, secs, shrink, story};
use glomers::Context;

fn test() -> Test {
    Test::new(Bank).node_count(3).rate(50.0).time_limit(secs(5))
}

#[test]
fn one_step_transfers_keep_the_total_on_every_seed() {
    for_each_seed(|seed| {
        let test = test().seed(seed).latency(Latency::constant(ms(10)));
        let run = test.simulated(|_: &Context| Teller::new(5)).run();
        run.expect("the options fit together").assert_valid();
    });
}

#[test]
fn program_passes_on_real_processes() {
    let test = test().command(env!("CARGO_BIN_EXE_teller"), [""; 0]);
    test.run().expect("the program can be started").assert_valid();
}

fn careless() -> Run {
    let test = test().seed(1).simulated(|_: &Context| CarelessTeller::new(5));
    test.run().expect("the options fit together")
}

#[test]
fn two_step_transfer_is_found_and_explained() {
    let run = careless();
    assert_eq!(run.verdict(), Verdict::Invalid);
    let why = run.results().explanation().expect("an invalid run has a reason");
    assert!(why.contains("wrong-total: money appeared or disappeared"), "{why}");
}

#[test]
fn failing_run_is_shrunk_to_a_transfer_and_a_read() {
    let smallest = shrink(60, careless).expect("the run is not valid");
    assert_eq!(smallest.operations(), 2);
    println!("{}", story(&smallest).join("\n"));
}
