//! The command line.

mod analyze;
mod command_line;
mod console;
mod help_pages;
mod messages;
mod new;
mod node_names;
mod options;
mod serve;
mod suite;
mod summary;
mod test;
mod values;
mod workload_args;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use options::{TestOptions, TestPlan};
pub use test::{Finished, perform};
pub use values::{Concurrency, FaultNames};

use crate::Workbench;
use workload_args::{given, with_options};

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
    /// Prints the messages of a past run
    Messages(messages::MessagesOptions),
    /// Lists the workloads, or shows the protocol of one
    Workloads(help_pages::WorkloadsOptions),
    /// Shows what nodes may ask the services
    Services(help_pages::ServicesOptions),
    /// Explains the anomalies that checkers find
    Anomalies(help_pages::AnomaliesOptions),
    /// Makes a directory with a node to begin with
    New(new::NewOptions),
}

/// Parses the arguments and does what they say.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>, bench: &Workbench) -> ExitCode {
    let cli = match parse(arguments, bench) {
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
        Command::Test(options) => test::run(*options, bench),
        Command::Suite(options) => suite::run(&options, bench),
        Command::Analyze(options) => analyze::run(&options, bench),
        Command::Serve(options) => serve::run(&options),
        Command::Messages(options) => messages::run(&options),
        Command::Workloads(options) => help_pages::workloads(&options, &bench.workloads),
        Command::Services(options) => help_pages::services(&options),
        Command::Anomalies(options) => help_pages::anomalies(&options),
        Command::New(options) => new::run(&options),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("eddy: {error:#}");
            ExitCode::from(EXIT_CRASH)
        }
    }
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    bench: &Workbench,
) -> Result<Cli, clap::Error> {
    let command = ["test", "analyze"]
        .into_iter()
        .fold(Cli::command(), |command, name| {
            command.mut_subcommand(name, |command| with_options(command, &bench.workloads))
        });
    let matches = command.try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let given = matches.subcommand().map(|(_, matches)| matches);
    match &mut cli.command {
        Command::Test(options) => {
            options.workload_options =
                given.map_or_else(Default::default, |m| self::given(m, &bench.workloads));
        }
        Command::Analyze(options) => {
            options.workload_options =
                given.map_or_else(Default::default, |m| self::given(m, &bench.workloads));
        }
        _ => {}
    }
    Ok(cli)
}
