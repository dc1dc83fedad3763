//! `eddy`, the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    eddy::Workbench::new().main()
}
