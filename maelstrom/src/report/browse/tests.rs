//! Tests of the site of a small store.

use super::*;

fn site() -> (tempfile::TempDir, Browser) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    fs::create_dir_all(&root).unwrap();
    fs::write(directory.path().join("secret.txt"), "secret").unwrap();
    write("echo/20250101T000000+0000/history.edn", "");
    write(
        "echo/20250101T000000+0000/results.edn",
        "{:valid? true, :stats {:count 7}}",
    );
    write("echo/20250102T000000+0000/history.edn", "");
    write(
        "echo/20250102T000000+0000/results.edn",
        "{:valid? :unknown}",
    );
    write("g-set/20250103T000000+0000/history.edn", "");
    write("g-set/20250103T000000+0000/index.html", "the index");
    write("g-set/20250103T000000+0000/failure.txt", "n1 crashed");
    write("g-set/20250104T000000+0000/eddy.log", "");
    write("g-set/20250103T000000+0000/node-logs/<n 1>.log", "words");
    std::os::unix::fs::symlink("20250103T000000+0000", root.join("g-set/latest")).unwrap();
    std::os::unix::fs::symlink(directory.path(), root.join("out")).unwrap();
    let browser = Browser::open(&root).unwrap();
    (directory, browser)
}

fn get(browser: &Browser, target: &str) -> (u16, String) {
    let response = browser.respond(target);
    (response.status, String::from_utf8(response.body).unwrap())
}

#[test]
fn runs_are_listed_newest_first_with_their_verdicts() {
    let (_directory, browser) = site();
    let (status, page) = get(&browser, "/");
    assert_eq!(status, 200);
    let names = ["died", "broke off", "unknown", "valid"];
    let names = names.map(|name| format!("{name}</span>"));
    let places: Vec<_> = names
        .iter()
        .map(|name| page.find(name.as_str()).unwrap())
        .collect();
    assert!(places.is_sorted(), "{page}");
    assert!(page.contains("2025-01-04 00:00:00"), "{page}");
    assert!(!page.contains("latest"), "{page}");
}

#[test]
fn two_runs_of_the_store_are_compared() {
    let (_directory, browser) = site();
    let query = "/compare?a=echo%2F20250101T000000%2B0000&b=echo/20250102T000000%2B0000";
    let (status, page) = get(&browser, query);
    assert_eq!(status, 200);
    assert!(page.contains("Two runs compared"), "{page}");
    for query in ["", "a=echo", "a=../x&b=../y", "a=out&b=out", "a=%zz&b=%"] {
        assert_eq!(
            get(&browser, &format!("/compare?{query}")).0,
            404,
            "{query}"
        );
    }
}

#[test]
fn unfinished_run_is_read_again_until_it_has_results() {
    let (directory, browser) = site();
    let run = directory.path().join("store/g-set/20250104T000000+0000");
    assert!(get(&browser, "/").1.contains("died</span>"));
    fs::write(run.join("results.edn"), "{:valid? false}").unwrap();
    let (_, page) = get(&browser, "/");
    assert!(!page.contains("died</span>") && page.contains("invalid</span>"));
}

#[test]
fn run_shows_its_index_and_other_directories_list_their_files() {
    let (_directory, browser) = site();
    assert_eq!(get(&browser, "/g-set/latest/").1, "the index");
    let response = browser.respond("/g-set/latest");
    assert_eq!(response.status, 301);
    assert_eq!(response.location.as_deref(), Some("/g-set/latest/"));
    let (_, page) = get(&browser, "/g-set/latest/node-logs/");
    assert!(page.contains(r#"href="./%3Cn%201%3E.log""#), "{page}");
    assert!(page.contains("&lt;n 1&gt;.log"), "{page}");
    let (_, log) = get(&browser, "/g-set/latest/node-logs/%3Cn%201%3E.log?x");
    assert_eq!(log, "words");
}

#[test]
fn paths_outside_the_store_are_refused() {
    let (_directory, browser) = site();
    for target in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/echo/../../secret.txt",
        "/..%2fsecret.txt",
        "/out/secret.txt",
        "/out/",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/echo/nothing",
    ] {
        let (status, text) = get(&browser, target);
        assert_eq!(status, 404, "{target}: {text}");
    }
    for target in ["/%zz", "/%", "/a%00b", "/%ff"] {
        assert_eq!(get(&browser, target).0, 400, "{target}");
    }
}
