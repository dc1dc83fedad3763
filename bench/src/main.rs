//! `make bench`: the performance of the runtime and the workbench, beside its targets.
//!
//! Every figure is the median of several rounds. Programs to be compared run alternately, so that other
//! load on the machine affects all of them. Memory is measured in a separate process.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures real time and prints a table"
)]

mod analyze;
mod calls;
mod echo;
mod figures;
mod histories;
mod memory;
mod processes;
mod saturate;
mod simulated;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use figures::Table;

#[derive(Parser)]
#[command(about = "Measures the runtime and the workbench")]
struct Options {
    /// What to measure [default: all but analyze and saturate, which take minutes]
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// Rounds; the median is reported
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Requests per round of echo
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    requests: usize,

    /// Messages in the long simulation
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    messages: u64,

    /// Operations of the histories that analyze judges, in ascending order
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,

    /// Histories that analyze judges [default: all of them]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    histories: Vec<String>,

    /// Numbers of clients in saturate
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 10, 100, 1_000])]
    clients: Vec<usize>,

    /// Programs that saturate measures, lin-kv or kafka [default: both]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    programs: Vec<String>,

    /// Judges one history in this process
    #[arg(long, hide = true)]
    judge: Option<analyze::Job>,

    /// Measures one figure that needs a separate process
    #[arg(long, hide = true)]
    alone: Option<memory::Alone>,
}

/// A part of the table.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Replies per second through pipes, beside other runtimes
    Echo,
    /// Calls between nodes
    Calls,
    /// Eddy on real processes
    Processes,
    /// Eddy in virtual time
    Simulated,
    /// Memory
    Memory,
    /// Checkers on histories of up to a million operations
    Analyze,
    /// lin-kv and kafka on real processes with 1 to 1,000 clients
    Saturate,
}

impl Part {
    /// Whether the part is measured: only on request if it takes minutes.
    fn is_selected(self, parts: &[Part]) -> bool {
        match parts.is_empty() {
            true => !matches!(self, Part::Analyze | Part::Saturate),
            false => parts.contains(&self),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures the selected parts. Returns whether all targets are met.
fn measure(options: &Options) -> Result<bool> {
    if let Some(alone) = options.alone {
        println!("{}", alone.measure(options.messages)?);
        return Ok(true);
    }
    if let Some(job) = &options.judge {
        println!("{}", job.perform()?);
        return Ok(true);
    }
    let (mut table, mut are_met) = (Table::default(), true);
    for &part in Part::value_variants() {
        if !part.is_selected(&options.parts) {
            continue;
        }
        match part {
            Part::Echo => echo::measure(&mut table, options.rounds, options.requests)?,
            Part::Calls => calls::measure(&mut table, options.rounds)?,
            Part::Processes => processes::measure(&mut table, options.rounds)?,
            Part::Simulated => simulated::measure(&mut table, options.rounds)?,
            Part::Memory => memory::measure(&mut table, options.messages)?,
            Part::Saturate => {
                saturate::measure(&options.programs, &options.clients, options.rounds)?;
            }
            Part::Analyze => {
                are_met &= analyze::measure(&options.histories, &options.sizes, options.rounds)?;
            }
        }
    }
    Ok(are_met && table.all_met())
}

/// Returns the path of a program that `make bench` built; `place` is relative to the build directory.
fn program(place: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("finding this program")?;
    let release = this.parent().context("a program is in a directory")?;
    let program = release.join(place);
    ensure!(
        program.exists(),
        "{} is missing: run `make bench`",
        program.display()
    );
    Ok(program)
}

/// Returns a command that runs this program again.
fn this_program() -> Result<Command> {
    Ok(Command::new(
        std::env::current_exe().context("finding this program")?,
    ))
}
