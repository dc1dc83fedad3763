//! The lines of the log, and what happens when it cannot be written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::*;
use crate::net::{EndpointId, Latency, LinkFault, Net, Recording, Role};
use crate::seed::Seed;

/// A file in memory with room for so many bytes.
#[derive(Clone)]
struct Disk {
    text: Rc<RefCell<Vec<u8>>>,
    room: usize,
}

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.text.borrow_mut();
        if text.len() + bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn net(room: usize) -> (Net, Disk, [EndpointId; 3]) {
    let disk = Disk {
        text: Rc::default(),
        room,
    };
    let mut net = Net::new(Latency::constant(ms(10)), Seed(1), Recording::First(0));
    net.keep_messages(MessageLog::new(disk.clone()));
    let ends = [("n0", Role::Node), ("n1", Role::Node), ("c0", Role::Client)];
    let ends = ends.map(|(name, role)| net.register(name, role));
    (net, disk, ends)
}

#[test]
fn log_has_a_line_for_everything_that_happens_to_a_message() {
    let (mut net, disk, [n0, n1, client]) = net(usize::MAX);
    net.begin_history(ms(5));
    net.send_for(Some(3), ms(5), client, n0, r#"{"type":"read"}"#.into());
    net.send(ms(6), n0, n1, "1".into());
    while net.next_delivery(ms(16)).is_some() {}
    let deaf = BTreeMap::from([(n1, BTreeSet::from([n0]))]);
    let cut = net.faults().borrow_mut().cut(deaf);
    net.send(ms(20), n0, n1, "2".into());
    net.faults().borrow_mut().remove(cut);
    net.faults().borrow_mut().add(LinkFault::Loss(1.0));
    net.send(ms(21), n0, n1, "3".into());
    net.faults().borrow_mut().remove_all();
    net.faults().borrow_mut().add(LinkFault::Duplication(1.0));
    net.send(ms(22), n0, n1, "4".into());
    net.faults().borrow_mut().remove_all();
    net.take_down(n1);
    net.bring_up(ms(200), n1);
    assert!(net.into_journal(ms(5)).close_log().is_none());
    let text = String::from_utf8(disk.text.take()).unwrap();
    assert_eq!(
        text,
        r#"{"origin":5000}
[5000,0,"c0","n0",3,{"type":"read"}]
[5000,0]
[6000,1,"n0","n1",null,1]
[16000,1]
[20000,2,"n0","n1",null,2]
[20000,2,"partitioned"]
[21000,3,"n0","n1",null,3]
[21000,3,"lost"]
[22000,4,"n0","n1",null,4]
[22000,4,"duplicated"]
[200000,4,"receiver-down"]
[200000,4,"receiver-down"]
"#
    );
}

#[test]
fn full_disk_ends_the_log_and_not_the_run() {
    let (mut net, disk, [n0, n1, _]) = net(20);
    net.begin_history(ms(0));
    for at in 0..2000 {
        net.send(ms(at), n0, n1, "0".into());
    }
    let error = net.into_journal(ms(0)).close_log().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.text.borrow().len(), "{\"origin\":0}\n".len());
}
