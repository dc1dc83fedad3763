//! The binary of [`Flood`](bench::Flood).

fn main() -> std::process::ExitCode {
    glomers::run(|_| bench::Flood::default())
}
