//! The event listener on real pipes, sockets and files.

use std::fs::File;
use std::io::stdin;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::time::{Duration, SystemTime};

use httpok::tick::{EventListener, ListenerEnd, Tick};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::support::supervisord::Supervisord;
use crate::support::{alive, wait_until};

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);
const READY: &str = "READY\n";
const ANSWER: &str = "RESULT 2\nOKREADY\n";

/// supervisord's ends of a listener's pipes.
struct Peer {
    events: Box<dyn AsyncWrite + Unpin>,
    answers: Box<dyn AsyncRead + Unpin>,
}

impl Peer {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.events.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Waits for exactly `expected`.
    async fn expect(&mut self, expected: &str) {
        let mut found = vec![0; expected.len()];
        let read = timeout(LIMIT, self.answers.read_exact(&mut found)).await;
        read.expect("no answer").unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    /// Waits for the end of the answers; none may be left.
    async fn expect_end(&mut self) {
        let mut rest = String::new();
        let read = timeout(LIMIT, self.answers.read_to_string(&mut rest)).await;
        read.expect("no end").unwrap();
        assert_eq!(rest, "");
    }
}

fn over_pipes() -> (EventListener, Peer) {
    let (input, events) = nix::unistd::pipe().unwrap();
    let (answers, output) = nix::unistd::pipe().unwrap();
    let peer = Peer {
        events: Box::new(pipe::Sender::from_owned_fd(events).unwrap()),
        answers: Box::new(pipe::Receiver::from_owned_fd(answers).unwrap()),
    };
    (EventListener::new(input, output).unwrap(), peer)
}

/// One socket for both directions, as under inetd.
fn over_a_socket() -> (EventListener, Peer) {
    let (ours, theirs) = StdStream::pair().unwrap();
    let input = ours.try_clone().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (answers, events) = tokio::io::split(UnixStream::from_std(theirs).unwrap());
    let peer = Peer {
        events: Box::new(events),
        answers: Box::new(answers),
    };
    (EventListener::new(input.into(), ours.into()).unwrap(), peer)
}

/// An event as supervisord writes it.
fn event(name: &str, payload: &str) -> String {
    format!(
        "ver:3.0 server:na:me x serial:21 pool:httpok poolserial:10 eventname:{name} len:{}\n{payload}",
        payload.chars().count()
    )
}

fn tick(name: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    event(name, &format!("when:{}", now.unwrap().as_secs() - 100))
}

async fn next(listener: &mut EventListener) -> Result<Tick, ListenerEnd> {
    timeout(LIMIT, listener.next()).await.expect("no tick")
}

async fn expect_tick(listener: &mut EventListener, name: &str, period: u64) {
    let tick = next(listener).await.unwrap();
    assert_eq!(tick.name, name);
    assert_eq!(tick.period, Some(Duration::from_secs(period)));
    let age = tick.age.unwrap().as_secs();
    assert!((100..160).contains(&age), "{age}");
}

#[tokio::test]
async fn ticks_are_acknowledged_and_delivered() {
    for (mut listener, mut peer) in [over_pipes(), over_a_socket()] {
        peer.expect(READY).await;
        for (name, period) in [("TICK_5", 5), ("TICK_60", 60), ("TICK_3600", 3600)] {
            peer.send(tick(name)).await;
            peer.expect(ANSWER).await;
            expect_tick(&mut listener, name, period).await;
        }
    }
}

#[tokio::test]
async fn other_events_are_acknowledged_and_nothing_else() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    for payload in [
        "processname:caf\u{e9} groupname:caf\u{e9} from_state:STARTING tries:0",
        "an emoji: \u{1f600}, and\na second line",
        "",
    ] {
        peer.send(event("PROCESS_STATE_STARTING", payload)).await;
        peer.expect(ANSWER).await;
    }
    // The next event is read from its very beginning, as what came before was counted in characters.
    peer.send(tick("TICK_5")).await;
    peer.expect(ANSWER).await;
    expect_tick(&mut listener, "TICK_5", 5).await;
}

#[tokio::test]
async fn acknowledgement_does_not_wait_for_the_tick_consumer() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    for _ in 0..100 {
        peer.send(tick("TICK_5")).await;
        peer.expect(ANSWER).await;
    }
    drop(peer);
    let mut waiting = 0;
    while next(&mut listener).await.is_ok() {
        waiting += 1;
    }
    assert!((1..100).contains(&waiting), "{waiting}");
}

#[tokio::test]
async fn events_split_across_reads_are_joined() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    for byte in event("TICKLE", "caf\u{e9}").bytes() {
        peer.send([byte]).await;
        tokio::task::yield_now().await;
    }
    peer.expect(ANSWER).await;
    let tick = next(&mut listener).await.unwrap();
    assert_eq!((tick.period, tick.age), (None, None));
}

#[tokio::test]
async fn garbage_before_a_header_loses_no_event_and_adds_no_result() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    peer.send("garbage\n\nand more\n72".to_owned() + &tick("TICK_5"))
        .await;
    peer.expect(ANSWER).await;
    expect_tick(&mut listener, "TICK_5", 5).await;
    drop(peer.events);
    peer.events = Box::new(tokio::io::sink());
    assert!(matches!(
        next(&mut listener).await,
        Err(ListenerEnd::InputClosed)
    ));
    peer.expect_end().await;
}

#[tokio::test]
async fn unreadable_event_is_acknowledged_after_the_idle_timeout() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    for broken in [
        "ver:3.0 server:x eventname:TICK_5 len:many\nwhen:1",
        "ver:3.0 server:x eventname:TICK_5 len:999\nwhen:1",
    ] {
        peer.send(broken).await;
        peer.expect(ANSWER).await;
    }
    peer.send(tick("TICK_5")).await;
    peer.expect(ANSWER).await;
    expect_tick(&mut listener, "TICK_5", 5).await;
}

#[tokio::test]
async fn end_of_input_ends_the_listener() {
    for (mut listener, mut peer) in [over_pipes(), over_a_socket()] {
        peer.expect(READY).await;
        peer.send("ver:3.0 half an ev").await;
        drop(peer);
        assert!(matches!(
            next(&mut listener).await,
            Err(ListenerEnd::InputClosed)
        ));
        assert!(matches!(
            next(&mut listener).await,
            Err(ListenerEnd::InputClosed)
        ));
    }
}

#[tokio::test]
async fn broken_output_ends_the_listener() {
    let (mut listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    peer.answers = Box::new(tokio::io::empty());
    // a child of another test has a copy of the pipe until it becomes its program
    let error = loop {
        peer.send(tick("TICK_5")).await;
        match next(&mut listener).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ListenerEnd::Output(_)));
    assert_eq!(
        error.to_string(),
        "cannot write to standard output: Broken pipe (os error 32)"
    );
}

#[tokio::test]
async fn dropping_the_listener_closes_its_descriptors() {
    let (listener, mut peer) = over_pipes();
    peer.expect(READY).await;
    drop(listener);
    peer.expect_end().await;
}

#[tokio::test]
async fn listener_accepts_regular_files() {
    let dir = tempfile::tempdir().unwrap();
    let (events, answers) = (dir.path().join("events"), dir.path().join("answers"));
    std::fs::write(&events, tick("TICK_5") + &tick("TICK_60")).unwrap();
    let mut listener = EventListener::new(
        File::open(events).unwrap().into(),
        File::create(&answers).unwrap().into(),
    )
    .unwrap();
    expect_tick(&mut listener, "TICK_5", 5).await;
    expect_tick(&mut listener, "TICK_60", 60).await;
    assert!(matches!(
        next(&mut listener).await,
        Err(ListenerEnd::InputClosed)
    ));
    assert_eq!(
        std::fs::read_to_string(answers).unwrap(),
        READY.to_owned() + ANSWER + ANSWER
    );
}

/// What the next test runs under supervisord: says its ticks on standard error. The protocol's output is
/// file descriptor 3, as the test harness talks on standard output.
#[tokio::test]
#[ignore = "an event listener, not a test"]
async fn listener_process() {
    let output = File::options().write(true).open("/dev/fd/3").unwrap();
    let input = stdin().as_fd().try_clone_to_owned().unwrap();
    let mut listener = EventListener::new(input, output.into()).unwrap();
    loop {
        match listener.next().await {
            Ok(tick) => eprintln!("tick {} {:?}", tick.name, tick.period.unwrap()),
            Err(ended) => return eprintln!("ended: {ended}"),
        }
    }
}

#[test]
fn supervisord_accepts_the_listener() {
    let listener = std::env::current_exe().unwrap();
    let mut supervisord = Supervisord::with()
        .listener(
            "listener",
            &format!(
                "command=sh -c 'exec {} listener_process --ignored --nocapture 3>&1 >/dev/null'\n\
                 events=TICK_5,PROCESS_STATE\nbuffer_size=100",
                listener.display()
            ),
        )
        .program(
            "caf\u{e9}",
            "command=sleep 1000\nstartsecs=0\nautostart=false\nstopsignal=KILL",
        )
        .start();
    supervisord.wait_for("listener", "RUNNING");
    // Each start and stop is two events with a name that is longer in bytes than in characters.
    for _ in 0..3 {
        for call in ["supervisor.startProcess", "supervisor.stopProcess"] {
            let answer = supervisord.rpc(call, &["caf\u{e9}"]).unwrap();
            assert!(answer.contains("<boolean>1"), "{answer}");
        }
    }
    wait_until("a tick arrives", LIMIT, || {
        supervisord.stderr("listener").contains("tick TICK_5 5s\n")
    });
    wait_until("every event is answered", LIMIT, || {
        let answers = supervisord.stdout("listener");
        answers.matches("RESULT 2\nOKREADY\n").count() > 12
    });
    assert_eq!(supervisord.state("listener"), "RUNNING");
    let pid = supervisord.pid("listener");
    supervisord.crash();
    wait_until("it saw the end", LIMIT, || !alive(pid));
}
