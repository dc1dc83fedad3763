//! The binary of the challenge `lin-kv`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lin_kv::{LinKv, REQUEST_TIMEOUT};
use raft::{FileDisk, Options};

/// A linearizable key-value store for Maelstrom's lin-kv workload.
#[derive(Parser)]
struct Arguments {
    /// Directory for the nodes' logs, each in a subdirectory named after the node. By default
    /// EDDY_DATA_DIR, or a new temporary directory; a node in a temporary directory loses its log
    /// when it is restarted.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Time after which a request fails.
    #[arg(long, value_name = "MS", default_value_t = REQUEST_TIMEOUT.as_millis() as u64)]
    request_timeout: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let request_timeout = Duration::from_millis(arguments.request_timeout);
    let options = Options::with_request_timeout(request_timeout);
    glomers::run(move |cx| {
        let disk = FileDisk::open(&raft::data_dir(arguments.data_dir)?, cx.id())?;
        LinKv::new(cx, disk, options)
    })
}
