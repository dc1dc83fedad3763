//! [`Flood`](bench::Flood) as a program.

fn main() -> std::process::ExitCode {
    glomers::run(|_| bench::Flood::default())
}
