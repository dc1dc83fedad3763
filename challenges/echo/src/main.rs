//! `echo`, the binary.

fn main() -> std::process::ExitCode {
    glomers::run(|_| echo::Echo)
}
