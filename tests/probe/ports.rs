//! No local port is left, as behind a busy proxy: that says nothing about the service.

use std::process::Command;

/// In a network of its own with two local ports, both of which are taken by connections to the service.
const SCRIPT: &str = r#"
import fcntl, socket, struct, subprocess, sys
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running
open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("61000 61001")
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 8080))
server.listen(16)
held = []
for _ in range(2):
    held.append(socket.create_connection(("127.0.0.1", 8080)))
sys.exit(subprocess.run([sys.argv[1], "check", "-t", "5", "--format", "json", "http://127.0.0.1:8080/"]).returncode)
"#;

#[test]
fn missing_local_port_is_unknown() {
    let output = Command::new("unshare")
        .args(["-n", "python3", "-c", SCRIPT, env!("CARGO_BIN_EXE_httpok")])
        .env_remove("SUPERVISOR_SERVER_URL")
        .output()
        .expect("unshare is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}{output:?}");
    assert!(said.contains("\"no_fds\""), "{said}");
    assert!(said.contains("\"unknown\""), "{said}");
}
