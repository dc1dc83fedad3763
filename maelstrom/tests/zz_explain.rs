//! scratch
#[test]
fn show() {
    for d in ["copies-2", "denies-often", "lostcas", "odd"] {
        let h = eddy::history::read_file(
            format!(
                "{}/tests/golden/lin-kv-{d}/history.edn.gz",
                env!("CARGO_MANIFEST_DIR")
            )
            .as_ref(),
        )
        .unwrap();
        let a = eddy::check::linearizable::check(&h);
        use eddy::check::Analysis;
        eprintln!("{d}\n{}\n{:#}", a.explanation().unwrap(), a.to_edn());
    }
}
