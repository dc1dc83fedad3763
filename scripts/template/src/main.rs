//! The binary `@NAME@`.

fn main() -> std::process::ExitCode {
    glomers::run(@CRATE@::@TYPE@::new)
}
