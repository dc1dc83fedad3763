//! `lin-kv`, the binary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lin_kv::{LinKv, PATIENCE};
use raft::{FileDisk, Options};

/// A linearizable key-value store for Maelstrom's lin-kv workload.
#[derive(Parser)]
struct Arguments {
    /// Where nodes keep their logs, each in a directory of its own. By default, what
    /// EDDY_DATA_DIR says, or else a temporary directory that belongs to the process that starts
    /// the nodes.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// How long a request may take before it fails.
    #[arg(long, value_name = "MS", default_value_t = PATIENCE.as_millis() as u64)]
    patience: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let data_dir = arguments.data_dir.unwrap_or_else(raft::data_dir);
    let options = Options::patience(Duration::from_millis(arguments.patience));
    glomers::run(move |cx| {
        let disk = FileDisk::open(&data_dir, cx.id())?;
        LinKv::new(cx, disk, options)
    })
}
