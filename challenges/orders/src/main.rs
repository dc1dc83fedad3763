//! `orders`, the binary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use orders::archive::Directory;
use orders::{Options, Orders, REQUEST_TIMEOUT};
use raft::FileDisk;

/// A shop that never sells what it does not have.
#[derive(Parser)]
struct Arguments {
    /// How the replicas of a shard are kept alike.
    #[arg(long, value_enum, default_value_t = Strategy::Sharded)]
    strategy: Strategy,

    /// Directory for the nodes' logs, used by the sharded strategy. By default EDDY_DATA_DIR, or a new
    /// temporary directory; a node in a temporary directory loses its log when it is restarted.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Number of shards, except for the Bully strategy, which has one. All nodes need the same number.
    #[arg(long, default_value_t = Options::default().shards, value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: u32,

    /// Number of nodes, the last ones, that hold no shards at first, in the sharded strategy. They join by
    /// registering, and get a share of the shards. All nodes need the same number.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    spares: usize,

    /// Time between the registrations of spares. The first one registers after this time, and with 0 all
    /// of them do as soon as they are up.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    join_interval: Duration,

    /// Time after which another node takes the places of one that does not answer, in the sharded strategy.
    /// By default a node keeps its places.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    replace_after: Option<u64>,

    /// Time after which an order that no request asks for leaves memory, in the sharded strategy.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    idle: Duration,

    /// Time after which a request fails.
    #[arg(long, value_name = "MS", default_value_t = REQUEST_TIMEOUT.as_millis() as u64)]
    request_timeout: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// Shards on a hash ring, each a Raft group of three.
    Sharded,
    /// One leader by the Bully algorithm, which copies everything to all active nodes.
    Bully,
    /// Shards on a hash ring, each led by the first live node of its list.
    Ring,
}

/// Parses seconds, also fractions.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|e| format!("not a number: {e}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        shards: arguments.shards,
        spares: arguments.spares,
        join_interval: arguments.join_interval,
        replace_after: arguments.replace_after.map(Duration::from_secs),
        idle: arguments.idle,
        request_timeout: Duration::from_millis(arguments.request_timeout),
        ..Options::default()
    };
    match arguments.strategy {
        Strategy::Sharded => glomers::run(move |cx| {
            let disk = FileDisk::open(&raft::data_dir(arguments.data_dir)?, cx.id())?;
            let files = Directory::new(disk.dir());
            Orders::sharded(cx, disk, files, &options)
        }),
        Strategy::Bully => glomers::run(move |cx| Orders::bully(cx, &options)),
        Strategy::Ring => glomers::run(move |cx| Orders::ring(cx, &options)),
    }
}
