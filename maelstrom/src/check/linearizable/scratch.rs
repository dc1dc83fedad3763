use super::simulated::{self, Clients};
use super::*;
#[test]
#[ignore]
#[allow(clippy::disallowed_methods)]
fn perf() {
    for (processes, eager) in [(10, 0.3), (10, 0.9), (20, 0.3), (20, 0.9)] {
        for unanswered in [0.0, 0.005, 0.03, 0.1] {
            for values in [5, 1000] {
                let clients = Clients {
                    processes,
                    operations: 10_000,
                    values,
                    unanswered,
                    eager,
                    again: 0.0,
                };
                let mut line = String::new();
                for seed in 0..4 {
                    let right = simulated::history(clients, 0, seed);
                    let t = std::time::Instant::now();
                    let v = check(&right).verdict();
                    line += &format!(" {v:?} {:.2}", t.elapsed().as_secs_f64());
                    let wrong = simulated::misread(&right, values, seed).unwrap();
                    let t = std::time::Instant::now();
                    let v = check(&wrong).verdict();
                    line += &format!(" | {v:?} {:.2};", t.elapsed().as_secs_f64());
                }
                eprintln!("p{processes} eager {eager} info {unanswered} values {values}: {line}");
            }
        }
    }
}

#[test]
#[ignore]
#[allow(clippy::disallowed_methods)]
fn sweepstats() {
    let worst = |name: String, make: &dyn Fn(u64) -> Option<History>| {
        let mut counts = [0; 3];
        let (mut max, mut at, mut total) = (0.0_f64, 0, 0.0);
        for seed in 0..12 {
            let Some(h) = make(seed) else { continue };
            let t = std::time::Instant::now();
            let v = check(&h).verdict();
            let e = t.elapsed().as_secs_f64();
            counts[v as usize] += 1;
            total += e;
            if e > max {
                max = e;
                at = seed;
            }
        }
        eprintln!(
            "{name}: valid {} unknown {} invalid {}  max {max:.2} (seed {at}) total {total:.2}",
            counts[0], counts[1], counts[2]
        );
    };
    for (processes, eager, n) in [(10, 0.5, 10_000), (20, 0.5, 10_000), (20, 0.95, 10_000)] {
        for unanswered in [0.001, 0.003, 0.01, 0.03] {
            for values in [5, 20, 200] {
                let c = Clients {
                    processes,
                    operations: n,
                    values,
                    unanswered,
                    eager,
                    again: 0.0,
                };
                worst(
                    format!("p{processes} e{eager} i{unanswered} v{values} right"),
                    &|s| Some(simulated::history(c, 0, s)),
                );
                worst(
                    format!("p{processes} e{eager} i{unanswered} v{values} wrong"),
                    &|s| simulated::misread(&simulated::history(c, 0, s), values, s),
                );
                worst(
                    format!("p{processes} e{eager} i{unanswered} v{values} twice"),
                    &|s| Some(simulated::history(Clients { again: 0.7, ..c }, 0, s)),
                );
            }
        }
    }
}

#[test]
#[ignore]
#[allow(clippy::disallowed_methods)]
fn hard() {
    let time = |name: String, h: History| {
        let t = std::time::Instant::now();
        let v = check(&h).verdict();
        eprintln!("{name} {v:?} {:.2}", t.elapsed().as_secs_f64());
    };
    let c = |processes, eager, unanswered, values| Clients {
        processes,
        operations: 10_000,
        values,
        unanswered,
        eager,
        again: 0.0,
    };
    for seed in [0, 10, 7] {
        time(
            format!("right 20 .5 .03 20 {seed}"),
            simulated::history(c(20, 0.5, 0.03, 20), 0, seed),
        );
    }
    for seed in [6, 1, 2] {
        time(
            format!("wrong 20 .5 .03 20 {seed}"),
            simulated::misread(&simulated::history(c(20, 0.5, 0.03, 20), 0, seed), 20, seed)
                .unwrap(),
        );
    }
    time(
        "wrong 20 .5 .03 5 10".into(),
        simulated::misread(&simulated::history(c(20, 0.5, 0.03, 5), 0, 10), 5, 10).unwrap(),
    );
    time(
        "wrong 10 .5 .03 5 1".into(),
        simulated::misread(&simulated::history(c(10, 0.5, 0.03, 5), 0, 1), 5, 1).unwrap(),
    );
    for seed in 0..12 {
        time(
            format!("twice 10 .5 .01 5 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(10, 0.5, 0.01, 5)
                },
                0,
                seed,
            ),
        );
    }
    for seed in 0..12 {
        time(
            format!("twice 20 .95 .003 20 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(20, 0.95, 0.003, 20)
                },
                0,
                seed,
            ),
        );
    }
}

#[test]
#[ignore]
#[allow(clippy::disallowed_methods)]
fn hard2() {
    let time = |name: String, h: History| {
        let t = std::time::Instant::now();
        let v = check(&h).verdict();
        eprintln!("{name} {v:?} {:.2}", t.elapsed().as_secs_f64());
    };
    let c = |processes, eager, unanswered, values| Clients {
        processes,
        operations: 10_000,
        values,
        unanswered,
        eager,
        again: 0.0,
    };
    for seed in [2, 4, 7] {
        time(
            format!("twice 20 .95 .003 20 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(20, 0.95, 0.003, 20)
                },
                0,
                seed,
            ),
        );
    }
    for seed in [6, 9, 10] {
        time(
            format!("twice 10 .5 .01 5 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(10, 0.5, 0.01, 5)
                },
                0,
                seed,
            ),
        );
    }
}

#[test]
#[ignore]
#[allow(clippy::disallowed_methods)]
fn hard3() {
    let time = |name: String, h: History| {
        let mut k = register::by_key(&h);
        k[0].read_calls().unwrap();
        let problem = Problem::new(Register, &k[0].calls);
        let t = std::time::Instant::now();
        let v = sweep(&problem, [NIL], 3_000_000);
        let e = t.elapsed().as_secs_f64();
        let t = std::time::Instant::now();
        let w = search(&problem, [NIL], 200_000);
        eprintln!(
            "{name} sweep {} {e:.2} search {} {:.2}",
            match v {
                Swept::Through => "valid",
                Swept::Stuck(_) => "invalid",
                _ => "?",
            },
            match w {
                Outcome::Ordered(_) => "valid",
                Outcome::Stuck(_) => "invalid",
                _ => "?",
            },
            t.elapsed().as_secs_f64()
        );
    };
    let c = |processes, eager, unanswered, values| Clients {
        processes,
        operations: 10_000,
        values,
        unanswered,
        eager,
        again: 0.0,
    };
    for seed in [0, 10, 7] {
        time(
            format!("right 20 .5 .03 20 {seed}"),
            simulated::history(c(20, 0.5, 0.03, 20), 0, seed),
        );
    }
    for seed in [6, 1, 2] {
        time(
            format!("wrong 20 .5 .03 20 {seed}"),
            simulated::misread(&simulated::history(c(20, 0.5, 0.03, 20), 0, seed), 20, seed)
                .unwrap(),
        );
    }
    time(
        "wrong 20 .5 .03 5 10".into(),
        simulated::misread(&simulated::history(c(20, 0.5, 0.03, 5), 0, 10), 5, 10).unwrap(),
    );
    time(
        "wrong 10 .5 .03 5 1".into(),
        simulated::misread(&simulated::history(c(10, 0.5, 0.03, 5), 0, 1), 5, 1).unwrap(),
    );
    for seed in 0..12 {
        time(
            format!("twice 10 .5 .01 5 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(10, 0.5, 0.01, 5)
                },
                0,
                seed,
            ),
        );
    }
    for seed in 0..12 {
        time(
            format!("twice 20 .95 .003 20 {seed}"),
            simulated::history(
                Clients {
                    again: 0.7,
                    ..c(20, 0.95, 0.003, 20)
                },
                0,
                seed,
            ),
        );
    }
}
