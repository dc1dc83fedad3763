//! Each anomaly in the smallest history that shows it, beside a near-twin without it.

use super::*;
use crate::check::tests::history;
use crate::workload::Orders;

/// Judges a history of the lines `PROCESS F ARGUMENTS [=> ANSWER]`, each answered before the next
/// begins. Without an answer the outcome is unknown; `=> refused` is a definite failure. Process *i*
/// talks to node *i* modulo 3; `final` in front marks a question of the final phase.
fn judge(lines: &[&str]) -> OrdersAnalysis {
    let text: String = lines.iter().map(|line| operation(line)).collect();
    let settings = Settings::new(&Orders, ["n0", "n1", "n2"].map(str::to_owned).to_vec());
    check(&history(&text), &settings)
}

fn operation(line: &str) -> String {
    let (line, is_final) = match line.strip_prefix("final ") {
        Some(rest) => (rest, ":final? true"),
        None => (line, ""),
    };
    let (request, answer) = match line.split_once(" => ") {
        Some((request, answer)) => (request, Some(answer)),
        None => (line, None),
    };
    let words: Vec<&str> = request.split(' ').collect();
    let (process, f) = (words[0], words[1]);
    let node = process.parse::<usize>().unwrap() % 3;
    let fields = match (f, &words[2..]) {
        ("restock", [id, product, quantity]) => {
            format!(":restock \"{id}\" :product \"{product}\" :quantity {quantity}")
        }
        ("order", [id, lines @ ..]) => {
            let lines: String = lines
                .iter()
                .map(|line| {
                    let (product, quantity) = line.split_once(':').unwrap();
                    format!("[\"{product}\" {quantity}] ")
                })
                .collect();
            format!(":order \"{id}\" :lines [{lines}]")
        }
        ("pay", [order, payment]) => {
            format!(":order \"{order}\" :payment \"{payment}\" :amount 1")
        }
        ("status", [order]) => format!(":order \"{order}\""),
        ("stock" | "statistics", [product]) => format!(":product \"{product}\""),
        _ => panic!("not an operation: {line}"),
    };
    let fields = format!("{fields} :node \"n{node}\"");
    let invocation = format!("{process} invoke {f} {{{fields}}} {is_final}\n");
    let completion = match answer {
        None => format!("{process} info {f} {{{fields}}} {is_final} :error :net-timeout"),
        Some("refused") => {
            format!(
                "{process} fail {f} {{{fields}}} {is_final} :error [:temporarily-unavailable \"\"]"
            )
        }
        Some(answer) => {
            let words: Vec<&str> = answer.split(' ').collect();
            let answer = match (f, &words[..]) {
                ("status", [status, payment]) => {
                    format!(":status \"{status}\" :payment \"{payment}\"")
                }
                ("status", [status]) => format!(":status \"{status}\" :payment nil"),
                ("stock", [stock]) => format!(":stock {stock}"),
                ("statistics", [orders, sold]) => format!(":orders {orders} :sold {sold}"),
                ("restock", _) => String::new(),
                (_, [status]) => format!(":status \"{status}\""),
                _ => panic!("not an answer: {line}"),
            };
            format!("{process} ok {f} {{{fields} {answer}}} {is_final}")
        }
    };
    format!("{invocation}{completion}\n")
}

fn anomalies(lines: &[&str]) -> Vec<String> {
    let findings = judge(lines).findings;
    findings.into_iter().map(|found| found.anomaly).collect()
}

fn assert_fine(lines: &[&str]) {
    let analysis = judge(lines);
    assert_eq!(analysis.verdict, Verdict::Valid, "{analysis:#?}");
}

#[test]
fn selling_more_than_was_restocked_is_oversold() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    let second = "1 order o2 p0:3 => accepted";
    assert_eq!(anomalies(&[shop[0], shop[1], second]), ["oversold"]);
    assert_fine(&[shop[0], shop[1], "1 order o2 p0:2 => accepted"]);
    // A restock whose outcome is unknown may have happened.
    assert_fine(&[shop[0], shop[1], "0 restock r2 p0 5", second]);
    let refused = "0 restock r2 p0 5 => refused";
    assert_eq!(
        anomalies(&[shop[0], shop[1], refused, second]),
        ["oversold"]
    );
}

#[test]
fn repeated_order_counts_once() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:5 => accepted"];
    assert_fine(&[
        shop[0],
        shop[1],
        "1 order o1 p0:5 => accepted",
        "2 stock p0 => 0",
    ]);
}

#[test]
fn reading_below_or_above_what_is_possible_is_out_of_bounds() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:2 => accepted"];
    assert_fine(&[shop[0], shop[1], "1 stock p0 => 3"]);
    for stock in ["2", "5", "-1"] {
        let reading = format!("1 stock p0 => {stock}");
        assert_eq!(
            anomalies(&[shop[0], shop[1], &reading]),
            ["stock-out-of-bounds"]
        );
    }
    // An order of unknown outcome may have been accepted, or not.
    let unknown = "0 order o2 p0:2";
    for stock in ["1", "3"] {
        let reading = format!("1 stock p0 => {stock}");
        assert_fine(&[shop[0], shop[1], unknown, &reading]);
    }
    assert_eq!(
        anomalies(&[shop[0], shop[1], unknown, "1 stock p0 => 0"]),
        ["stock-out-of-bounds"]
    );
}

#[test]
fn readings_that_fit_alone_may_contradict_each_other() {
    // The restock overlaps both readings: seen by the first, it must be seen by the second.
    let node = |n: u32, f: &str| format!("{{:product \"p0\" :node \"n{n}\" {f}}}");
    let restock = "{:restock \"r1\" :product \"p0\" :quantity 5 :node \"n0\"}";
    let judged = |first: u32, second: u32| {
        let text = [
            "2 invoke order {:order \"o9\" :lines [[\"p1\" 1]] :node \"n2\"}".to_owned(),
            "2 ok order {:order \"o9\" :lines [[\"p1\" 1]] :status \"rejected\" :node \"n2\"}"
                .to_owned(),
            format!("0 invoke restock {restock}"),
            format!("1 invoke stock {}", node(1, "")),
            format!("1 ok stock {}", node(1, &format!(":stock {first}"))),
            format!("1 invoke stock {}", node(1, "")),
            format!("1 ok stock {}", node(1, &format!(":stock {second}"))),
            format!("0 ok restock {restock}"),
        ];
        let settings = Settings::new(&Orders, vec!["n0".to_owned()]);
        check(&history(&text.join("\n")), &settings)
    };
    assert_eq!(judged(0, 5).verdict, Verdict::Valid);
    let findings = judged(5, 0).findings;
    assert_eq!(findings[0].anomaly, "stock-out-of-bounds");
}

#[test]
fn decision_is_final() {
    let order = "0 order o1 p0:3 => rejected";
    assert_fine(&[order, "1 order o1 p0:3 => rejected"]);
    let restock = "0 restock r1 p0 5 => ok";
    let found = anomalies(&[order, restock, "1 order o1 p0:3 => accepted"]);
    assert!(found.contains(&"decision-changed".to_owned()), "{found:?}");
}

#[test]
fn acknowledged_order_shows_at_once_and_in_the_end() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    assert_fine(&[shop[0], shop[1], "1 status o1 => accepted"]);
    assert_eq!(
        anomalies(&[shop[0], shop[1], "1 status o1 => unknown"]),
        ["stale-status"]
    );
    let found = anomalies(&[shop[0], shop[1], "final 1 status o1 => unknown"]);
    assert!(found.contains(&"lost-order".to_owned()), "{found:?}");
    // An order of unknown outcome may stay unknown.
    assert_fine(&[
        shop[0],
        shop[1],
        "0 order o2 p0:1",
        "1 status o2 => unknown",
    ]);
}

#[test]
fn payment_that_was_taken_shows() {
    let shop = [
        "0 restock r1 p0 5 => ok",
        "0 order o1 p0:3 => accepted",
        "0 pay o1 y1 => paid",
    ];
    assert_fine(&[shop[0], shop[1], shop[2], "1 status o1 => paid y1"]);
    let [a, b, c] = shop;
    assert_eq!(
        anomalies(&[a, b, c, "1 status o1 => accepted"]),
        ["stale-status"]
    );
    assert_eq!(
        anomalies(&[a, b, c, "final 1 status o1 => accepted"]),
        ["lost-payment"]
    );
}

#[test]
fn held_payment_takes_effect_with_its_order() {
    let begin = ["0 restock r1 p0 5 => ok", "0 pay o1 y1 => held"];
    let order = "0 order o1 p0:3 => accepted";
    assert_fine(&[
        begin[0],
        begin[1],
        order,
        "1 status o1 => paid y1",
        "1 pay o1 y1 => paid",
    ]);
    assert_eq!(
        anomalies(&[begin[0], begin[1], order, "final 1 status o1 => accepted"]),
        ["lost-payment"]
    );
    let rejected = "0 order o1 p0:6 => rejected";
    assert_fine(&[begin[0], begin[1], rejected, "1 pay o1 y1 => refunded"]);
}

#[test]
fn payment_is_not_held_once_its_order_is_known() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    assert_eq!(
        anomalies(&[shop[0], shop[1], "1 pay o1 y1 => held"]),
        ["stale-status"]
    );
    assert_fine(&[
        "0 restock r1 p0 5 => ok",
        "0 order o1 p0:3",
        "1 pay o1 y1 => held",
        shop[1],
    ]);
}

#[test]
fn order_is_paid_once() {
    let shop = [
        "0 restock r1 p0 5 => ok",
        "0 order o1 p0:3 => accepted",
        "0 pay o1 y1 => paid",
    ];
    let [a, b, c] = shop;
    assert_fine(&[a, b, c, "1 pay o1 y2 => refunded"]);
    let found = anomalies(&[a, b, c, "1 pay o1 y2 => paid"]);
    assert!(found.contains(&"double-payment".to_owned()), "{found:?}");
}

#[test]
fn refund_needs_a_reason() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    assert_eq!(
        anomalies(&[shop[0], shop[1], "0 pay o1 y1 => refunded"]),
        ["lost-payment"]
    );
    // Another payment whose outcome is unknown may have come first.
    assert_fine(&[shop[0], shop[1], "1 pay o1 y2", "0 pay o1 y1 => refunded"]);
}

#[test]
fn payment_answers_do_not_change_once_final() {
    let shop = [
        "0 restock r1 p0 5 => ok",
        "0 order o1 p0:3 => accepted",
        "0 pay o1 y1 => paid",
    ];
    let [a, b, c] = shop;
    let found = anomalies(&[a, b, c, "1 pay o1 y1 => refunded"]);
    assert!(found.contains(&"decision-changed".to_owned()), "{found:?}");
}

#[test]
fn order_that_could_be_met_in_any_case_must_not_be_rejected() {
    let restock = "0 restock r1 p0 5 => ok";
    assert_eq!(
        anomalies(&[restock, "0 order o1 p0:3 => rejected"]),
        ["unjustified-rejection"]
    );
    assert_fine(&[restock, "0 order o1 p0:6 => rejected"]);
    // An order of unknown outcome may have taken the rest.
    assert_fine(&[restock, "1 order o2 p0:3", "0 order o1 p0:3 => rejected"]);
    // One line that could not be met is reason enough.
    assert_fine(&[restock, "0 order o1 p0:3 p1:1 => rejected"]);
}

#[test]
fn final_stock_tells_what_was_lost_or_counted_twice() {
    let shop = [
        "0 restock r1 p0 5 => ok",
        "0 restock r2 p0 7 => ok",
        "0 order o1 p0:3 => accepted",
        "1 order o1 p0:3 => accepted",
    ];
    let [a, b, c, d] = shop;
    assert_fine(&[a, b, c, d, "final 0 stock p0 => 9"]);
    for (stock, anomaly) in [
        ("2", "lost-restock"),
        ("6", "counted-twice"),
        ("8", "leak"),
        ("11", "leak"),
    ] {
        let reading = format!("final 0 stock p0 => {stock}");
        assert_eq!(anomalies(&[a, b, c, d, &reading]), [anomaly], "{stock}");
    }
    let again = "1 restock r2 p0 7 => ok";
    assert_eq!(
        anomalies(&[a, b, again, c, "final 0 stock p0 => 16"]),
        ["counted-twice"]
    );
}

#[test]
fn final_answers_of_all_nodes_are_the_same() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    let [a, b] = shop;
    assert_fine(&[
        a,
        b,
        "final 0 statistics p0 => 1 3",
        "final 1 statistics p0 => 1 3",
    ]);
    let found = anomalies(&[
        a,
        b,
        "final 0 statistics p0 => 1 3",
        "final 1 statistics p0 => 0 0",
    ]);
    assert_eq!(found, ["nodes-disagree", "wrong-statistics"]);
    assert_eq!(anomalies(&[a, b, "final 1 stock p0"]), ["no-final-answer"]);
    assert_fine(&[a, b, "final 1 stock p0 => refused", "final 1 stock p0 => 2"]);
}

#[test]
fn statistics_count_the_accepted_orders_in_the_end() {
    let shop = ["0 restock r1 p0 5 => ok", "0 order o1 p0:3 => accepted"];
    let [a, b] = shop;
    // Before the end they may be behind.
    assert_fine(&[a, b, "0 statistics p0 => 0 0"]);
    assert_eq!(
        anomalies(&[a, b, "final 0 statistics p0 => 2 6"]),
        ["wrong-statistics"]
    );
}

#[test]
fn answers_never_show_what_cannot_have_happened() {
    let found = anomalies(&["0 restock r1 p0 5 => ok", "0 status o1 => accepted"]);
    assert!(found.contains(&"phantom".to_owned()), "{found:?}");
    let found = anomalies(&[
        "0 restock r1 p0 5 => ok",
        "0 order o1 p0:3 => accepted",
        "0 status o1 => paid y9",
    ]);
    assert!(found.contains(&"phantom".to_owned()), "{found:?}");
}

#[test]
fn shop_without_decisions_is_undecided() {
    assert_eq!(judge(&["0 stock p0 => 0"]).verdict, Verdict::Unknown);
}

#[test]
fn reply_of_another_form_is_malformed() {
    let exception = ":exception {:via [{:type clojure.lang.ExceptionInfo}]}";
    let judged = |exception: &str| {
        let text = format!(
            "1 invoke order {{:order \"o1\" :lines [[\"p0\" 1]] :node \"n1\"}}\n\
             1 ok order {{:order \"o1\" :lines [[\"p0\" 1]] :status \"rejected\" :node \"n1\"}}\n\
             0 invoke stock {{:product \"p0\" :node \"n0\"}}\n\
             0 info stock {{:product \"p0\" :node \"n0\"}} :error \"indeterminate\" {exception}"
        );
        let settings = Settings::new(&Orders, vec!["n0".to_owned(), "n1".to_owned()]);
        let findings = check(&history(&text), &settings).findings;
        let names = findings.into_iter().map(|found| found.anomaly);
        names.collect::<Vec<_>>()
    };
    assert_eq!(judged(exception), ["malformed-reply"]);
    assert_eq!(judged(""), [""; 0]);
}
