//! `kafka`, the binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, value_parser};
use kafka::{Kafka, Settings};

/// Challenge 5: replicated, partitioned logs with local reads. All nodes need the same options.
#[derive(Parser)]
struct Options {
    /// Number of nodes that store a message before it is acknowledged
    #[arg(long, allow_negative_numbers = true, value_name = "COUNT", default_value_t = 3, value_parser = value_parser!(u32).range(1..))]
    replicas: u32,
    /// Milliseconds for which a send may wait to share a batch with others
    #[arg(long, allow_negative_numbers = true, value_name = "MILLISECONDS", default_value_t = 5, value_parser = value_parser!(u64).range(..=500))]
    budget_ms: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let settings = Settings {
        replicas: options.replicas as usize,
        budget: Duration::from_millis(options.budget_ms),
    };
    glomers::run(move |cx: &glomers::Context| Kafka::new(cx, settings))
}
