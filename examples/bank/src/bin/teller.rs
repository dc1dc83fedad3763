//! The node as a program: `cargo run -- test -w bank --bin target/debug/teller`.

use std::process::ExitCode;

use bank::Teller;

/// The workload's default number of accounts.
const ACCOUNTS: usize = 5;

fn main() -> ExitCode {
    glomers::run(|_| Teller::new(ACCOUNTS))
}
