//! Eddy with one more workload: `cargo run -- test -w bank --bin ./node`.

use std::process::ExitCode;

fn main() -> ExitCode {
    eddy::Workbench::new().workload(bank::Bank).main()
}
