//! The command line.

mod analyze;
mod command_line;
mod console;
mod options;
mod serve;
mod suite;
mod test;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use options::{TestOptions, TestPlan};
pub use test::{Finished, perform};
pub use values::{Concurrency, Faults};

/// Bad arguments.
pub const EXIT_USAGE: u8 = 254;

/// The run broke off: a node crashed or did not start, or Eddy itself failed.
pub const EXIT_CRASH: u8 = 255;

#[derive(Parser)]
#[command(
    name = "eddy",
    version,
    about = "A Maelstrom-compatible workbench for toy implementations of distributed systems",
    after_help = "Exit codes: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the run broke off."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a workload against a node program and checks what clients saw
    #[command(args_override_self = true)]
    Test(Box<TestOptions>),
    /// Runs challenges with their official options, and compares with their targets
    Suite(suite::SuiteOptions),
    /// Checks a saved history
    Analyze(analyze::AnalyzeOptions),
    /// Shows past runs in a browser
    Serve(serve::ServeOptions),
}

/// Parses the arguments of this process and does what they say.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            // Nothing is left to do if even this cannot be printed.
            let _ = error.print();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(EXIT_USAGE)
            };
        }
    };
    let outcome = match cli.command {
        Command::Test(options) => test::run(*options),
        Command::Suite(options) => suite::run(&options),
        Command::Analyze(options) => analyze::run(&options),
        Command::Serve(options) => serve::run(&options),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("eddy: {error:#}");
            ExitCode::from(EXIT_CRASH)
        }
    }
}
