//! `eddy`, the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    eddy::cli::main()
}
