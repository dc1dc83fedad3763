//! `broadcast`, the binary.

use broadcast::{Broadcast, Windows};

fn main() -> std::process::ExitCode {
    glomers::run(|cx| Broadcast::new(cx, Windows::balanced()))
}
