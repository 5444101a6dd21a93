//! kill -9 with programs of our own: they keep their pids, are adopted, and are still restarted when they
//! hang. A round is two killed watchdogs: one at a random moment after its start, when all is well; one at a
//! random moment after a program has begun to hang.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::program::{LIMIT, Program};
use crate::site::{Answer, Site, says};
use crate::support::{alive, wait_until};
use crate::{number, random};

/// A watchdog has adopted, or restarted, so long after its start or the hang, on a quiet machine.
const SPAN: u64 = 900;

/// `hangs` takes a moment to stop, so that some are killed in the middle of that.
const PROGRAMS: [(&str, &str); 3] = [
    (
        "hangs",
        "trap 'sleep 0.1; exit' TERM; while :; do sleep 0.02; done",
    ),
    ("other", "exec sleep 1000"),
    ("third", "exec sleep 1000"),
];

#[test]
fn programs_survive_are_adopted_and_still_restarted() {
    let rounds = number("SURVIVAL_PROGRAMS", 10);
    let seed = number("SURVIVAL_SEED", 1);
    println!("SURVIVAL_PROGRAMS={rounds} SURVIVAL_SEED={seed}");
    let (next, midway) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let house = House::new();
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    midway.fetch_add(u64::from(house.play(seed, round)), Ordering::Relaxed);
                }
            });
        }
    });
    let midway = midway.into_inner();
    println!("{midway} of {rounds} rounds were killed between the stop and the end of a restart");
    assert!(
        midway > 0 || rounds < 100,
        "no round came as far as a stop: the moments are badly chosen"
    );
}

/// A configuration with its programs, which lives from round to round.
struct House {
    dir: TempDir,
    site: Site,
}

impl House {
    fn new() -> Self {
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
            site: Site::start(),
        };
        let mut text = String::from(
            "state_dir = \"state\"\npanic_threshold = false\nmax_restarts = false\n\
             [defaults]\nevery = \"50ms\"\nfail_after = 2\ngrace = 0\nrestarts = false\n\
             backoff = { min = \"50ms\", max = \"50ms\" }\n",
        );
        for (name, script) in PROGRAMS {
            let url = house.site.origin();
            // one that answers has more time than a busy machine can take
            let timeout = if name == "hangs" { "300ms" } else { "20s" };
            text += &format!(
                "[[check]]\nname = \"{name}\"\nurl = \"{url}/{name}\"\ntimeout = \"{timeout}\"\nrestart = \"program/{name}\"\n\
                 [[program]]\nname = \"{name}\"\nstdout_logfile = \"NONE\"\nredirect_stderr = true\n\
                 startsecs = 0\ncommand = [\"sh\", \"-c\", \"echo $$ >> {name}.lives; {script}\"]\n"
            );
            house
                .site
                .answer(&format!("/{name}"), || says("200 OK", ""));
        }
        fs::write(house.dir.path().join("httpok.toml"), text).unwrap();
        house
    }

    /// One round. Whether the second watchdog was killed in the middle of a restart.
    fn play(&self, seed: u64, round: u64) -> bool {
        let moment = |salt| Duration::from_millis(random(seed ^ salt, round) % SPAN);
        let (well, ill) = (moment(1), moment(2));
        let about = format!("round {round}, killed after {well:?} and {ill:?}");

        // the first one starts them, if this is the first round, and adopts them in every other
        let first = self.watch();
        for (name, _) in PROGRAMS {
            wait_until(&format!("{about}: {name} was started"), LIMIT, || {
                !self.pids(name).is_empty()
            });
        }
        let before = PROGRAMS.map(|(name, _)| self.only(name, &about));
        thread::sleep(well);
        kill(first);
        let second = self.watch();
        wait_until(&format!("{about}: they are adopted"), LIMIT, || {
            self.running() == before
        });

        // it hangs until it is another process
        let file = self.lives("hangs");
        let had = self.pids("hangs").len();
        self.site
            .answer("/hangs", move || match pids(&file).len() > had {
                true => says("200 OK", ""),
                false => Answer::Hang(Vec::new()),
            });
        thread::sleep(ill);
        kill(second);
        let midway = fs::read_dir(self.dir.path().join("state"))
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .any(|notes| {
                let note = fs::read_to_string(notes.path().join("hangs:hangs"));
                // behind the text there is room for the next
                let note = note.unwrap_or_default();
                let note = note.trim_end_matches('\0');
                note.is_empty() || note.ends_with("stopping\n")
            });
        let third = self.watch();
        wait_until(&format!("{about}: it is restarted"), LIMIT, || {
            let running = self.running();
            self.pids("hangs").len() > had
                && running.first() != before.first()
                && running.len() == 3
        });
        let after = PROGRAMS.map(|(name, _)| self.only(name, &about));
        assert_eq!(
            after[1..],
            before[1..],
            "{about}: the others keep their pids"
        );
        assert_eq!(self.running(), after, "{about}");
        kill(third);
        midway
    }

    fn watch(&self) -> Program {
        Program::start(&mut self.httpok(&["watch"]))
    }

    fn httpok(&self, words: &[&str]) -> Command {
        let mut command = Command::new(crate::httpok());
        command
            .args(words)
            .args(["--config", "httpok.toml"])
            .current_dir(self.dir.path());
        command
    }

    /// The pids of what the watchdog shows RUNNING, in the order of names; none while nobody answers.
    fn running(&self) -> Vec<u32> {
        let end = Program::start(&mut self.httpok(&["status", "--json"])).wait();
        let status: serde_json::Value = serde_json::from_str(&end.out).unwrap_or_default();
        let programs = status["programs"].as_array().cloned().unwrap_or_default();
        programs
            .iter()
            .filter(|program| program["state"] == "RUNNING")
            .filter_map(|program| u32::try_from(program["pid"].as_u64()?).ok())
            .collect()
    }

    fn lives(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(format!("{name}.lives"))
    }

    /// Every process of `name` that there ever was.
    fn pids(&self, name: &str) -> Vec<u32> {
        pids(&self.lives(name))
    }

    /// The one that lives: never none, never two.
    fn only(&self, name: &str, about: &str) -> u32 {
        let mut living = self.pids(name);
        living.retain(|pid| alive(*pid) && self.is_ours(*pid));
        assert_eq!(living.len(), 1, "{about}: {name}: {living:?}");
        living[0]
    }

    /// Where it runs tells it from another that got its number.
    fn is_ours(&self, pid: u32) -> bool {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == self.dir.path())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (name, _) in PROGRAMS {
            for pid in self.pids(name).into_iter().filter(|pid| self.is_ours(*pid)) {
                let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
    }
}

fn pids(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn kill(watchdog: Program) {
    watchdog.signal(Signal::SIGKILL);
    watchdog.wait();
}
