//! Docker reports a stopping container as running. Podman has a state for it, so a proxy removes that state
//! between the engine and httpok.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use httpok::health::ProcessState;
use httpok::supervisor::{Supervisor, docker};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::engine::{Service, engine};
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;
use crate::watched::Watched;
use crate::{name, until};

/// Takes its time to end, and says that it was asked to.
const SLOW: &str =
    "echo up >> /here/lives; trap 'touch /here/asked; sleep 3; exit 0' TERM; sleep 1000 & wait";

/// Another socket of `service`'s, in `dir`, behind which nothing is ever "stopping".
fn poor(service: &Service, dir: &TempDir) -> String {
    let path = dir.path().join("poor.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let engine = service.socket.clone();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let engine = UnixStream::connect(&engine).unwrap();
            let (to_engine, to_client) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pass(client, to_engine, |_| {}));
            thread::spawn(move || pass(engine, to_client, impoverish));
        }
    });
    path.to_str().unwrap().to_owned()
}

fn pass(mut from: UnixStream, mut to: UnixStream, change: fn(&mut [u8])) -> io::Result<()> {
    let mut chunk = [0; 65536];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        change(&mut chunk[..count]);
        to.write_all(&chunk[..count])?;
    }
}

/// As long as before, so that no length is wrong.
fn impoverish(answer: &mut [u8]) {
    let (from, to) = (b"\"Status\":\"stopping\"", b"\"Status\": \"running\"");
    let at = answer.windows(from.len()).position(|part| part == from);
    if let Some(at) = at {
        answer[at..at + to.len()].copy_from_slice(to);
    }
}

#[tokio::test]
async fn container_asked_to_stop_is_stopping() {
    let (engine, service, dir) = (engine(), engine().service(), tempfile::tempdir().unwrap());
    let volume = format!("--volume={}:/here", dir.path().display());
    engine.run("pasked", &[&volume], SLOW);
    let socket = poor(&service, &dir);
    let client = || docker::DockerClient::new(&socket);
    let ours = client();
    until(&ours, "pasked", ProcessState::Running).await;
    let asked = async {
        while !dir.path().join("asked").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let target = name("pasked");
    tokio::select! {
        stopped = ours.stop(&target) => panic!("it has not answered: {stopped:?}"),
        () = asked => {}
    }
    let seen = client().info(&target).await.unwrap();
    assert_eq!(seen.state, ProcessState::Running, "for others it runs");
    let seen = ours.info(&target).await.unwrap();
    assert_eq!(seen.state, ProcessState::Stopping);
    until(&ours, "pasked", ProcessState::Stopped).await;
    ours.start(&target).await.unwrap();
}

/// The next watchdog finds it running, as the process that was to be stopped, and even well. It is not deceived.
#[test]
fn stop_that_outlives_its_watchdog_is_waited_for() {
    let (engine, service, dir) = (engine(), engine().service(), tempfile::tempdir().unwrap());
    let rest = format!("[supervisor.docker]\nsocket = {:?}", poor(&service, &dir));
    let watched = Watched::new("docker/pkilled", "", &rest);
    let volume = format!("--volume={}:/here", watched.path().display());
    engine.run("pkilled", &[&volume], SLOW);
    watched.ill_until(2, says("500 Oh", ""));
    let first = watched.watch();
    let asked = watched.path().join("asked");
    wait_until("it is being stopped", LIMIT, || asked.exists());
    first.signal(Signal::SIGKILL);
    first.wait();
    watched.site.answer("/web", || says("200 OK", "still fine"));
    let _second = watched.watch();
    wait_until("it is started again", LIMIT, || watched.lives() == 2);
}
