//! The node as a program: `cargo run -- test -w bank --bin target/debug/teller`.

use std::process::ExitCode;

use bank::Teller;

/// The number of accounts, as the workload has it by default.
const ACCOUNTS: usize = 5;

fn main() -> ExitCode {
    glomers::run(|_| Teller::new(ACCOUNTS))
}
