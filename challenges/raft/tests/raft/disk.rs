//! The write-ahead log on disks with torn writes, damage, and power loss.

use std::rc::Rc;
use std::time::Duration;

use glomers::Error;
use raft::{Command, Disk, Disks, Entry, FileDisk, Index, Record, Recovered, Snapshot, Term, Wal};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Op(u64);

impl Command for Op {
    fn size_bytes(&self) -> usize {
        8
    }
}

fn entry(index: Index, term: Term) -> Record<Op> {
    let command = Some(Op(index));
    Record::Entry(Entry {
        index,
        term,
        command,
        voters: None,
    })
}

fn vote(current_term: Term) -> Record<Op> {
    let voted_for = Some("n1".to_owned());
    Record::Term {
        current_term,
        voted_for,
    }
}

fn recover(disk: impl Disk) -> Result<Recovered<Op>, Error> {
    Wal::recover(Box::new(disk), 1024)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// Writes a term and entries 1 to 3 to a disk, one frame each.
fn write_log(disks: &Disks) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut wal = recover(disks.open("n1", &mut rng))
        .expect("an empty disk")
        .wal;
    for record in [vote(2), entry(1, 2), entry(2, 2), entry(3, 2)] {
        block_on(wal.write(vec![record])).expect("memory can be written");
    }
}

fn reopen(disks: &Disks) -> Result<Recovered<Op>, Error> {
    recover(disks.open("n1", &mut ChaCha8Rng::seed_from_u64(0)))
}

#[test]
fn written_records_are_recovered_with_the_next_boot_number() {
    let disks = Disks::default();
    write_log(&disks);
    let Recovered {
        wal,
        persistent,
        remark,
    } = reopen(&disks).expect("an undamaged disk");
    assert_eq!(
        persistent.records(),
        [vote(2), entry(1, 2), entry(2, 2), entry(3, 2)]
    );
    assert_eq!((wal.boot(), remark), (2, None));
}

#[test]
fn torn_last_frame_is_cut_off_with_a_remark() {
    let whole = Disks::default();
    write_log(&whole);
    let mut lengths = Vec::new();
    whole.damage("n1", |bytes| lengths.extend(frame_starts(bytes)));
    let last = *lengths.last().expect("there are frames");
    let mut length = 0;
    whole.damage("n1", |bytes| length = bytes.len());
    for torn_at in last + 1..length {
        let disks = Disks::default();
        write_log(&disks);
        disks.damage("n1", |bytes| bytes.truncate(torn_at));
        let recovered = reopen(&disks).expect("a torn end is not damage");
        assert_eq!(recovered.persistent.log.last_index(), 2);
        let remark = recovered.remark.expect("recovery remarks on it");
        assert!(
            remark.contains(&format!("cut off {} bytes", torn_at - last)),
            "{remark}"
        );

        // Later records are recovered after the next crash.
        let mut wal = recovered.wal;
        block_on(wal.write(vec![entry(3, 3)])).expect("memory can be written");
        let recovered = reopen(&disks).expect("an undamaged disk");
        assert_eq!(recovered.persistent.log.last_term(), 3);
        assert_eq!(recovered.remark, None);
    }
}

#[test]
fn damage_before_the_last_frame_is_refused() {
    let mut starts = Vec::new();
    let whole = Disks::default();
    write_log(&whole);
    whole.damage("n1", |bytes| starts.extend(frame_starts(bytes)));
    let last = *starts.last().expect("there are frames");
    for byte in 0..last {
        let disks = Disks::default();
        write_log(&disks);
        disks.damage("n1", |bytes| bytes[byte] ^= 0x10);
        let error = reopen(&disks).err().expect("damage is refused");
        let frame = starts
            .iter()
            .rev()
            .find(|start| **start <= byte)
            .expect("a frame");
        assert!(
            error
                .text
                .contains(&format!("the disk of n1 is damaged at byte {frame}")),
            "{error}"
        );
    }
}

#[test]
fn intact_frame_of_another_program_is_refused() {
    let disks = Disks::default();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let wal = Wal::recover::<Foreign>(Box::new(disks.open("n1", &mut rng)), 1024);
    let mut wal = wal.expect("an empty disk").wal;
    let record = Record::Entry(Entry {
        index: 1,
        term: 1,
        command: Some(Foreign("x".into())),
        voters: None,
    });
    block_on(wal.write(vec![record])).expect("memory can be written");
    let error = reopen(&disks).err().expect("it is refused");
    assert!(error.text.contains("unknown contents"), "{error}");
}

#[derive(Clone, Serialize, Deserialize)]
struct Foreign(String);

impl Command for Foreign {
    fn size_bytes(&self) -> usize {
        0
    }
}

/// A power loss between a write and its sync keeps what was synced, and a prefix of the rest.
#[test]
fn power_loss_loses_only_unsynced_bytes() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..200 {
        let disks = Disks::new(Duration::from_millis(5));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut wal = recover(disks.open("n1", &mut rng))
                .expect("an empty disk")
                .wal;
            wal.write(vec![vote(1), entry(1, 1)])
                .await
                .expect("memory can be written");
            // The sync takes five milliseconds; the power fails after three.
            let unsynced = wal.write(vec![entry(2, 1)]);
            let outcome = tokio::time::timeout(Duration::from_millis(3), unsynced).await;
            assert!(outcome.is_err(), "the sync was not finished");
        });
        let recovered = recover(disks.open("n1", &mut rng)).expect("a torn end is not damage");
        assert_eq!(recovered.persistent.current_term, 1);
        match recovered.persistent.log.last_index() {
            1 => lost += 1,
            2 => kept += 1,
            index => panic!("an index of {index} was never written"),
        }
    }
    assert!(lost > 0, "no seed lost anything");
    assert!(kept > 0, "no seed kept unsynced bytes");
}

#[test]
fn log_grows_on_after_rewrite_from_snapshot() {
    let disks = Disks::default();
    write_log(&disks);
    let mut recovered = reopen(&disks).expect("an undamaged disk");
    recovered.persistent.replay(Record::Snapshot(Snapshot {
        last_included_index: 2,
        last_included_term: 2,
        voters: Some(Rc::from(["n1".into(), "n2".into()])),
        data: Rc::from("state"),
    }));
    let records = recovered.persistent.records();
    block_on(recovered.wal.rewrite(records.clone())).expect("memory can be written");
    block_on(recovered.wal.write(vec![entry(4, 2)])).expect("memory can be written");
    let again = reopen(&disks).expect("an undamaged disk").persistent;
    assert_eq!(again.records(), [records, vec![entry(4, 2)]].concat());
    assert_eq!(again.log.last_included_index(), 2);
}

#[test]
fn real_file_keeps_records_and_is_replaced_atomically() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let open = || recover(FileDisk::open(dir.path(), "n1").expect("a file"));
    block_on(async {
        let mut wal = open().expect("an empty file").wal;
        wal.write(vec![vote(1), entry(1, 1)])
            .await
            .expect("written");
        let mut recovered = open().expect("an undamaged file");
        assert_eq!(recovered.persistent.records(), [vote(1), entry(1, 1)]);

        let records = vec![vote(5), entry(1, 5)];
        recovered.wal.rewrite(records).await.expect("rewritten");
        recovered
            .wal
            .write(vec![entry(2, 5)])
            .await
            .expect("written");
        let recovered = open().expect("an undamaged file");
        assert_eq!(
            recovered.persistent.records(),
            [vote(5), entry(1, 5), entry(2, 5)]
        );
    });
    let path = dir.path().join("n1/raft.log");
    let bytes = std::fs::read(&path).expect("the log is a file");
    std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("it can be torn");
    let recovered = open().expect("a torn end is not damage");
    assert_eq!(recovered.persistent.log.last_index(), 1);
    assert_eq!(
        std::fs::metadata(&path).expect("the log is a file").len() as usize,
        *frame_starts(&bytes).last().expect("there are frames")
    );
}

/// Returns where frames begin: at their magic, which occurs nowhere else in these tests.
fn frame_starts(bytes: &[u8]) -> Vec<usize> {
    let starts = bytes.windows(4).enumerate();
    starts
        .filter(|(_, it)| it == b"RAFT")
        .map(|(start, _)| start)
        .collect()
}
