//! A Dovecot of the test's own: in a directory of its own, on a port of its own.

use super::tls::Authority;
use crate::harness::{Site, seconds, until};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const USER: &str = "city@leshan.example";
const PASSWORD: &str = "the-code-of-the-mailbox";

/// A running Dovecot with one mailbox.
pub struct Dovecot {
    pub port: u16,
    directory: TempDir,
    child: Child,
}

impl Dovecot {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// With further lines of configuration.
    pub async fn with(lines: &str) -> Self {
        Self::listening(lines, false).await
    }

    /// With a certificate of this authority: TLS from the first byte, or after `STARTTLS` and not before the log-in.
    pub async fn encrypted(authority: &Authority, implicit: bool) -> Self {
        let at = authority.directory().display().to_string();
        let lines = format!(
            "ssl = required\nssl_cert = <{at}/server.pem\nssl_key = <{at}/server.key\ndisable_plaintext_auth = yes"
        );
        Self::listening(&lines, implicit).await
    }

    async fn listening(lines: &str, implicit: bool) -> Self {
        let directory = tempfile::Builder::new().prefix("dv").tempdir().unwrap();
        let root = directory.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.join("mail")).unwrap();
        // Free a moment ago; nobody else on this machine asks for it by number.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ours = rustix::process::getuid().as_raw();
        let (owner, login) = if ours == 0 { (("nobody", "nogroup"), "dovenull") } else { (("", ""), "") };
        let me = whoami();
        let (user, group) = if ours == 0 { (owner.0.to_owned(), owner.1.to_owned()) } else { me.clone() };
        let login = if ours == 0 { login.to_owned() } else { me.0.clone() };
        if ours == 0 {
            chown(root.join("mail"), Some(65534), Some(65534)).unwrap();
        }
        let at = root.display();
        let (plain, encrypted) = if implicit { (0, port) } else { (port, 0) };
        let config = format!(
            "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/log\nprotocols = imap\nssl = no\n\
             disable_plaintext_auth = no\nmail_location = maildir:{at}/mail/%u\nfirst_valid_uid = 0\nfirst_valid_gid = 0\n\
             default_internal_user = {internal}\ndefault_internal_group = {internal_group}\ndefault_login_user = {login}\n\
             mail_max_userip_connections = 100\n{lines}\n\
             passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
             userdb {{\n  driver = static\n  args = uid={user} gid={group} home={at}/mail/%u\n}}\n\
             service imap-login {{\n  chroot =\n  inet_listener imap {{\n    address = 127.0.0.1\n    port = {plain}\n  }}\n\
             inet_listener imaps {{\n    address = 127.0.0.1\n    port = {encrypted}\n    ssl = yes\n  }}\n}}\nservice anvil {{\n  chroot =\n}}\n",
            internal = me.0,
            internal_group = me.1,
        );
        fs::write(root.join("dovecot.conf"), config).unwrap();
        // Not everybody has it in their path.
        let installed = std::path::Path::new("/usr/sbin/dovecot");
        let mut command = Command::new(if installed.exists() { installed.as_os_str() } else { "dovecot".as_ref() });
        command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("dovecot; `make setup` installs it");
        let dovecot = Self { port, directory, child };
        until("Dovecot listening", seconds(10), || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        dovecot
    }

    /// The channel `mail` takes its mail from here.
    pub fn configure(&self, site: &mut Site, processed: Option<&str>) {
        site.set("channels.mail.type", "email");
        site.set("channels.mail.hotline", "12345");
        site.set("channels.mail.transport", "imap");
        site.set("channels.mail.host", "127.0.0.1");
        site.set("channels.mail.port", i64::from(self.port));
        site.set("channels.mail.tls", "none");
        site.set("channels.mail.username", USER);
        site.set("channels.mail.password", PASSWORD);
        if let Some(folder) = processed {
            site.set("channels.mail.processed_folder", folder);
        }
    }

    /// The mailbox on disk.
    pub fn maildir(&self) -> PathBuf {
        self.directory.path().join("mail").join(USER)
    }

    /// Puts a mail into the inbox as a mail server would; `seen`: somebody has read it already.
    pub fn deliver(&self, name: &str, mail: &str, seen: bool) {
        let maildir = self.maildir();
        let made = !maildir.exists();
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(maildir.join(folder)).unwrap();
        }
        if made && rustix::process::getuid().is_root() {
            for path in [maildir.clone(), maildir.join("tmp"), maildir.join("new"), maildir.join("cur")] {
                chown(path, Some(65534), Some(65534)).unwrap();
            }
        }
        let temporary = maildir.join("tmp").join(name);
        fs::write(&temporary, mail).unwrap();
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o644)).unwrap();
        let target = if seen { maildir.join(format!("cur/{name}:2,S")) } else { maildir.join("new").join(name) };
        fs::rename(temporary, target).unwrap();
    }

    /// How many mails a folder has; the inbox is "".
    pub fn count(&self, folder: &str) -> usize {
        let base = if folder.is_empty() { self.maildir() } else { self.maildir().join(format!(".{folder}")) };
        ["new", "cur"].iter().filter_map(|part| fs::read_dir(base.join(part)).ok()).map(Iterator::count).sum()
    }

    /// Throws everybody out.
    pub fn kick(&self) {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.directory.path().join("dovecot.conf")).args(["kick", "*"]);
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Its processes stand still, their connections open; or go on.
    pub fn freeze(&self, frozen: bool) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        for id in fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        {
            let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let parent = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
            if let Some(id) = Pid::from_raw(id).filter(|_| parent == Some(self.child.id())) {
                let _ = kill_process(id, signal);
            }
        }
    }

    /// It ends.
    pub fn stop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }

    /// The server has lost what it knew of the inbox, as after a restored backup: other UIDs under another UIDVALIDITY,
    /// and no keywords.
    pub fn forget_uids(&self) {
        for entry in fs::read_dir(self.maildir()).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("dovecot") {
                let _ = fs::remove_file(entry.path());
            }
        }
        // Keywords are letters in the names.
        for entry in fs::read_dir(self.maildir().join("cur")).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let bare = name.split(":2,").next().unwrap_or_default().to_owned();
            let _ = fs::rename(entry.path(), self.maildir().join("cur").join(format!("{bare}:2,")));
        }
        self.kick();
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The name and the group of the one who runs the test.
fn whoami() -> (String, String) {
    let told = |flag| {
        let output = Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    (told("-un"), told("-gn"))
}
