//! `txn-list-append`, the binary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use raft::{FileDisk, Options};
use txn_list_append::{OnLog, OnRoot, PATIENCE};

/// Strictly serializable transactions for Maelstrom's txn-list-append workload.
#[derive(Parser)]
struct Arguments {
    /// What makes transactions strictly serializable.
    #[arg(long, value_enum, default_value_t = Strategy::Raft)]
    strategy: Strategy,

    /// Where nodes keep their logs, each in a directory of its own. By default, what
    /// EDDY_DATA_DIR says, or else a temporary directory that belongs to the process that starts
    /// the nodes.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// How long a transaction may take before it fails.
    #[arg(long, value_name = "MS", default_value_t = PATIENCE.as_millis() as u64)]
    patience: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// A replicated log of transactions.
    Raft,
    /// An immutable tree in Maelstrom's lin-kv, whose root is swapped.
    Root,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.strategy {
        Strategy::Root => glomers::run(|_| OnRoot::default()),
        Strategy::Raft => {
            let data_dir = arguments.data_dir.unwrap_or_else(raft::data_dir);
            let options = Options::patience(Duration::from_millis(arguments.patience));
            glomers::run(move |cx| {
                let disk = FileDisk::open(&data_dir, cx.id())?;
                OnLog::new(cx, disk, options)
            })
        }
    }
}
