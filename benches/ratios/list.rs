//! supervisord's list of a hundred processes, asked for over a socket and read, beside the reading alone by
//! Python's xmlrpc.client, which supervisor's own client is made of.

use httpok::supervisor::Supervisor;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use httpok::secret::Secret;
use httpok::supervisor::supervisord::{Deadlines, SupervisordClient, SupervisordSpec};

use super::meter::{Table, each};

const TIMES: u32 = 20;

const READER: &str = "
import sys, time, xmlrpc.client
text = sys.stdin.read()
begun = time.process_time()
for _ in range(20):
    xmlrpc.client.loads(text)
print(int((time.process_time() - begun) / 20 * 1e9))
";

/// An answer with a hundred processes in it.
fn answer() -> String {
    let fixture = include_str!("../../tests/fixtures/supervisord/process-info.xml");
    let from = fixture.find("<value><struct>").expect("a process");
    let end = "</struct></value>";
    let to = fixture.rfind(end).expect("its end") + end.len();
    let one = &fixture[from..to];
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n{}</data></array></value>\n</param>\n</params>\n</methodResponse>\n",
        format!("{one}\n").repeat(100)
    )
}

fn serve(listener: UnixListener, text: &str) {
    let length = text.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                // a request is one piece here, and a connection has several
                while stream.read(&mut piece).is_ok_and(|got| got > 0) {
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

fn pythons(file: &std::path::Path) -> Duration {
    let input = std::fs::File::open(file).expect("just written");
    let output = Command::new("python3")
        .args(["-c", READER])
        .stdin(input)
        .output()
        .expect("python3");
    let text = String::from_utf8_lossy(&output.stdout);
    Duration::from_nanos(text.trim().parse().expect("nanoseconds"))
}

pub fn measure(table: &mut Table) {
    let dir = tempfile::tempdir().expect("a directory");
    let (socket, file) = (dir.path().join("s"), dir.path().join("answer.xml"));
    let text = answer();
    std::fs::write(&file, &text).expect("a file");
    serve(UnixListener::bind(&socket).expect("a socket"), &text);
    let url = format!("unix://{}", socket.display());
    let spec = SupervisordSpec::new(&url, "", Secret::default()).expect("a URL");
    let client = SupervisordClient::new(spec, Deadlines::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    table.beside(
        "100 processes listed over a socket",
        || {
            each(TIMES, || {
                let listed = runtime.block_on(client.list(None)).expect("an answer");
                assert_eq!(listed.len(), 100);
            })
        },
        "xmlrpc.client, reading alone",
        || pythons(&file),
    );
}
