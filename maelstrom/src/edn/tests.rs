use super::*;

#[test]
fn written_value_reads_back_the_same() {
    for text in [
        "nil",
        "[1 -2 3.5 1.0E10 170141183460469231731687303715884105727N]",
        "#{-1701411834604692317316873037158841057280N 340282366920938463463374607431768211456N}",
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
fn integers_of_any_size_are_ordered_by_value() {
    let big = format!("1{}", "0".repeat(40));
    let bigger = format!("2{}", "0".repeat(40));
    let texts = [
        format!("-{bigger}"),
        format!("-{big}"),
        i128::MIN.to_string(),
        "-18446744073709551617".to_owned(),
        "-1".to_owned(),
        "7".to_owned(),
        u64::MAX.to_string(),
        "18446744073709551616".to_owned(),
        i128::MAX.to_string(),
        big,
        bigger,
    ];
    let values: Vec<Value> = texts.iter().map(|text| parse(text).unwrap()).collect();
    assert!(values.is_sorted());
    let printed = values.iter().map(|value| value.to_string());
    assert!(
        printed
            .zip(&texts)
            .all(|(value, text)| value.trim_end_matches('N') == text)
    );
    assert!(values.iter().all(Value::is_integer));
    assert_eq!(Value::integer("00012"), Some(Value::from(12)));
    assert_eq!(Value::integer("1.5"), None);
}

#[test]
fn map_keeps_the_last_one_of_equal_keys() {
    let mut map =
        Map::from([(2, 1), (1, 2), (2, 3)].map(|(k, v)| (Value::from(k), Value::from(v))));
    assert_eq!(Value::Map(map.clone()), parse("{1 2, 2 3}").unwrap());
    map.insert(1.into(), 4.into());
    map.remove(&2.into());
    assert_eq!(Value::Map(map), parse("{1 4}").unwrap());
}

#[test]
fn discarded_values_may_stand_anywhere() {
    let expected = parse("[1 {:a 2}]").unwrap();
    for text in [
        "[1 #_2 {:a 2}]",
        "[1 {:a 2} #_ #_3 4]",
        "#_0 [1 {:a 2 #_b}] #_5",
    ] {
        assert_eq!(parse(text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn single_precision_figures_print_with_single_precision() {
    assert_eq!(Value::single(0.944_105_7).to_string(), "0.9441057");
}

#[test]
fn malformed_text_is_refused() {
    for text in ["", "[1 2", "{:a}", "\"abc", "1x", ")", "[1] 2"] {
        parse(text).expect_err(text);
    }
    parse(&"[".repeat(100_000)).expect_err("nesting is bounded");
}
