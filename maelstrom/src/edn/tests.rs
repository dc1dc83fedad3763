use super::*;

#[test]
fn what_is_written_reads_back_the_same() {
    for text in [
        "nil",
        "[1 -2 3.5 1.0E10 170141183460469231731687303715884105727N]",
        r#"{:a "b\n\"c\"", "k" (sym :kw), 1 #{2 3}}"#,
        "#jepsen.history.Op{:index 0, :value [:isolated {\"n1\" #{\"n2\"}}]}",
    ] {
        let value = parse(text).unwrap();
        assert_eq!(parse(&value.to_string()).unwrap(), value, "{text}");
        assert_eq!(
            parse(&format!("{value:#}")).unwrap(),
            value,
            "{text}, indented"
        );
    }
}

#[test]
fn integers_floats_and_strings_are_different_values() {
    let values = parse("#{1 1.0 \"1\"}").unwrap();
    assert!(matches!(values, Value::Set(items) if items.len() == 3));
}

#[test]
fn thirty_two_bit_figures_print_with_thirty_two_bit_precision() {
    assert_eq!(Value::single(0.944_105_7).to_string(), "0.9441057");
}

#[test]
fn bad_text_is_refused_with_its_position() {
    for text in ["", "[1 2", "{:a}", "\"abc", "1x", ")", "[1] 2"] {
        parse(text).expect_err(text);
    }
    parse(&"[".repeat(100_000)).expect_err("nesting is bounded");
}
