//! The command line.

mod analyze;
mod command_line;
mod compare;
mod complete;
mod console;
mod demo;
mod help_pages;
mod junit;
mod messages;
mod new;
mod node_names;
mod options;
mod perform;
mod serve;
mod shrink;
mod suite;
mod summary;
mod targets;
mod test;
mod values;
mod warnings;
mod workload_args;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use options::TestOptions;

use crate::Workbench;
use workload_args::{given, with_options};

/// The exit code for bad arguments.
pub const EXIT_USAGE: u8 = 254;

/// The exit code for a run that broke off: a node crashed or did not start, the user interrupted it, or
/// Eddy itself failed.
pub const EXIT_CRASH: u8 = 255;

#[derive(Parser)]
#[command(
    name = "eddy",
    version = crate::VERSION,
    about = "A Maelstrom-compatible workbench for toy implementations of distributed systems",
    after_help = "`eddy demo` shows in half a minute what it is for.\n\nExit codes: 0 valid, 1 invalid, \
                  2 unknown, 254 bad arguments, 255 the run broke off."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a workload against a node program and checks what clients saw
    #[command(args_override_self = true, after_help = TEST_EXAMPLES)]
    Test(Box<TestOptions>),
    /// Runs challenges with their official options, or suites of your own, and compares with their
    /// targets
    #[command(after_help = SUITE_EXAMPLES)]
    Suite(suite::SuiteOptions),
    /// Checks a run of the past, or any saved history
    Analyze(analyze::AnalyzeOptions),
    /// Shows two runs side by side: options, figures, latencies, verdicts
    Compare(compare::CompareOptions),
    /// Lists the runs of a store
    List(compare::ListOptions),
    /// Shows the runs of a store in a browser
    Serve(serve::ServeOptions),
    /// Prints the messages of a past run
    Messages(messages::MessagesOptions),
    /// Shows a broken node, why it is broken, and the same node without the mistake
    Demo(demo::DemoOptions),
    /// Runs a node of the demonstration
    #[command(hide = true)]
    Node(demo::NodeOptions),
    /// Lists the workloads, or shows the protocol of one
    Workloads(help_pages::WorkloadsOptions),
    /// Shows the protocols of the services that nodes may use
    Services(help_pages::ServicesOptions),
    /// Explains the anomalies that checkers find
    Anomalies(help_pages::AnomaliesOptions),
    /// Creates a directory with a starter node
    New(new::NewOptions),
    /// Prints a script that completes commands and options in a shell
    Completions(complete::CompletionsOptions),
    /// Prints the manual page
    Man,
}

const TEST_EXAMPLES: &str = "\
Examples:
  eddy test -w echo --bin ./my-node --node-count 1 --time-limit 10
  eddy test -w broadcast --bin ./my-node --node-count 25 --rate 100 --latency 100 --time-limit 20
  eddy test -w lin-kv --bin ./my-node --concurrency 2n --nemesis partition,kill --seed 7
  eddy test -w g-counter --bin /usr/bin/python3 -- node.py     what follows -- goes to the node
  eddy test -w kafka --bin ./my-node --test-count 10 --quiet --junit report.xml

Results are in store/latest; `eddy serve` shows them in a browser.";

const SUITE_EXAMPLES: &str = "\
Examples:
  eddy suite broadcast-3d
  eddy suite broadcast --repeat 10 --junit report.xml
  eddy suite all --bench both -- --time-limit 10
  eddy suite --file my-suites.toml";

/// Parses the arguments and executes the command.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>, bench: &Workbench) -> ExitCode {
    let cli = match parse(arguments, bench) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            // There is no other place to report that this cannot be printed.
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
        Command::Compare(options) => compare::compare(&options),
        Command::List(options) => compare::list(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Messages(options) => messages::run(&options),
        Command::Demo(options) => demo::run(&options, bench),
        Command::Node(options) => return demo::node(&options),
        Command::Workloads(options) => help_pages::workloads(&options, &bench.workloads),
        Command::Services(options) => help_pages::services(&options),
        Command::Anomalies(options) => help_pages::anomalies(&options),
        Command::New(options) => new::run(&options),
        Command::Completions(options) => complete::completions(&options, command(bench)),
        Command::Man => complete::man(command(bench)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("eddy: {error:#}");
            ExitCode::from(EXIT_CRASH)
        }
    }
}

/// Returns the command line as this workbench has it: with its workloads and their options.
fn command(bench: &Workbench) -> clap::Command {
    let workloads: Vec<&str> = bench
        .workloads
        .iter()
        .map(|workload| workload.name())
        .collect();
    let workloads = workloads.join(", ");
    let commands = ["test", "analyze"].into_iter();
    commands.fold(Cli::command(), |command, name| {
        command.mut_subcommand(name, |command| {
            let command = with_options(command, &bench.workloads);
            command.mut_arg("workload", |workload| {
                let help = workload.get_help().map(ToString::to_string);
                workload.help(format!("{}: {workloads}", help.unwrap_or_default()))
            })
        })
    })
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    bench: &Workbench,
) -> Result<Cli, clap::Error> {
    let matches = command(bench).try_get_matches_from(arguments)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    let options_given = || {
        let matches = matches.subcommand().map(|(_, matches)| matches);
        matches.map_or_else(Default::default, |matches| given(matches, &bench.workloads))
    };
    match &mut cli.command {
        Command::Test(options) => options.workload_options = options_given(),
        Command::Analyze(options) => options.workload_options = options_given(),
        _ => {}
    }
    Ok(cli)
}
