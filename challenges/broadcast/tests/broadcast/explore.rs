use crate::delivery::DeliveryTimes;
use crate::rig::*;
use broadcast::Windows;
use eddy::nemesis::{Delays, Fault};
use eddy::net::EventKind;
use eddy::simulation::{for_each_seed, ms, secs};
use std::collections::BTreeMap;
use std::sync::Mutex;

#[test]
fn explore() {
    let name = std::env::var("W").unwrap_or("balanced".into());
    let windows = match &*name {
        "balanced" => Windows::balanced(),
        "frugal" => Windows::frugal(),
        "swift" => Windows::swift(),
        other => Windows::every(ms(other.parse().unwrap())),
    };
    let slow = std::env::var_os("SLOW").is_some();
    let rows = Mutex::new(vec![]);
    for_each_seed(|seed| {
        let mut sim = cluster(seed, 25, windows).record_all_messages();
        if slow {
            sim = sim.nemesis(Delays::of(1.0, ms(100)).between(secs(0), secs(1)));
        }
        let run = sim.run(load());
        run.assert_valid();
        let times = DeliveryTimes::of(&run, 25);
        let late = times.from(ms(1200));
        rows.lock().unwrap().push((
            run.messages_per_op(),
            times.quantile(0.5),
            times.max(),
            late.quantile(0.5),
            late.max(),
        ));
        let limit = ms(std::env::var("LIMIT").map_or(100000, |it| it.parse().unwrap()));
        for (at, t) in times.times() {
            if *t > limit {
                eprintln!(
                    "  seed {seed}: at {at:?} took {t:?} cost {:.3}",
                    run.messages_per_op()
                );
            }
        }
        if seed.0 == std::env::var("SHOW").map_or(0, |it| it.parse().unwrap()) {
            let mut kinds: BTreeMap<String, [u64; 23]> = BTreeMap::new();
            for e in run.journal().events() {
                if e.kind != EventKind::Send {
                    continue;
                }
                let b: serde_json::Value = serde_json::from_str(&e.message.body).unwrap();
                if b["type"] != "gossip" {
                    continue;
                }
                let dir = if e.message.src.0 == 0 {
                    "down"
                } else if e.message.dest.0 == 0 {
                    "up"
                } else {
                    "side"
                };
                let key = format!(
                    "{dir} news={} wants={} next={}",
                    !b["news"].is_null(),
                    b["head"]["wants"],
                    !b["head"]["next"].is_null()
                );
                let sec = (e.time - run.journal().origin()).as_secs() as usize;
                kinds.entry(key).or_default()[sec.min(22)] += 1;
                if std::env::var_os("TRACE").is_some() && sec < 3 {
                    eprintln!(
                        "{:?} {}->{} {}",
                        e.time - run.journal().origin(),
                        e.message.src.0,
                        e.message.dest.0,
                        e.message
                            .body
                            .to_string()
                            .chars()
                            .take(9150)
                            .collect::<String>()
                    );
                }
            }
            eprintln!("ops {}", run.operations());
            let mut h: BTreeMap<u128, u32> = BTreeMap::new();
            for (_, t) in times.times() {
                *h.entry(t.as_millis() / 10).or_default() += 1;
            }
            eprintln!("{h:?}");
            for (k, v) in kinds {
                eprintln!("{k:45} {:5} {v:?}", v.iter().sum::<u64>());
            }
        }
    });
    let rows = rows.into_inner().unwrap();
    let n = rows.len() as f64;
    let mean = rows.iter().map(|r| r.0).sum::<f64>() / n;
    let sd = (rows.iter().map(|r| (r.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
    let mx = rows.iter().map(|r| r.0).fold(0.0, f64::max);
    eprintln!("{name} slow={slow}: cost mean {mean:.3} sd {sd:.3} max {mx:.3}");
    let stat = |f: &dyn Fn(
        &(
            f64,
            std::time::Duration,
            std::time::Duration,
            std::time::Duration,
            std::time::Duration,
        ),
    ) -> std::time::Duration| {
        let v: Vec<f64> = rows.iter().map(|r| f(r).as_secs_f64() * 1e3).collect();
        format!(
            "mean {:.1} max {:.1}",
            v.iter().sum::<f64>() / n,
            v.iter().copied().fold(0.0, f64::max)
        )
    };
    eprintln!("  median {}", stat(&|r| r.1));
    eprintln!("  max    {}", stat(&|r| r.2));
    eprintln!(
        "  after 1.2 s: median {}, max {}",
        stat(&|r| r.3),
        stat(&|r| r.4)
    );
}
