//! Archives against a map in memory, under crashes and damage.

use eddy::seed::Seed;
use rand::RngExt;

use super::*;

type Model = BTreeMap<(ShardId, String), Record>;

/// Returns a record that differs from those with other numbers.
fn record(number: u64) -> Record {
    let text = format!(r#"{{"order":{{"accepted":true,"payments":["y{number}"]}}}}"#);
    serde_json::from_str(&text).expect("the JSON of a record")
}

fn wait(written: Written) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let written = runtime.expect("a runtime").block_on(written);
    written.expect("it can be written");
}

/// Writes records as a segment, and merges segments if that is due.
fn add(archive: &mut Archive, records: &Model) {
    let records = records.iter().map(|((shard, key), it)| (*shard, key, it));
    let plan = archive.plan(records).expect("records are JSON");
    let Plan { number, fill } = plan.expect("there are records");
    wait(archive.files().create(number, fill));
    archive.adopt(number).expect("an intact file");
    if let Some(Plan { number, fill }) = archive.plan_merge() {
        assert!(archive.plan_merge().is_none(), "a merge is in progress");
        wait(archive.files().create(number, fill));
        archive.adopt_merged(number).expect("an intact file");
    }
}

/// Draws some of 1,000 keys in each of two shards.
fn draw(rng: &mut impl rand::Rng, count: usize) -> Model {
    let mut drawn = Model::new();
    for _ in 0..rng.random_range(1..=count) {
        let key = (
            rng.random_range(0..2),
            format!("order/o{}", rng.random_range(0..1000)),
        );
        drawn.insert(key, record(rng.random()));
    }
    drawn
}

fn assert_same(archive: &Archive, model: &Model) {
    for number in 0..1000 {
        for shard in 0..2 {
            let key = format!("order/o{number}");
            let found = archive.get(shard, &key).expect("intact files");
            assert_eq!(found.as_ref(), model.get(&(shard, key)));
        }
    }
}

fn open(files: &MemoryFiles, segments: &[FileNumber]) -> io::Result<Archive> {
    Archive::open(Rc::new(files.of("n0")), segments)
}

#[test]
fn archive_returns_the_last_record_of_every_key() {
    for seed in 0..20 {
        let mut rng = Seed(seed).stream("archive");
        let files = MemoryFiles::default();
        let mut archive = open(&files, &[]).expect("no files");
        let mut model = Model::new();
        for _ in 0..20 {
            let records = draw(&mut rng, 100);
            add(&mut archive, &records);
            model.extend(records);
            if rng.random_bool(0.3) {
                archive.remove_replaced().expect("they can be removed");
            }
            if rng.random_bool(0.2) {
                archive = open(&files, &archive.segments()).expect("intact files");
            }
        }
        assert_same(&archive, &model);
        for shard in 0..2 {
            let of_shard = model.iter().filter(|((of, _), _)| *of == shard);
            let of_shard = of_shard.map(|((_, key), it)| (key.clone(), it.clone()));
            assert_eq!(
                archive.records_of(shard).expect("intact files"),
                of_shard.collect()
            );
        }
    }
}

#[test]
fn crash_before_the_log_names_a_segment_leaves_the_archive_as_it_was() {
    let records = |numbers: std::ops::Range<u64>| -> Model {
        let numbered = numbers.map(|it| ((0, format!("order/o{}", it % 500)), record(it)));
        numbered.collect()
    };
    let files = MemoryFiles::default();
    let mut archive = open(&files, &[]).expect("no files");
    let model = records(0..300);
    add(&mut archive, &model);
    let (named, bytes) = (archive.segments(), files.bytes("n0"));
    // The second segment is merged with the first one, whose file stays.
    add(&mut archive, &records(200..700));
    assert_eq!(archive.segments().len(), 1);
    assert_ne!(archive.segments(), named);
    let archive = open(&files, &named).expect("intact files");
    assert_same(&archive, &model);
    assert_eq!(files.bytes("n0"), bytes, "files without a name are gone");
}

#[test]
fn look_up_reads_two_pieces_of_each_segment_and_segments_are_few() {
    let files = MemoryFiles::default();
    let mut archive = open(&files, &[]).expect("no files");
    for batch in 0..200 {
        let records = (0..10).map(|it| ((0, format!("order/o{batch}-{it}")), record(it)));
        add(&mut archive, &records.collect());
    }
    let segments = archive.segments().len();
    assert!(segments <= 8, "{segments} segments of 2,000 records");
    let before = files.reads();
    assert_eq!(archive.get(0, "order/unknown").expect("intact files"), None);
    assert_eq!(files.reads() - before, 2 * segments as u64);
}

#[test]
fn damaged_record_is_an_error_and_not_a_missing_record() {
    let files = MemoryFiles::default();
    let mut archive = open(&files, &[]).expect("no files");
    add(&mut archive, &[((0, "order/o1".into()), record(1))].into());
    files.damage("n0", |bytes| bytes[10] ^= 1);
    let archive = open(&files, &archive.segments()).expect("the footer is intact");
    assert!(archive.get(0, "order/o1").is_err());
    files.damage("n0", |bytes| *bytes.last_mut().expect("bytes") ^= 1);
    assert!(open(&files, &archive.segments()).is_err());
}

#[test]
fn missing_file_is_an_error() {
    assert!(open(&MemoryFiles::default(), &[1]).is_err());
}
