use super::*;
use crate::check::tests::{history, operation};

#[test]
fn completion_belongs_to_the_open_invocation_of_its_process() {
    let history = history(
        "0 invoke read nil
         1 invoke read nil
         nemesis info start-partition nil
         1 ok read [1]
         0 info read nil
         2 invoke read nil",
    );
    let completions: Vec<_> = history
        .pairs()
        .map(|(invocation, completion)| (invocation.index, completion.map(|op| op.index)))
        .collect();
    assert_eq!(completions, [(0, Some(4)), (1, Some(3)), (5, None)]);
    let completion = history.get(3).unwrap();
    assert_eq!(history.invocation(completion).unwrap().index, 1);
}

#[test]
fn completion_without_an_invocation_stands_alone() {
    let history = history(
        "0 ok read [1]
         0 invoke read nil
         0 ok read [1]
         0 ok read [1]",
    );
    let invocations: Vec<_> = history
        .iter()
        .map(|op| history.invocation(op).map(|op| op.index))
        .collect();
    assert_eq!(invocations, [None, None, Some(1), None]);
}

#[test]
fn written_history_reads_back_the_same() {
    let history = history(
        r#"0 invoke txn [[:r 1 nil]] :final? true
           0 info txn nil :error [:timeout "late"] :exception {:via [{:type a.B}]}
           nemesis info start-partition [:isolated {"n1" #{"n2"}}]
           1 invoke broadcast {"deep" [1.5 "x" 170141183460469231731687303715884105727]}"#,
    );
    let edn = history.to_lines(Operation::edn_line);
    assert_eq!(read_edn(&edn).unwrap(), history);
    let json = history.to_lines(Operation::json_line);
    assert_eq!(read_jsonl(&json).unwrap(), history);
}

#[test]
fn history_may_be_one_vector_of_operations() {
    let text = "[{:type :invoke, :process 0, :f :read, :value nil}
                 {:type :ok, :process 0, :f :read, :value 3}]";
    let history = read_edn(text).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history.pairs().count(), 1);
}

#[test]
fn line_that_is_not_an_operation_is_refused_with_its_number() {
    let good = "{:type :ok, :process 0, :f :read, :value 1}\n";
    for (bad, complaint) in [
        ("{:type :ok, :process 0", "expected '}'"),
        ("{:process 0, :f :read}", "needs a :type"),
        ("{:type :ok, :f :read}", "needs a :process"),
        ("{:type :done, :process 0}", "must be one of"),
        ("{:type :ok, :process -1}", "must be an integer"),
        ("[1 2]", "expected a map"),
    ] {
        let error = read_edn(&format!("{good}{bad}")).expect_err(bad);
        let text = format!("{error:#}");
        assert!(text.starts_with("line 2"), "{text}");
        assert!(text.contains(complaint), "{text}");
    }
}

#[test]
fn exception_is_grouped_by_its_outermost_class() {
    let op = operation("0 info read nil :exception {:via [{:type a.B} {:type c.D}]}");
    assert_eq!(op.exception_class().as_deref(), Some("a.B"));
    let op = operation("0 info read nil :exception \"odd\"");
    assert_eq!(op.exception_class().as_deref(), Some("unknown"));
    assert_eq!(operation("0 info read nil").exception_class(), None);
}

#[test]
fn files_are_read_gzipped_or_plain_as_edn_or_json_lines() {
    let directory = tempfile::tempdir().unwrap();
    let expected = history("0 invoke read nil\n0 ok read [1 2]");
    let edn = expected.to_lines(Operation::edn_line);
    let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzipped, edn.as_bytes()).unwrap();
    for (name, bytes) in [
        ("history.edn", edn.clone().into_bytes()),
        ("history.edn.gz", gzipped.finish().unwrap()),
        (
            "history.jsonl",
            expected.to_lines(Operation::json_line).into_bytes(),
        ),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_file(&path).unwrap(), expected, "{name}");
    }
    let missing = directory.path().join("missing.edn");
    let error = read_file(&missing).unwrap_err();
    assert!(format!("{error:#}").contains("missing.edn"));
}

#[test]
fn equal_values_of_a_long_history_share_memory() {
    let values = |n: usize| ["[[:append 1 2] [:r \"k\" [1 2]]]", "[[:r \"k\" nil]]"][n % 2];
    let entry = |n| operation(&format!("0 ok txn {}", values(n)));
    let history = History::new((0..1100).map(entry));
    let tail: Vec<_> = history.iter().rev().take(4).map(|op| &op.value).collect();
    let start = |value: &Value| value.as_seq().map(<[_]>::as_ptr);
    assert_eq!(start(tail[0]), start(tail[2]));
    assert_ne!(start(tail[0]), start(tail[1]));
    let key = |value: &Value| value.as_seq().unwrap().last().unwrap().as_seq().unwrap()[1].clone();
    let text = |value: &Value| key(value).as_str().map(str::as_ptr);
    assert_eq!(text(tail[0]), text(tail[1]), "a part of two values");
    assert_eq!(history, History::new((0..1100).map(entry)));
}
