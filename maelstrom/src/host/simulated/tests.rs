use super::*;

/// Simulations are exact only if tokio reports that it parks before it lets time pass, which
/// another version may change.
#[test]
fn time_stands_still_while_tasks_wait_for_timers() {
    let make = NodeFactory::new(|_: &Context| Unused);
    let mut host = SimulatedHost::new(make, &["n0".to_owned()], Seed(1)).unwrap();
    let woken = Rc::new(Cell::new(false));
    let flag = woken.clone();
    host.spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        flag.set(true);
    });
    for now in [0, 4999] {
        let until = Duration::from_millis(now);
        assert!(matches!(host.wait(Some(until)), Ok(Event::TimeReached)));
        assert_eq!((host.now(), host.tokio_now()), (until, until));
        assert!(!woken.get());
    }
    let until = Duration::from_millis(5001);
    assert!(matches!(host.wait(Some(until)), Ok(Event::TimeReached)));
    assert!(woken.get());
}

struct Unused;

impl glomers::Node for Unused {
    type Request = serde_json::Value;
    type Reply = ();

    async fn handle(&self, _: serde_json::Value, _: &Context) -> glomers::Result<()> {
        Ok(())
    }
}
