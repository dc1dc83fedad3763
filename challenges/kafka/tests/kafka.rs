//! scratch
use eddy::check::Workload;
use eddy::nemesis::*;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use glomers::Context;
use kafka::{Kafka, Settings};

fn broker(cx: &Context) -> Kafka {
    Kafka::new(cx, Settings::default())
}
fn show(name: &str, run: &Run) {
    let mut lat = std::collections::BTreeMap::<String, usize>::new();
    for op in run.history().clients() {
        if op.f.as_ref() == "send" {
        *lat.entry(format!("{} {:?} {}", op.f, op.kind, op.error.as_ref().map(|e| e.to_string()).unwrap_or_default().chars().take(60).collect::<String>())).or_default() += 1;
        }
    }
    eprintln!("{name} {:.3} msgs/op ok {:.4} send {:?}/{:?}/{:?} {:?} {lat:?}", run.messages_per_op(), run.ok_fraction(),
        run.latency_of("send", 0.5), run.latency_of("send", 0.99), run.latency_of("send", 1.0), run.net());
}
fn go(name: &str, n: usize, f: impl Fn(Simulation) -> Simulation + Sync, rate: f64) {
    for_each_seed(|seed| {
        let run = f(Simulation::new(seed).nodes(n, broker))
            .run(Load::of(Workload::Kafka).rate(rate).concurrency(2*n).lasting(secs(30)).calm(secs(5)));
        show(name, &run);
        run.assert_valid();
    });
}
#[test] fn t1() { go("plain3", 3, |s| s, 1000.0) }
#[test] fn t2() { go("plain5", 5, |s| s, 1000.0) }
#[test] fn t3() { go("part2", 2, |s| s.nemesis(Partition::any().every(secs(4))), 500.0) }
#[test] fn t4() { go("part3", 3, |s| s.nemesis(Partition::any().every(secs(4))), 500.0) }
#[test] fn t5() { go("kill3", 3, |s| s.nemesis(Kill::one().every(secs(5))), 500.0) }
#[test] fn t6() { go("kill2", 2, |s| s.nemesis(Kill::one().every(secs(5))), 500.0) }
#[test] fn t7() { go("pause3", 3, |s| s.nemesis(Pause::one().every(secs(3))), 500.0) }
#[test] fn t8() { go("loss3", 3, |s| s.nemesis(Loss::of(0.1).always()).nemesis(Duplication::of(0.2).always()).nemesis(Delays::of(0.2, ms(50)).always()), 500.0) }
#[test] fn t9() { go("all3", 3, |s| s.latency(Latency::exponential(ms(20))).nemesis(Loss::of(0.05).every(secs(3))).nemesis(Partition::any().every(secs(4))).nemesis(Kill::one().every(secs(7))).nemesis(Pause::one().every(secs(9))), 300.0) }
#[test] fn t10() { go("all5", 5, |s| s.latency(Latency::exponential(ms(20))).nemesis(Loss::of(0.05).every(secs(3))).nemesis(Partition::any().every(secs(4))).nemesis(Kill::one().every(secs(7))).nemesis(Pause::one().every(secs(9))), 300.0) }
#[test] fn t11() { go("lat100", 3, |s| s.latency(Latency::exponential(ms(100))), 300.0) }
#[test] fn t12() { go("oneway", 3, |s| s.nemesis(Partition::one_way().every(secs(4))), 500.0) }
#[test] fn dbg() { 
    let run = Simulation::new(7).nodes(2, broker).nemesis(Kill::one().every(secs(5)))
            .run(Load::of(Workload::Kafka).rate(500.).concurrency(4).lasting(secs(30)).calm(secs(5)));
    for op in run.history().iter() { if format!("{:?}", op.process).contains("Nem") { eprintln!("{:?} {} {}", op.time, op.f, op.value); } }
}
