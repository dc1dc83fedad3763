//! The options that workloads declare, as options of the command line.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Parser};

use super::options::TestOptions;
use crate::workload::{OptionSpec, Workloads};

/// The options of a test without the command, as a suite has them.
#[derive(Parser)]
#[command(name = "eddy test", args_override_self = true, no_binary_name = true)]
struct Test {
    #[command(flatten)]
    options: TestOptions,
}

/// Parses the options of a test. `arguments` do not begin with the name of a program.
pub(super) fn parse_test(
    arguments: impl IntoIterator<Item = OsString>,
    workloads: &Workloads,
) -> Result<TestOptions, clap::Error> {
    let command = with_options(Test::command(), workloads);
    let matches = command.try_get_matches_from(arguments)?;
    let mut options = Test::from_arg_matches(&matches)?.options;
    options.workload_options = given(&matches, workloads);
    Ok(options)
}

/// Adds the options of all workloads to a command, each once. As in upstream, all workloads accept an
/// option of one of them, and the others ignore it.
pub(super) fn with_options(command: Command, workloads: &Workloads) -> Command {
    let options = all(workloads).into_values();
    options.fold(command, |command, (spec, users)| {
        command.arg(argument(spec, &users.join(", ")))
    })
}

fn argument(spec: OptionSpec, users: &str) -> Arg {
    let name = spec.name.to_string();
    let argument = Arg::new(name.clone())
        .long(name)
        .help_heading("Options of workloads");
    let argument = if spec.is_flag() {
        argument
            .help(format!("{} ({users})", spec.help))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        argument
            .help(format!(
                "{} ({users}) [default: {}]",
                spec.help, spec.default
            ))
            .value_name(spec.value_name.to_string())
    };
    argument.value_parser(move |text: &str| spec.accept(text).map(|()| text.to_owned()))
}

/// Returns the values of the workloads' options that were given, by name.
pub(super) fn given(matches: &ArgMatches, workloads: &Workloads) -> BTreeMap<String, String> {
    let names = all(workloads).into_keys();
    let values = names.filter_map(|name| {
        let value = matches.get_one::<String>(&name)?.clone();
        Some((name, value))
    });
    values.collect()
}

/// Returns every option by name, with the workloads that declare it.
fn all(workloads: &Workloads) -> BTreeMap<String, (OptionSpec, Vec<String>)> {
    let mut all: BTreeMap<String, (OptionSpec, Vec<String>)> = BTreeMap::new();
    for workload in workloads.iter() {
        for spec in workload.options() {
            let name = spec.name.to_string();
            let (_, users) = all.entry(name).or_insert((spec, Vec::new()));
            users.push(workload.name().to_owned());
        }
    }
    all
}
