//! `eddy demo`: a broken node, why it is broken, and the same node without the mistake.

mod nodes;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::console::{Verbosity, print};
use super::options::{Output, TestPlan};
use super::perform::{Finished, perform};
use super::test;
use super::workload_args::parse_test;
use crate::Workbench;
use crate::check::Verdict;
use crate::seed::Seed;

/// The options of both runs. Few seconds are enough: the mistake shows in nearly every value.
const OPTIONS: [&str; 12] = [
    "-w",
    "broadcast",
    "--node-count",
    "5",
    "--topology",
    "line",
    "--time-limit",
    "3",
    "--rate",
    "30",
    "--latency",
    "20",
];

/// The seed of both runs.
const SEED: Seed = Seed(7);

const INTRODUCTION: &str = "\
Five nodes in a line, n0 - n1 - n2 - n3 - n4. Clients send numbers to any of them, and each number must
become readable on all of them. The first node program has a common mistake: it passes on what a client
sent, but not what a neighbour sent.

    if is_from_client {
        for neighbour in neighbours { cx.send(neighbour, …) }
    }
";

const FIX: &str = "
The explanation says which values are missing, and where: a value gets one hop far and no further. The
second program passes on every value that is new to it, from clients and neighbours.

    if is_new {
        for neighbour in neighbours { cx.send(neighbour, …) }
    }
";

const NEXT: &str = "
Next:
  eddy new --lang python my-node     a node to begin with; or javascript, go, java, cpp
  eddy workloads broadcast           the messages, and what the checker demands
  eddy test -w broadcast --bin ./my-node/node.py --nemesis partition
                                     your node, with a network that is cut in two now and then
  eddy serve                         the pages of all runs in a browser";

#[derive(Args)]
pub(super) struct DemoOptions {}

#[derive(Args)]
pub(super) struct NodeOptions {
    /// The node
    name: DemoNode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DemoNode {
    BrokenBroadcast,
    FixedBroadcast,
}

/// Runs this process as a node. Nothing else may be written to standard output.
pub(super) fn node(options: &NodeOptions) -> ExitCode {
    nodes::run(options.name == DemoNode::FixedBroadcast)
}

pub(super) fn run(_: &DemoOptions, bench: &Workbench) -> Result<u8> {
    print(INTRODUCTION);
    let broken = run_node("broken-broadcast", bench)?;
    if broken.is_interrupted {
        return Ok(super::EXIT_CRASH);
    }
    print(FIX);
    let fixed = run_node("fixed-broadcast", bench)?;
    let [a, b] = [&broken, &fixed].map(|run| run.directory.display());
    print(&format!("{NEXT}\n  eddy compare {a} {b}\n"));
    let is_as_announced =
        broken.results.verdict() == Verdict::Invalid && fixed.results.verdict() == Verdict::Valid;
    Ok(u8::from(!is_as_announced))
}

/// Runs one of the demonstration's nodes, and prints the results.
fn run_node(name: &str, bench: &Workbench) -> Result<Finished> {
    let plan = plan(name, bench)?;
    eprintln!("Running {name}; this takes about 15 s …");
    let finished = perform(&plan, SEED, Verbosity::Progress)?;
    test::print(&finished, Output::Summary, &[]);
    Ok(finished)
}

fn plan(name: &str, bench: &Workbench) -> Result<TestPlan> {
    let eddy = std::env::current_exe().context("the path of eddy itself")?;
    let words = ["--bin".into(), eddy.into_os_string()]
        .into_iter()
        .chain(OPTIONS.map(Into::into))
        .chain(["--", "node", name].map(Into::into));
    let options = parse_test(words, &bench.workloads)?;
    options.plan(bench).map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_demonstration_fit_together() {
        let plan = plan("broken-broadcast", &Workbench::new()).unwrap();
        assert_eq!(plan.settings.nodes.len(), 5);
        assert_eq!(plan.options.node_args, ["node", "broken-broadcast"]);
    }
}
