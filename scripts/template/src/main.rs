//! `@NAME@`, the binary.

fn main() -> std::process::ExitCode {
    glomers::run(@CRATE@::@TYPE@::new)
}
