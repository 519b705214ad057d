//! The power cut is believed only because it is shown here to lose what was not synced.

use crate::harness::{Faults, copy_directory, until};
use rusqlite::Connection;
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Runs `part` of [`child`] on a failing disk; kills it once it has made the file `done` outside; gives the directory it wrote to.
async fn run(part: &str, set: impl Fn(&Faults)) -> (TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (data, shadow, done) = (root.join("data"), root.join("shadow"), root.join("done"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("old"), "old").unwrap();
    let faults = Faults::new(&data, Some(&shadow));
    set(&faults);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "shim::child", "--nocapture"]).env("JIESU_SHIM_CHILD", part).env("JIESU_SHIM_DATA", &data);
    faults.apply(command.stdout(Stdio::null()));
    let mut child = command.spawn().unwrap();
    until("the child's work", Duration::from_secs(20), || {
        assert!(child.try_wait().unwrap().is_none(), "the child failed");
        done.exists().then_some(())
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    (directory, data, shadow.join("tree"))
}

/// The part that runs in a process of its own; by itself it is no test.
#[test]
fn child() {
    let (Ok(part), Ok(data)) = (std::env::var("JIESU_SHIM_CHILD"), std::env::var("JIESU_SHIM_DATA")) else { return };
    let data = Path::new(&data);
    match part.as_str() {
        "files" => write_files(data),
        "full" => write_database(data, "FULL"),
        "off" => write_database(data, "OFF"),
        "errors" => fail_fsync(data),
        "space" => fill_disk(data),
        other => panic!("{other}"),
    }
    fs::write(data.with_file_name("done"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn sync_directory(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

fn write_files(data: &Path) {
    let mut both = File::create(data.join("both")).unwrap();
    both.write_all(b"synced").unwrap();
    both.sync_all().unwrap();
    let mut nameless = File::create(data.join("content-only")).unwrap();
    let mut empty = File::create(data.join("name-only")).unwrap();
    empty.write_all(b"not synced").unwrap();
    fs::rename(data.join("old"), data.join("renamed")).unwrap();
    sync_directory_without(data, &["content-only"]);
    nameless.write_all(b"synced").unwrap();
    nameless.sync_data().unwrap();
    both.write_all(b" and not").unwrap();
    both.seek(SeekFrom::Start(0)).unwrap();
    both.write_all(b"SYN").unwrap();
    fs::rename(data.join("renamed"), data.join("renamed-again")).unwrap();
    let mut shrunk = File::create(data.join("shrunk")).unwrap();
    shrunk.write_all(b"0123456789").unwrap();
    shrunk.sync_all().unwrap();
    shrunk.set_len(4).unwrap();
    shrunk.sync_all().unwrap();
}

/// `fsync` of the directory while these names are not in it.
fn sync_directory_without(data: &Path, names: &[&str]) {
    let aside = data.with_file_name("aside");
    for name in names {
        fs::rename(data.join(name), &aside).unwrap();
    }
    sync_directory(data);
    for name in names {
        fs::rename(&aside, data.join(name)).unwrap();
    }
}

fn write_database(data: &Path, synchronous: &str) {
    let database = Connection::open(data.join("test.db")).unwrap();
    database.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (n);").unwrap();
    database.execute_batch(&format!("PRAGMA synchronous={synchronous};")).unwrap();
    for number in 0..50 {
        database.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
    }
}

fn fail_fsync(data: &Path) {
    let mut file = File::create(data.join("both")).unwrap();
    file.write_all(b"lost").unwrap();
    let other = File::open(data.join("both")).unwrap();
    assert_eq!(file.sync_all().unwrap_err().raw_os_error(), Some(5));
    assert_eq!(other.sync_all().unwrap_err().raw_os_error(), Some(5), "another descriptor hears of it too");
    // The error is reported once, and the pages are clean: a second fsync succeeds and saves nothing.
    file.sync_all().unwrap();
    sync_directory(data);
}

fn fill_disk(data: &Path) {
    let mut file = File::create(data.join("both")).unwrap();
    assert_eq!(file.write(&[b'x'; 600]).unwrap(), 600);
    assert_eq!(file.write(&[b'x'; 600]).unwrap(), 400, "the last bytes go in as a short write");
    assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(28));
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"over").unwrap();
    file.sync_all().unwrap();
    sync_directory(data);
}

fn rows(directory: &Path) -> u32 {
    let copy = tempfile::tempdir().unwrap();
    copy_directory(directory, copy.path());
    let database = Connection::open(copy.path().join("test.db")).unwrap();
    database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_power_cut_keeps_what_was_synced_and_nothing_else() {
    let (_directory, data, tree) = run("files", |_| {}).await;
    assert_eq!(fs::read_to_string(data.join("both")).unwrap(), "SYNced and not");
    assert_eq!(fs::read_to_string(tree.join("both")).unwrap(), "synced");
    assert_eq!(fs::read_to_string(tree.join("name-only")).unwrap(), "");
    assert!(!tree.join("content-only").exists(), "its name was never synced");
    assert!(!tree.join("shrunk").exists(), "its name was never synced");
    assert_eq!(fs::read_to_string(tree.join("renamed")).unwrap(), "old", "as the directory was when it was synced");
    assert!(!tree.join("old").exists() && !tree.join("renamed-again").exists());
}

#[tokio::test]
async fn a_power_cut_keeps_every_commit_of_a_database_that_syncs() {
    let (_directory, data, tree) = run("full", |_| {}).await;
    assert_eq!((rows(&data), rows(&tree)), (50, 50));
    let (_directory, _, tree) = run("full", |faults| faults.tear(50)).await;
    assert_eq!(rows(&tree), 50);
}

#[tokio::test]
async fn a_power_cut_loses_the_commits_of_a_database_that_does_not_sync() {
    let (_directory, data, tree) = run("off", |_| {}).await;
    assert_eq!((rows(&data), rows(&tree)), (50, 0));
}

#[tokio::test]
async fn a_failed_fsync_loses_the_data_also_when_the_next_one_succeeds() {
    let (_directory, data, tree) = run("errors", |faults| faults.fail_fsyncs(1)).await;
    assert_eq!(fs::read_to_string(data.join("both")).unwrap(), "lost");
    assert_ne!(fs::read_to_string(tree.join("both")).unwrap(), "lost");
}

#[tokio::test]
async fn a_full_disk_takes_what_fits_and_what_is_there_can_be_overwritten() {
    let (_directory, data, _) = run("space", |faults| faults.space(1000)).await;
    assert_eq!(fs::read_to_string(data.join("both")).unwrap(), format!("over{}", "x".repeat(996)));
}
