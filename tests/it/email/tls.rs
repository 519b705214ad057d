//! Encrypted connections to servers whose certificates the city itself has signed.

use super::{HOTLINE, dovecot::Dovecot, mail, post::Post, wait_for};
use crate::harness::Site;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// An authority of the test's own, and a certificate of a server on this machine.
pub struct Authority(TempDir);

impl Authority {
    pub fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let made = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            command.arg("req").arg("-x509").args(key).args(arguments).current_dir(authority.directory());
            let output = command.output().expect("openssl; Dovecot brings it");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        made(&["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        let leaf = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        let signed = ["-subj", "/CN=server", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "server.key"];
        made(&[&signed[..], &["-out", "server.pem"], &leaf].concat());
        authority
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    /// Its own certificate.
    pub fn file(&self) -> String {
        self.directory().join("ca.pem").display().to_string()
    }
}

/// What `check --connect` says.
fn checked(site: &mut Site) -> String {
    let output = site.command("check", &["--connect"]).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_and_a_mail_server_of_the_citys_own_authority_are_trusted_by_its_file_only() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (tls, implicit) in [("implicit", true), ("starttls", false)] {
        let dovecot = Dovecot::encrypted(&authority, implicit).await;
        let post = Post::encrypted(&authority, tls);
        let mut site = Site::new().await;
        dovecot.configure(&mut site, Some("Processed"));
        site.set("channels.mail.tls", tls);
        post.configure(&mut site);
        site.set("channels.mail.smtp.tls", tls);
        for wrong in [None, Some(stranger.file())] {
            if let Some(file) = wrong {
                site.set("channels.mail.ca_file", file);
            }
            let said = checked(&mut site);
            assert!(said.contains("UnknownIssuer") || said.contains("certificate"), "{tls}: {said}");
            assert!(!said.contains("channels.mail: ok"), "{said}");
        }
        site.set("channels.mail.ca_file", authority.file());
        assert!(checked(&mut site).contains("smtp: "), "the mail server has a key of its own");
        site.set("channels.mail.smtp.ca_file", "/nowhere/ca.pem");
        assert!(checked(&mut site).contains("ca_file /nowhere/ca.pem"));
        site.set("channels.mail.smtp.ca_file", authority.file());
        let said = checked(&mut site);
        assert!(said.contains("channels.mail: ok"), "{tls}: {said}");

        dovecot.deliver("1", &mail("w@citizen.example", "1", "路灯", "路灯坏了"), false);
        let gateway = site.start().await;
        wait_for(&gateway, "ticket.created", 1).await;
        let receipt = post.wait("w@citizen.example", 1).await.remove(0);
        assert!(receipt.header("from").contains(HOTLINE), "{receipt:?}");
    }
}
