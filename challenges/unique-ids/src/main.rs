//! `unique-ids`, the binary.

fn main() -> std::process::ExitCode {
    glomers::run(unique_ids::UniqueIds::new)
}
