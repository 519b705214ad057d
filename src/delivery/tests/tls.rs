//! Destinations behind TLS, with certificates of an authority of the test's own.

use super::{fake::destination, soon};
use crate::delivery::{
    Destination,
    attempt::{Http, Transport},
    outcome::{FaultClass, Outcome},
    pool::trusted,
};
use bytes::Bytes;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A core that answers 200 to all, whose certificate is for `localhost`.
struct Core {
    port: u16,
    certificate: CertificateDer<'static>,
    connections: Arc<AtomicUsize>,
    _directory: TempDir,
}

impl Core {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let own = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let names =
            ["-subj", "/CN=core", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
        let files = ["-keyout", "key", "-out", "pem"];
        let made = Command::new("openssl").args(own).args(names).args(files).current_dir(directory.path()).output();
        assert!(made.expect("openssl; Dovecot brings it").status.success());
        let file = |name: &str| directory.path().join(name);
        let certificate = CertificateDer::from_pem_file(file("pem")).unwrap();
        let config = Arc::new(server(&certificate, &file("key")));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Relaxed);
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = StreamOwned::new(session, stream.unwrap());
                thread::spawn(move || serve(BufReader::new(stream)));
            }
        });
        Self { port, certificate, connections, _directory: directory }
    }

    /// A way there at `host`, for who trusts the core's authority, or only the system's.
    fn http(&self, host: &str, trusts: bool) -> Http {
        let url = format!("https://{host}:{}/events", self.port);
        let destination = Destination { url, timeout: Duration::from_secs(5), ..destination() };
        let own = |_: &_| {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone())?;
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
            Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
        };
        if trusts { Http::trusting(&destination, own) } else { Http::trusting(&destination, trusted) }.unwrap()
    }
}

fn server(certificate: &CertificateDer<'static>, key: &Path) -> ServerConfig {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    config.with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
}

/// Until the client goes, or does not like the certificate.
fn serve(mut stream: BufReader<impl Read + Write>) -> Option<()> {
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let said = line.strip_prefix("content-length: ").map(|said| said.trim().parse().unwrap());
            length = said.unwrap_or(length);
        }
        stream.read_exact(&mut vec![0; length]).ok()?;
        stream.get_mut().write_all(b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nok").ok()?;
    }
}

async fn attempt(http: &Http) -> Outcome {
    soon(http.attempt("ev_1", Bytes::from_static(b"{}"))).await
}

#[tokio::test]
async fn a_certificate_must_be_of_a_trusted_authority_and_of_the_host_that_was_asked_for() {
    let core = Core::start();
    let trusting = core.http("localhost", true);
    for _ in 0..3 {
        assert_eq!(attempt(&trusting).await, Outcome::Delivered);
    }
    assert_eq!(core.connections.load(Relaxed), 1, "one handshake is enough");
    for (why, http) in [
        ("nobody knows who signed it", core.http("localhost", false)),
        ("it is another's", core.http("127.0.0.1", true)),
    ] {
        let Outcome::DestinationAtFault(fault) = attempt(&http).await else { panic!("{why}") };
        assert_eq!(fault.class, FaultClass::Connect, "{why}");
    }
}

#[tokio::test]
async fn who_says_nothing_in_tls_is_not_connected_to() {
    use super::sockets::{Receiver, Reply};
    let silent = Receiver::start(|_, _| Reply::Hang).await;
    let url = format!("https://{}/", silent.address);
    let destination = Destination { url, timeout: Duration::from_millis(300), ..destination() };
    let Outcome::DestinationAtFault(fault) = attempt(&Http::new(&destination).unwrap()).await else { panic!() };
    assert_eq!(fault.class, FaultClass::Connect);
}
