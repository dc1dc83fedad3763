//! The binary of the challenge `txn-list-append`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use raft::{FileDisk, Options};
use txn_list_append::{OnLog, OnRoot, REQUEST_TIMEOUT};

/// Strictly serializable transactions for Maelstrom's txn-list-append workload.
#[derive(Parser)]
struct Arguments {
    /// Mechanism that orders the transactions.
    #[arg(long, value_enum, default_value_t = Strategy::Raft)]
    strategy: Strategy,

    /// Directory for the nodes' logs, each in a subdirectory named after the node. By default
    /// EDDY_DATA_DIR, or a new temporary directory; a node in a temporary directory loses its log
    /// when it is restarted.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Time after which a transaction fails.
    #[arg(long, value_name = "MS", default_value_t = REQUEST_TIMEOUT.as_millis() as u64)]
    request_timeout: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// A replicated log of transactions.
    Raft,
    /// An immutable tree in Maelstrom's lin-kv service, whose root is swapped.
    Root,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.strategy {
        Strategy::Root => glomers::run(|_| OnRoot::default()),
        Strategy::Raft => {
            let request_timeout = Duration::from_millis(arguments.request_timeout);
            let options = Options::with_request_timeout(request_timeout);
            glomers::run(move |cx| {
                let disk = FileDisk::open(&raft::data_dir(arguments.data_dir)?, cx.id())?;
                OnLog::new(cx, disk, options)
            })
        }
    }
}
