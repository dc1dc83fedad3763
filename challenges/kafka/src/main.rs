//! `kafka`, the binary.

use std::process::ExitCode;

use kafka::{Kafka, Settings};

fn main() -> ExitCode {
    match Settings::from_args(std::env::args().skip(1)) {
        Ok(settings) => glomers::run(move |cx: &glomers::Context| Kafka::new(cx, settings)),
        Err(error) => {
            eprintln!("kafka: {error}");
            ExitCode::from(2)
        }
    }
}
