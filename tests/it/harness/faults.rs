//! A disk that fails on command, and the record of what a power cut would leave: the harness of `faults/shim.c`.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = include_str!("../faults/shim.c");

/// The controls of one shim, in the order of its `enum control`.
#[derive(Debug)]
pub struct Faults {
    control: File,
    control_path: PathBuf,
    watched: PathBuf,
    shadow: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Control {
    FsyncDelayMs = 0,
    FsyncErrors = 1,
    Space = 2,
    TearPercent = 3,
    Fsyncs = 6,
    FsyncsFailed = 7,
    WritesFailed = 9,
}

impl Faults {
    /// Watches `directory`; keeps in `shadow` what a power cut would leave, beginning with what is there now.
    pub fn new(directory: &Path, shadow: Option<&Path>) -> Self {
        if let Some(shadow) = shadow {
            for part in ["tree", "inodes"] {
                fs::create_dir_all(shadow.join(part)).unwrap();
            }
            seed(directory, &shadow.join("tree"), &shadow.join("inodes"));
        }
        let control_path = directory.with_extension("control");
        fs::write(&control_path, [0; 16 * 8]).unwrap();
        let control = File::options().read(true).write(true).open(&control_path).unwrap();
        let faults = Self { control, control_path, watched: directory.into(), shadow: shadow.map(Into::into) };
        faults.unlimited_space();
        faults
    }

    /// Has `command` run on this disk.
    pub fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("JIESU_FAULT_DIR", &self.watched);
        command.env("JIESU_FAULT_CONTROL", &self.control_path);
        if let Some(shadow) = &self.shadow {
            command.env("JIESU_FAULT_SHADOW", shadow);
        }
    }

    /// Every fsync takes this much longer.
    pub fn delay_fsync(&self, ms: i64) {
        self.set(Control::FsyncDelayMs, ms);
    }

    /// So many fsyncs fail with EIO; -1: all.
    pub fn fail_fsyncs(&self, number: i64) {
        self.set(Control::FsyncErrors, number);
    }

    /// So many bytes are left on the disk.
    pub fn space(&self, bytes: i64) {
        self.set(Control::Space, bytes);
    }

    pub fn unlimited_space(&self) {
        self.set(Control::Space, -1);
    }

    /// So many of the unsynced sectors survive a power cut all the same, so that writes are torn.
    pub fn tear(&self, percent: i64) {
        self.set(Control::TearPercent, percent);
    }

    pub fn fsyncs(&self) -> i64 {
        self.get(Control::Fsyncs)
    }

    pub fn fsyncs_failed(&self) -> i64 {
        self.get(Control::FsyncsFailed)
    }

    pub fn writes_failed(&self) -> i64 {
        self.get(Control::WritesFailed)
    }

    fn set(&self, control: Control, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), control as u64 * 8).unwrap();
    }

    fn get(&self, control: Control) -> i64 {
        let mut value = [0; 8];
        self.control.read_exact_at(&mut value, control as u64 * 8).unwrap();
        i64::from_ne_bytes(value)
    }
}

/// What is there before the start has been on the disk for long: it is in the shadow from the beginning.
fn seed(directory: &Path, tree: &Path, inodes: &Path) {
    use std::os::unix::fs::MetadataExt;
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, target, status) = (entry.path(), tree.join(entry.file_name()), entry.metadata().unwrap());
        if status.is_dir() {
            fs::create_dir_all(&target).unwrap();
            seed(&path, &target, inodes);
        } else {
            let inode = inodes.join(status.ino().to_string());
            fs::copy(&path, &inode).unwrap();
            fs::hard_link(&inode, &target).unwrap();
        }
    }
}

/// Copies a directory with everything in it.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The compiled shim: once for each state of its source. Tests run at the same time, so it appears by a rename.
/// Has `command` run on a machine whose clock is so many seconds ahead.
pub fn set_clock_ahead(command: &mut Command, seconds: i64) {
    command.env("LD_PRELOAD", library()).env("JIESU_FAULT_CLOCK_S", seconds.to_string());
}

fn library() -> PathBuf {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    SOURCE.hash(&mut hash);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = directory.join(format!("faults-{:016x}.so", hash.finish()));
    if !library.exists() {
        let (source, made) =
            (library.with_extension(format!("{}.c", std::process::id())), tempfile::tempdir().unwrap());
        let object = directory.join(made.path().file_name().unwrap());
        fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Wno-format-truncation", "-o"]);
        let status = compiler.arg(&object).arg(&source).args(["-ldl", "-lpthread"]).status().unwrap();
        assert!(status.success(), "the C compiler refused the shim");
        fs::rename(object, &library).unwrap();
        fs::remove_file(source).unwrap();
    }
    library
}
