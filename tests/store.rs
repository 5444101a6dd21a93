//! The store on real files: killed, crowded, without room, without permission, damaged. Children are this
//! test binary itself, told by an environment variable what to do (see `child`).

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use httpok::health::{Decision, Incident, IncidentEvent, IntentId, Moment, Note, ProcessName};
use httpok::store::{
    Claim, Intent, NextDelivery, OpenedIntent, OutboxMessage, Owner, Store, StoreError,
    StoreTrouble, StoreTroubleKind, fresh_intent_id,
};

const DEADLINE: Duration = Duration::from_secs(30);
const LEASE: Duration = Duration::from_secs(60);

/// What a child does is named in this variable, and where in the other.
const CHILD: &str = "HTTPOK_TEST_CHILD";
const DIR: &str = "HTTPOK_TEST_DIR";

fn now(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}

/// A directory in memory where there is one: how long a disk takes to sync under the load of a test run is
/// not what is tested.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).expect("a directory")
    } else {
        tempfile::tempdir().expect("a directory")
    }
}

fn owner(watchdog: &str, pid: u32) -> Owner {
    Owner {
        watchdog: watchdog.to_owned(),
        pid,
        pid_started: u64::from(pid) * 100,
    }
}

fn intent(process: &str) -> Intent {
    Intent {
        id: fresh_intent_id(),
        process: ProcessName::supervisord("app", process),
        check: "shop".to_owned(),
        incident: "shop-1".to_owned(),
        supervisor: "unix:///run/supervisor.sock".to_owned(),
        pid_before: Some(4711),
        owner: owner("a", 1),
        opened: Moment::from_secs(1_700_000_000),
    }
}

/// Opens an intent that nobody else holds.
async fn opened(store: &Store, intent: Intent) -> IntentId {
    let id = intent.id;
    let opened = store.open_intent(intent).await.expect("an intent");
    assert_eq!(opened, OpenedIntent::Ours);
    id
}

fn message(incident: &str, number: u64) -> OutboxMessage {
    OutboxMessage {
        notifier: "mail".to_owned(),
        address: "ops@example.org".to_owned(),
        check: incident.to_owned(),
        incident: incident.to_owned(),
        number,
        json: format!("{{\"number\":{number}}}"),
        created: Moment::from_secs(1_700_000_000 + number),
        queueing: httpok::store::Queueing::AtOnce,
    }
}

fn claim(owner: &str) -> Claim {
    Claim {
        owner: owner.to_owned(),
        notifier: "mail".to_owned(),
        address: "ops@example.org".to_owned(),
    }
}

/// Queues `message`, owned by `watchdog`.
async fn enqueue(store: &Store, watchdog: &str, message: OutboxMessage) {
    let saved = store.save_reports(watchdog, vec![message], vec![], vec![]);
    assert_eq!(saved.await.expect("a row"), [], "nothing is dropped");
}

/// The message that is due.
async fn due(store: &Store, now: Moment, owner: &str) -> Option<httpok::store::QueuedMessage> {
    match store.next_due(now, &claim(owner), LEASE).await {
        Ok(NextDelivery::Deliver(queued)) => Some(*queued),
        Ok(NextDelivery::At(_) | NextDelivery::Nothing) => None,
        Err(error) => panic!("{error}"),
    }
}

const LATE: Moment = Moment::from_secs(1_800_000_000);

fn note(check: &str, at: u64) -> Note {
    Note {
        at: Moment::from_secs(at),
        check: check.to_owned(),
        decision: Decision::Resumed,
    }
}

fn processes(intents: &[Intent]) -> Vec<String> {
    let mut names: Vec<String> = intents
        .iter()
        .map(|intent| intent.process.namespec())
        .collect();
    names.sort();
    names
}

/// The one trouble that is told.
fn only(store: &Store) -> StoreTrouble {
    let mut troubles = store.take_troubles();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    troubles.remove(0)
}

async fn well_again(store: &Store) {
    let mut watch = store.watch();
    tokio::time::timeout(DEADLINE, watch.wait_for(Option::is_none))
        .await
        .expect("the store recovers in time")
        .expect("the store lives");
}

fn database(dir: &Path) -> PathBuf {
    dir.join("httpok.db")
}

fn set_aside(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.to_string_lossy();
            name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .collect()
}

// ---- children ----------------------------------------------------------------------------------------

fn command(what: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, what)
        .env(DIR, dir);
    command
}

/// Starts a child and waits until it says `said`. Returns it with the whole line.
fn started(mut command: Command, said: &str) -> (Child, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child is started");
    let stdout = child.stdout.take().expect("its output");
    for line in BufReader::new(stdout).lines() {
        let line = line.expect("a line");
        // The harness prints the test's name before it, without a line end.
        if let Some(at) = line.find(said) {
            return (child, line[at..].to_owned());
        }
    }
    panic!(
        "the child ended without saying {said:?}: {:?}",
        child.wait()
    );
}

fn say(word: &str) {
    println!("{word}");
    std::io::stdout().flush().expect("stdout");
}

/// What a child does: nothing in an ordinary run.
#[test]
fn child() {
    let (Ok(what), Some(dir)) = (std::env::var(CHILD), std::env::var_os(DIR)) else {
        return;
    };
    let dir = PathBuf::from(dir);
    now(async {
        match what.as_str() {
            "intent" => {
                let store = Store::new(dir);
                store.open_intent(intent("web")).await.expect("an intent");
                say("opened");
                std::future::pending::<()>().await;
            }
            "full" => {
                let store = Store::new(dir);
                store.open().await.expect("open");
                say("ready");
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).expect("a line");
                for number in 0..20 {
                    let one = intent(&format!("p-{number:02}"));
                    let id = one.id;
                    store.open_intent(one).await.expect("kept");
                    if number % 2 == 1 {
                        store.close_intent(id).await.expect("closed");
                    }
                }
                say("opened");
                std::future::pending::<()>().await;
            }
            "hammer" => hammer(&dir).await,
            "umask" => {
                nix::sys::stat::umask(nix::sys::stat::Mode::empty());
                let store = Store::new(dir);
                store.open_intent(intent("web")).await.expect("an intent");
                say("opened");
                std::future::pending::<()>().await;
            }
            "ticks" => ticks(&dir).await,
            "memory" => memory(&dir).await,
            other => panic!("no child does {other:?}"),
        }
    });
}

// ---- durability --------------------------------------------------------------------------------------

#[test]
fn an_intent_survives_kill_9() {
    now(async {
        let dir = scratch();
        let (mut child, _) = started(command("intent", dir.path()), "opened");
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");

        let read_only = Store::open_read_only(dir.path()).expect("readable without a watchdog");
        assert_eq!(
            processes(&read_only.open_intents().expect("intents")),
            ["app:web"]
        );

        let store = Store::new(dir.path());
        let intents = store.open_intents().await.expect("intents");
        let expected = Intent {
            id: intents[0].id,
            ..intent("web")
        };
        assert_eq!(intents, [expected], "to the letter");
        store.close_intent(intents[0].id).await.expect("closed");
        assert_eq!(store.open_intents().await.expect("intents"), []);
        assert_eq!(store.take_troubles(), []);
    });
}

/// Of two memories of a check the later one counts.
#[test]
fn what_is_kept_of_a_watchdog_goes_with_its_new_key() {
    now(async {
        let dir = scratch();
        let save = async |watchdog: &str, check: &str, json: &str| {
            let store = Store::new(dir.path());
            store.save_memory(watchdog, check, json.to_owned());
            store.close(DEADLINE).await.expect("closed in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        save("old", "shop", "{\"at\":1}").await;
        save("new", "shop", "{\"at\":2}").await;
        save("new", "cart", "{\"at\":3}").await;
        save("old", "cart", "{\"at\":4}").await;
        save("old", "host", "{\"at\":5}").await;
        let store = Store::new(dir.path());
        enqueue(&store, "old", message("shop-1", 1)).await;
        store.rename_watchdog("old", "new").await.expect("renamed");
        let mut kept = store.memories("new").await.expect("read");
        kept.sort();
        let expected = [("cart", 4), ("host", 5), ("shop", 2)];
        let expected = expected.map(|(check, at)| (check.to_owned(), format!("{{\"at\":{at}}}")));
        assert_eq!(kept, expected);
        assert_eq!(store.memories("old").await.expect("read"), []);
        assert!(due(&store, LATE, "new").await.is_some());
    });
}

#[test]
fn store_survives_a_restart() {
    now(async {
        let dir = scratch();
        let mut incident = Incident::open(
            "shop-1".to_owned(),
            "shop",
            Moment::from_secs(10),
            Moment::from_secs(20),
        );
        let store = Store::new(dir.path());
        store.save_memory("a", "shop", "{\"old\":1}".to_owned());
        store.save_memory("a", "shop", "{\"new\":2}".to_owned());
        store.save_memory("b", "shop", "{}".to_owned());
        store.record("a", (1..=3).map(|at| note("shop", at)).collect());
        store
            .save_incident("a", incident.clone())
            .await
            .expect("an incident");
        incident.ended = Some(Moment::from_secs(30));
        store
            .save_incident("a", incident.clone())
            .await
            .expect("the same incident");
        enqueue(&store, "a", message("shop-1", 1)).await;
        let first = due(&store, LATE, "a").await;
        let id = first.expect("it is due").id;
        let again = Moment::from_secs(1_700_000_100);
        store.failed(id, again, "refused").await.expect("noted");
        store.close(DEADLINE).await.expect("closed in time");
        let error = store.open_intents().await.expect_err("no more requests");
        assert!(matches!(error, StoreError::Closed), "{error}");
        assert_eq!(
            fs::metadata(dir.path().join("httpok.db-wal"))
                .expect("the log")
                .len(),
            0,
            "the log was folded into the file"
        );

        let store = Store::new(dir.path());
        let memories = store.memories("a").await.expect("memories");
        assert_eq!(memories, [("shop".to_owned(), "{\"new\":2}".to_owned())]);
        assert_eq!(
            store.notes("a", "shop", 2).await.expect("notes"),
            [note("shop", 2), note("shop", 3)],
            "the last two, oldest first"
        );
        assert_eq!(
            store
                .incidents("a", Some("shop"), 10)
                .await
                .expect("incidents"),
            [incident.clone()]
        );
        assert_eq!(
            store.incidents("a", Some("db"), 10).await.expect("none"),
            []
        );
        assert_eq!(
            store.incident("shop-1").await.expect("an incident"),
            Some(incident)
        );
        let queued = due(&store, again, "a").await.expect("it is due again");
        assert_eq!(queued.message, message("shop-1", 1));
        assert_eq!(
            (queued.attempts, queued.last_failure.as_deref()),
            (1, Some("refused"))
        );
        store.delivered(queued.id).await.expect("done");
        assert_eq!(store.counts().await.expect("counts").pending, 0);
    });
}

#[test]
fn decisions_of_a_check_are_bounded() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        for batch in 0..25 {
            let notes = (0..100).map(|at| note("shop", batch * 100 + at)).collect();
            store.record("a", notes);
            store.flush().await.expect("written");
        }
        let notes = store.notes("a", "shop", 10_000).await.expect("notes");
        assert!((2000..2128).contains(&notes.len()), "{}", notes.len());
        assert_eq!(notes.last(), Some(&note("shop", 2499)));
    });
}

#[test]
fn last_handle_writes_pending_rows() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        store.open().await.expect("open");
        store.record("a", vec![note("shop", 1)]);
        drop(store);
        let deadline = Instant::now() + DEADLINE;
        let read_only = Store::open_read_only(dir.path()).expect("a store");
        while read_only.notes("a", "shop", 1).expect("notes").is_empty() {
            assert!(Instant::now() < deadline, "it is written in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn files_are_private_under_any_umask() {
    let parent = scratch();
    let dir = parent.path().join("new/state");
    let (mut child, _) = started(command("umask", &dir), "opened");
    let mode = |path: &Path| {
        let meta = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        meta.permissions().mode() & 0o777
    };
    let modes = ["", "-wal", "-shm"].map(|suffix| mode(&dir.join(format!("httpok.db{suffix}"))));
    assert_eq!(modes, [0o600; 3]);
    assert_eq!(mode(&dir), 0o700);
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
}

#[test]
fn oversized_message_is_refused() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        let large = OutboxMessage {
            json: "x".repeat(9 << 20),
            ..message("shop-1", 1)
        };
        let saved = store.save_reports("a", vec![large], vec![], vec![]);
        let error = saved.await.expect_err("a refusal");
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    });
}

// ---- many at once ------------------------------------------------------------------------------------

const ROUNDS: u64 = 30;

/// Opens and closes intents, queues messages and notes decisions as fast as it can.
async fn hammer(dir: &Path) {
    let me = std::process::id();
    let store = Store::new(dir);
    for round in 0..ROUNDS {
        let kept = intent(&format!("kept-{me}-{round}"));
        let closed = intent(&format!("closed-{me}"));
        store.open_intent(kept).await.expect("an intent");
        let id = opened(&store, closed).await;
        let queued = message(&format!("i-{me}"), round);
        enqueue(&store, "a", queued).await;
        store.record("a", vec![note(&format!("check-{me}"), round)]);
        store.save_memory(&format!("w-{me}"), "shop", round.to_string());
        store.flush().await.expect("written");
        store.close_intent(id).await.expect("closed");
    }
    let memories = store.memories(&format!("w-{me}")).await.expect("memories");
    assert_eq!(memories[0].1, (ROUNDS - 1).to_string());
    store.close(DEADLINE).await.expect("closed in time");
    assert_eq!(store.take_troubles(), []);
    say(&format!("done {me}"));
}

#[test]
fn watchdogs_share_one_file() {
    now(async {
        let dir = scratch();
        let state = dir.path().join("state"); // they race for making it, too
        let crowd: Vec<Child> = (0..4)
            .map(|_| {
                command("hammer", &state)
                    .stdout(Stdio::piped())
                    .spawn()
                    .expect("a child")
            })
            .collect();
        let pids: Vec<u32> = crowd.iter().map(Child::id).collect();
        for child in crowd {
            let out = child.wait_with_output().expect("its end");
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            assert!(out.status.success() && text.contains("done"), "{text}");
        }
        let store = Store::new(&state);
        let intents = store.open_intents().await.expect("intents");
        let names: HashSet<String> = processes(&intents).into_iter().collect();
        assert_eq!(names.len() as u64, 4 * ROUNDS, "none is lost");
        assert!(!names.iter().any(|name| name.starts_with("app:closed")));
        assert_eq!(store.counts().await.expect("counts").pending, 4 * ROUNDS);
        for pid in pids {
            let check = format!("check-{pid}");
            let notes = store.notes("a", &check, 1000).await.expect("notes");
            assert_eq!(notes.len() as u64, ROUNDS);
        }
        assert_eq!(store.take_troubles(), []);
    });
}

#[test]
fn one_watchdog_alone_takes_over_an_intent() {
    now(async {
        let dir = scratch();
        let stores: Vec<Store> = (0..4).map(|_| Store::new(dir.path())).collect();
        for _ in 0..20 {
            let orphan = intent("web");
            let (id, gone) = (orphan.id, orphan.owner.clone());
            stores[0].open_intent(orphan).await.expect("an intent");
            let adopt = |pid: usize| {
                let heir = owner("b", pid as u32);
                stores[pid].adopt_intent(id, gone.clone(), heir)
            };
            let (a, b, c, d) = tokio::join!(adopt(0), adopt(1), adopt(2), adopt(3));
            let adopted: Vec<usize> = [a, b, c, d]
                .into_iter()
                .map(|one| one.expect("an answer"))
                .enumerate()
                .filter_map(|(pid, taken)| taken.then_some(pid))
                .collect();
            assert_eq!(adopted.len(), 1, "{adopted:?}");
            let intents = stores[0].open_intents().await.expect("intents");
            assert_eq!(intents[0].owner, owner("b", adopted[0] as u32));
            stores[0].close_intent(id).await.expect("closed");
        }
    });
}

#[test]
fn watchdogs_do_not_deliver_a_message_twice() {
    now(async {
        let dir = scratch();
        let stores: Vec<Store> = (0..4).map(|_| Store::new(dir.path())).collect();
        for number in 0..40 {
            let one = message(&format!("i-{number}"), 1);
            enqueue(&stores[0], "a", one).await;
        }
        let drain = async |store: &Store, owner: &str| {
            let mut got = Vec::new();
            while let Some(queued) = due(store, LATE, owner).await {
                got.push(queued.message.incident.clone());
                store.delivered(queued.id).await.expect("done");
            }
            got
        };
        let (a, b, c, d) = tokio::join!(
            drain(&stores[0], "a"),
            drain(&stores[1], "b"),
            drain(&stores[2], "c"),
            drain(&stores[3], "d")
        );
        let all: Vec<String> = [a, b, c, d].concat();
        let different: HashSet<&String> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (40, 40));
        assert_eq!(stores[0].counts().await.expect("counts").pending, 0);
    });
}

// ---- trouble -----------------------------------------------------------------------------------------

/// A mount that goes away with it.
struct Mount(PathBuf);

impl Mount {
    fn new(args: &[&str], at: &Path) -> Self {
        fs::create_dir_all(at).expect("a mount point");
        mount(args, at);
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: the store's thread may still be closing its files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(args: &[&str], at: &Path) {
    let out = Command::new("mount")
        .args(args)
        .arg(at)
        .output()
        .expect("this test needs the command mount");
    assert!(
        out.status.success(),
        "this test needs to mount file systems, as root: mount {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn full_disk_is_reported_once_and_recovers() {
    now(async {
        let base = scratch();
        let _mount = Mount::new(&["-t", "tmpfs", "-o", "size=512k", "none"], base.path());
        let dir = base.path().join("state");
        let store = Store::new(&dir);
        let before = opened(&store, intent("before")).await;
        enqueue(&store, "a", message("i", 1)).await;
        let reported = due(&store, LATE, "a").await.expect("it is due").id;
        let filler = base.path().join("filler");
        fill(&filler);

        // One intent's page may still fit into the log; many do not.
        for number in 0..50 {
            let one = intent(&format!("full-{number:02}"));
            store.open_intent(one).await.expect("kept in memory");
        }
        store.close_intent(before).await.expect("in memory");
        store.delivered(reported).await.expect("in memory");
        enqueue(&store, "a", message("i", 2)).await;
        store.record("a", vec![note("shop", 1)]);
        store.save_memory("a", "shop", "{}".to_owned());
        store.flush().await.expect("in memory");
        assert_eq!(store.open_intents().await.expect("intents").len(), 50);
        assert_eq!(store.counts().await.expect("counts").pending, 1);
        let trouble = only(&store);
        assert_eq!(trouble.kind, StoreTroubleKind::Full, "{}", trouble.text);
        assert!(
            trouble.text.contains(&*database(&dir).to_string_lossy())
                && trouble.text.contains("make room"),
            "{}",
            trouble.text
        );
        assert_eq!(*store.watch().borrow(), Some(trouble));

        fs::remove_file(filler).expect("room again");
        well_again(&store).await;
        let other = Store::new(&dir);
        let names = processes(&other.open_intents().await.expect("intents"));
        assert_eq!(names.len(), 50, "{names:?}");
        assert!(!names.contains(&"app:before".to_owned()));
        assert_eq!(other.counts().await.expect("counts").pending, 1);
        assert_eq!(
            other.notes("a", "shop", 9).await.expect("notes"),
            [note("shop", 1)]
        );
        assert_eq!(other.memories("a").await.expect("memories").len(), 1);
        assert_eq!(store.take_troubles(), [], "nothing is told twice");
    });
}

/// The disk is full before the stop, and the watchdog is killed after it: the next run knows what it has to start,
/// while the disk is full and when it has room again.
#[test]
fn an_intent_survives_kill_9_on_a_full_disk() {
    now(async {
        let base = scratch();
        let _mount = Mount::new(&["-t", "tmpfs", "-o", "size=512k", "none"], base.path());
        let dir = base.path().join("state");
        let mut command = command("full", &dir);
        command.stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut wait = |word: &str| {
            let said = lines.any(|line| line.expect("a line").contains(word));
            assert!(said, "the child ended without saying {word:?}");
        };
        wait("ready");
        let filler = base.path().join("filler");
        fill(&filler);
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(b"go\n").expect("written");
        wait("opened");
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");

        let expected: Vec<_> = (0..20)
            .step_by(2)
            .map(|number| format!("app:p-{number:02}"))
            .collect();
        let store = Store::new(&dir);
        let found = processes(&store.open_intents().await.expect("intents"));
        assert_eq!(found, expected, "while the disk is full");
        // waits for the end of its thread, which would write what it holds once there is room again
        let _ = store.close(DEADLINE).await;
        fs::remove_file(&filler).expect("room again");
        for round in 0..2 {
            let store = Store::new(&dir);
            let intents = store.open_intents().await.expect("intents");
            assert_eq!(processes(&intents), expected, "with room, round {round}");
            if round == 0 {
                store.close(DEADLINE).await.expect("closed");
                continue;
            }
            for intent in intents {
                store.close_intent(intent.id).await.expect("closed");
            }
            store.close(DEADLINE).await.expect("closed");
        }
        let store = Store::new(&dir);
        assert_eq!(store.open_intents().await.expect("intents"), []);
    });
}

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    for size in [4096, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn empty_file_is_called_empty() {
    let dir = scratch();
    std::fs::write(dir.path().join("httpok.db"), "").expect("written");
    let Err(why) = Store::open_read_only(dir.path()) else {
        panic!("there is nothing to read");
    };
    assert!(why.to_string().contains("it is empty"), "{why}");
}

#[test]
fn read_only_directory_is_read_and_reported_once() {
    now(async {
        let base = scratch();
        let dir = base.path().to_owned();
        let store = Store::new(&dir);
        store.open_intent(intent("left")).await.expect("an intent");
        store.close(DEADLINE).await.expect("closed");
        let bind = dir.to_string_lossy().into_owned();
        let _mount = Mount::new(&["--bind", &bind], &dir);
        mount(&["-o", "remount,bind,ro"], &dir);

        let store = Store::new(&dir);
        let intents = store.open_intents().await.expect("intents");
        assert_eq!(
            processes(&intents),
            ["app:left"],
            "what is left is finished"
        );
        store.close_intent(intents[0].id).await.expect("in memory");
        store.open_intent(intent("new")).await.expect("in memory");
        let trouble = only(&store);
        assert_eq!(trouble.kind, StoreTroubleKind::ReadOnly, "{}", trouble.text);
        let read_only = Store::open_read_only(&dir).expect("readable");
        let on_disk = read_only.open_intents().expect("intents");
        assert_eq!(processes(&on_disk), ["app:left"]);
        drop(read_only);

        mount(&["-o", "remount,bind,rw"], &dir);
        well_again(&store).await;
        let read_only = Store::open_read_only(&dir).expect("readable");
        let on_disk = read_only.open_intents().expect("intents");
        assert_eq!(processes(&on_disk), ["app:new"]);
        assert_eq!(store.take_troubles(), []);
    });
}

#[test]
fn locked_file_is_reported_once_and_recovers() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        store.open().await.expect("open");
        let holder = rusqlite::Connection::open(database(dir.path())).expect("a database");
        holder
            .execute_batch("BEGIN IMMEDIATE")
            .expect("an open transaction");
        store.open_intent(intent("web")).await.expect("in memory");
        enqueue(&store, "a", message("i", 1)).await;
        let trouble = only(&store);
        assert_eq!(trouble.kind, StoreTroubleKind::Locked, "{}", trouble.text);
        holder.execute_batch("ROLLBACK").expect("its end");
        well_again(&store).await;
        let read_only = Store::open_read_only(dir.path()).expect("readable");
        assert_eq!(read_only.open_intents().expect("intents").len(), 1);
        assert_eq!(store.take_troubles(), []);
    });
}

#[test]
fn uncreatable_directory_is_reported_once() {
    now(async {
        let base = scratch();
        let file = base.path().join("file");
        fs::write(&file, "not a directory").expect("a file");
        let store = Store::new(file.join("state"));
        let trouble = store.open().await.expect("an answer").expect("a trouble");
        assert_eq!(
            trouble.kind,
            StoreTroubleKind::Unreachable,
            "{}",
            trouble.text
        );
        let id = opened(&store, intent("web")).await;
        enqueue(&store, "a", message("i", 1)).await;
        store.close_intent(id).await.expect("in memory");
        assert_eq!(only(&store), trouble);

        fs::remove_file(&file).expect("out of the way");
        well_again(&store).await;
        let read_only = Store::open_read_only(&file.join("state")).expect("made");
        assert_eq!(read_only.counts().expect("counts").pending, 1);
    });
}

#[test]
fn a_newer_database_is_left_alone() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        store.open_intent(intent("web")).await.expect("an intent");
        store.close(DEADLINE).await.expect("closed");
        let path = database(dir.path());
        let conn = rusqlite::Connection::open(&path).expect("a database");
        conn.pragma_update(None, "user_version", 99)
            .expect("a newer version");
        drop(conn);
        let before = fs::read(&path).expect("bytes");

        let store = Store::new(dir.path());
        assert_eq!(store.open_intents().await.expect("intents"), []);
        store.open_intent(intent("new")).await.expect("in memory");
        let trouble = only(&store);
        assert_eq!(trouble.kind, StoreTroubleKind::Newer);
        assert!(
            trouble.text.contains("its version is 99"),
            "{}",
            trouble.text
        );
        store.close(DEADLINE).await.expect("closed");
        assert_eq!(fs::read(&path).expect("bytes"), before, "untouched");
        let Err(error) = Store::open_read_only(dir.path()) else {
            panic!("readers refuse it too");
        };
        assert!(error.to_string().contains("its version is 99"), "{error}");
    });
}

/// Fills a store, damages its closed file and says what a new store then has: open intents, waiting
/// messages, and the trouble that was told.
async fn damaged(damage: impl Fn(&Path)) -> (Vec<String>, u64, StoreTrouble) {
    let dir = scratch();
    let store = Store::new(dir.path());
    for number in 0..1500 {
        let one = intent(&format!("p-{number:03}"));
        if number < 3 {
            store.open_intent(one).await.expect("an intent");
        }
        store.record("a", vec![note("shop", number)]);
    }
    enqueue(&store, "a", message("i", 1)).await;
    store.close(DEADLINE).await.expect("closed");
    damage(&database(dir.path()));

    let store = Store::new(dir.path());
    let intents = processes(&store.open_intents().await.expect("intents"));
    let pending = store.counts().await.expect("counts").pending;
    store.record("a", vec![note("shop", 1000)]);
    let notes = store.notes("a", "shop", 10_000).await.expect("notes");
    assert_eq!(notes.last(), Some(&note("shop", 1000)), "it is written");
    let trouble = only(&store);
    assert_eq!(trouble.kind, StoreTroubleKind::Corrupt, "{}", trouble.text);
    assert_eq!(*store.watch().borrow(), None, "the fresh one is well");
    let aside = set_aside(dir.path());
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(
        trouble.text.contains(&*aside[0].to_string_lossy()),
        "{}",
        trouble.text
    );
    store.close(DEADLINE).await.expect("closed");
    let read_only = Store::open_read_only(dir.path()).expect("the fresh one");
    assert_eq!(
        processes(&read_only.open_intents().expect("intents")),
        intents
    );
    (intents, pending, trouble)
}

fn overwrite(path: &Path, at: u64, with: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("the file");
    file.write_all_at(with, at).expect("damage");
}

/// Where the root page of `table` begins.
fn page_of(path: &Path, table: &str) -> u64 {
    let conn = rusqlite::Connection::open(path).expect("a database");
    conn.query_row(
        "SELECT rootpage FROM sqlite_master WHERE name = ?1",
        [table],
        |row| row.get::<_, u32>(0),
    )
    .map(|page| u64::from(page - 1) * 4096)
    .expect("a page")
}

const ALL: [&str; 3] = ["app:p-000", "app:p-001", "app:p-002"];

#[test]
fn damaged_header_costs_only_the_file() {
    now(async {
        let (intents, pending, trouble) =
            damaged(|path| overwrite(path, 0, b"this is no database at all")).await;
        assert_eq!((intents.len(), pending), (0, 0));
        assert!(
            trouble.text.contains("is not a database"),
            "{}",
            trouble.text
        );
    });
}

#[test]
fn a_damaged_page_of_decisions_costs_only_decisions() {
    now(async {
        let (intents, pending, _) =
            damaged(|path| overwrite(path, page_of(path, "notes"), &[0xA5; 4096])).await;
        assert_eq!(intents, ALL);
        assert_eq!(pending, 1);
    });
}

#[test]
fn incident_round_trips_after_many_updates() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        let at = Moment::from_secs(1_700_000_000);
        let mut incident = Incident::open("shop-1".to_owned(), "shop", at, at);
        for second in 0..130 {
            incident.note(
                at + Duration::from_secs(second),
                IncidentEvent::ManualRestart,
            );
            if second % 3 == 0 {
                let saved = store.save_incident("a", incident.clone());
                saved.await.expect("an incident");
            }
            let stored = store.incident("shop-1").await.expect("an answer");
            let stored = stored.expect("the incident");
            if second % 3 == 0 {
                assert_eq!(stored, incident, "after {second} s");
            }
        }
        incident.ended = Some(at + Duration::from_secs(130));
        let saved = store.save_incident("a", incident.clone());
        saved.await.expect("its end");
        store.close(DEADLINE).await.expect("closed");
        let read_only = Store::open_read_only(dir.path()).expect("the store");
        let stored = read_only.incident("shop-1").expect("an answer");
        assert_eq!(stored, Some(("a".to_owned(), incident)));
    });
}

#[test]
fn a_damaged_page_of_intents_costs_only_intents() {
    now(async {
        let (intents, pending, _) =
            damaged(|path| overwrite(path, page_of(path, "intents"), &[0xA5; 4096])).await;
        assert_eq!((intents.len(), pending), (0, 1));
    });
}

#[test]
fn truncated_file_keeps_its_readable_rows() {
    now(async {
        let (intents, pending, _) = damaged(|path| {
            let file = OpenOptions::new().write(true).open(path).expect("the file");
            let half = file.metadata().expect("its size").len() / 4096 / 2 * 4096;
            assert!(half > 24 * 4096, "the tables lie before the cut");
            file.set_len(half).expect("the cut");
        })
        .await;
        assert_eq!(intents, ALL);
        assert_eq!(pending, 1);
    });
}

#[test]
fn removed_file_is_recreated_with_its_content() {
    now(async {
        let dir = scratch();
        let store = Store::new(dir.path());
        store
            .open_intent(intent("before"))
            .await
            .expect("an intent");
        for suffix in ["", "-wal", "-shm"] {
            fs::remove_file(dir.path().join(format!("httpok.db{suffix}"))).expect("removed");
        }
        store
            .open_intent(intent("behind"))
            .await
            .expect("an intent");
        let read_only = Store::open_read_only(dir.path()).expect("a file again");
        let on_disk = read_only.open_intents().expect("intents");
        assert_eq!(processes(&on_disk), ["app:before", "app:behind"]);
        assert_eq!(store.take_troubles(), []);
    });
}

// ---- cost --------------------------------------------------------------------------------------------

/// Shows up in the system call trace.
fn mark(name: &str) {
    let _ = fs::metadata(format!("/mark/{name}"));
}

async fn ticks(dir: &Path) {
    let store = Store::new(dir);
    store.open().await.expect("open");
    store.record("a", vec![note("shop", 0)]);
    store.flush().await.expect("written");
    mark("ticks");
    for at in 0..100 {
        store.record("a", vec![note("shop", at)]);
        store.save_memory("a", "shop", at.to_string());
    }
    mark("flush");
    store.flush().await.expect("written");
    mark("intent");
    store.open_intent(intent("web")).await.expect("an intent");
    mark("end");
    std::process::exit(0);
}

#[test]
fn pass_writes_nothing_and_batch_does_not_sync() {
    let dir = scratch();
    let log = dir.path().join("trace");
    let ours = command("ticks", &dir.path().join("state"));
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-e"])
        .arg("trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync,pwrite64,write,ftruncate,statx")
        .arg("-o")
        .arg(&log)
        .arg(ours.get_program())
        .args(ours.get_args());
    for (name, value) in ours.get_envs() {
        strace.env(name, value.expect("a value"));
    }
    let status = strace
        .stdout(Stdio::null())
        .status()
        .expect("this test needs the command strace");
    assert!(status.success(), "{status}");

    let trace = fs::read_to_string(&log).expect("the trace");
    let between = |from: &str, to: &str, calls: &[&str]| {
        let lines = trace.lines();
        let part = lines
            .skip_while(|line| !line.contains(&format!("/mark/{from}\"")))
            .take_while(|line| !line.contains(&format!("/mark/{to}\"")));
        part.filter(|line| calls.iter().any(|call| line.contains(call)))
            .count()
    };
    let (syncs, writes) = (["sync"], ["write", "truncate"]);
    assert_eq!(between("ticks", "flush", &writes), 0, "{trace}");
    assert_eq!(between("ticks", "intent", &syncs), 0, "{trace}");
    assert!(between("flush", "intent", &writes) > 0, "{trace}");
    assert!(between("intent", "end", &syncs) > 0, "{trace}");
}

/// The field `name` of our `/proc/self/status`, in KiB.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("our status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the field");
    let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    number.parse().expect("kilobytes")
}

async fn memory(dir: &Path) {
    let before = ["RssAnon", "VmRSS"].map(status);
    let store = Store::new(dir);
    store.open().await.expect("open");
    store.record("a", vec![note("shop", 1)]);
    store.flush().await.expect("written");
    let after = ["RssAnon", "VmRSS"].map(status);
    say(&format!(
        "grew {} {}",
        after[0] - before[0],
        after[1] - before[1]
    ));
    std::process::exit(0);
}

/// Without optimization the code alone takes more pages than all that is allowed; its pages are shared, so
/// there only what belongs to this process is counted.
#[test]
fn an_idle_store_is_small() {
    let dir = scratch();
    let (mut child, line) = started(command("memory", dir.path()), "grew ");
    child.wait().expect("its end");
    let mut numbers = line.split(' ').skip(1).map(|word| word.trim().parse());
    let mut next = || -> u64 { numbers.next().expect("a number").expect("kilobytes") };
    let (private, all) = (next(), next());
    println!("an open store costs {all} KiB, {private} KiB of them private");
    let counted = if cfg!(debug_assertions) { private } else { all };
    assert!(counted < 1536, "{all} KiB, {private} KiB of them private");
}

#[test]
fn process_has_one_open_intent_over_all_watchdogs() {
    let dir = tempfile::tempdir().expect("a directory");
    now(async {
        let stores = [Store::new(dir.path()), Store::new(dir.path())];
        let [ours, theirs] = ["a", "b"].map(|watchdog| Intent {
            owner: owner(watchdog, 7),
            ..intent("web")
        });
        let (one, other) = tokio::join!(
            stores[0].open_intent(ours.clone()),
            stores[1].open_intent(theirs.clone())
        );
        let both = [one.expect("an answer"), other.expect("an answer")];
        let held: Vec<_> = both
            .iter()
            .filter(|one| **one != OpenedIntent::Ours)
            .collect();
        let [OpenedIntent::Held(held)] = held.as_slice() else {
            panic!("one of two gets it: {both:?}");
        };
        assert!(**held == ours || **held == theirs, "{held:?}");

        // another supervisor's process of the same name is another one
        let elsewhere = Intent {
            supervisor: "http://127.0.0.1:9001".to_owned(),
            ..intent("web")
        };
        opened(&stores[0], elsewhere).await;

        // of two that take it over one gets it, and the id of the old one closes nothing any more
        let heirs = [intent("web"), intent("web")];
        let (one, other) = tokio::join!(
            stores[0].take_over_intent((**held).clone(), heirs[0].clone()),
            stores[1].take_over_intent((**held).clone(), heirs[1].clone())
        );
        let taken = [one.expect("an answer"), other.expect("an answer")];
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
        stores[0]
            .close_intent(held.id)
            .await
            .expect("nothing to do");
        assert_eq!(stores[0].open_intents().await.expect("intents").len(), 2);
        stores[0].close_intent(heirs[0].id).await.expect("closed");
        stores[0].close_intent(heirs[1].id).await.expect("closed");
        opened(&stores[1], intent("web")).await;
    });
}

/// A database of an earlier version may hold several intents of one process: the first says how it was.
#[test]
fn oldest_of_several_intents_of_a_process_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    now(async {
        let store = Store::new(dir.path());
        let first = opened(&store, intent("web")).await;
        opened(&store, intent("other")).await;
        store.close(DEADLINE).await.expect("closed");
        let file = rusqlite::Connection::open(dir.path().join("httpok.db")).expect("the file");
        file.execute_batch(
            "DROP INDEX intents_by_process; PRAGMA user_version = 1;
             INSERT INTO intents SELECT id + 1, process, check_name, incident, supervisor, pid_before, watchdog,
             pid, pid_started, opened + 1 FROM intents;",
        )
        .expect("an older database");
        drop(file);
        let store = Store::new(dir.path());
        let intents = store.open_intents().await.expect("intents");
        assert_eq!(intents.len(), 2);
        assert!(intents.iter().any(|intent| intent.id == first));
    });
}
