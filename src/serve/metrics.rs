//! `/metrics`: the watchdog, its checks, and the newest probe of each.
//! Every metric is a field of the snapshot; here it gets a name, a type and labels, and nothing is counted.

use std::time::Duration;

use super::openmetrics::{Exemplar, Exposition, MetricFamilyName, MetricsFormat};
use super::probes::{self, ProbeSample};
use super::reply::Reply;
use super::view::{NextProbes, View};
use crate::health::{
    CheckView, Limits, Moment, Monitor, Process, ProcessState, SlotState, Status, Verdict,
};

/// All metrics.
pub fn answer(view: &View, format: MetricsFormat) -> Reply {
    let mut page = Exposition::new(format);
    write(view, &mut page);
    page.reply()
}

/// Every metric that there is, for the manual.
pub fn catalogue() -> Vec<MetricFamilyName> {
    let began = Moment::from_secs(0);
    let nothing = View {
        with_samples: false,
        snapshot: Monitor::new(Limits::default(), 0, Vec::new()).snapshot(began),
        ready: false,
        reasons: Vec::new(),
        watchdog: String::new(),
        host: String::new(),
        pid: 0,
        started: began,
        next: NextProbes::default(),
        outbox: 0,
        tick_lag: Duration::ZERO,
        programs: Vec::new(),
    };
    let mut page = Exposition::default();
    write(&nothing, &mut page);
    page.families().to_vec()
}

fn write(view: &View, page: &mut Exposition) {
    watchdog(view, page);
    checks(&view.snapshot.checks, seconds(view.started), page);
    let samples: Vec<_> = view
        .snapshot
        .checks
        .iter()
        .filter_map(ProbeSample::newest)
        .collect();
    probes::write(&samples, page);
    programs(&view.programs, page);
}

/// The programs of the configuration file.
fn programs(programs: &[Process], page: &mut Exposition) {
    let mut family = page.gauge(
        "httpok_program_state",
        "1 for the state of the program of [[program]], 0 for the others.",
    );
    for program in programs {
        let name = program.name.namespec();
        for state in ProcessState::ALL {
            let labels = [("program", name.as_str()), ("state", state.as_str())];
            family.sample(&labels, flag(program.state == state));
        }
    }
}

fn watchdog(view: &View, page: &mut Exposition) {
    page.gauge(
        "httpok_monitor_ready",
        "Whether every check has had its first verdict.",
    )
    .sample(&[], flag(view.ready));
    page.gauge(
        "httpok_monitor_healthy",
        "Whether no reason speaks against the watchdog's own health.",
    )
    .sample(&[], flag(view.reasons.is_empty()));
    page.gauge("httpok_process_pid", "The watchdog's process id.")
        .sample(&[], f64::from(view.pid));
    page.gauge(
        "process_start_time_seconds",
        "When the watchdog was started, in seconds since 1970.",
    )
    .sample(&[], seconds(view.started));
    page.info("httpok_build", "The version that runs.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let config = view.snapshot.config.as_ref();
    let mut family = page.gauge(
        "httpok_config_last_reload_successful",
        "Whether the last reload took the configuration; 1 before the first one.",
    );
    if let Some(config) = config {
        family.sample(&[], flag(config.refused.is_none()));
    }
    let mut family = page.gauge(
        "httpok_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was taken, in seconds since 1970.",
    );
    if let Some(config) = config {
        family.sample(&[], seconds(config.taken));
    }
    page.gauge("httpok_outbox_messages", "Messages that wait for delivery.")
        .sample(&[], view.outbox as f64);
    page.gauge("httpok_tick_lag_seconds", "How late the newest tick was.")
        .sample(&[], view.tick_lag.as_secs_f64());
}

fn checks(checks: &[CheckView], started: f64, page: &mut Exposition) {
    let mut family = page.gauge("httpok_check_up", "Whether the check is up.");
    for check in checks {
        family.sample(&[("check", &check.name)], flag(check.status == Status::Up));
    }
    let mut family = page.gauge(
        "httpok_check_status",
        "1 for where the check stands, 0 for the others.",
    );
    for check in checks {
        for status in [Status::Pending, Status::Up, Status::Down] {
            let labels = [("check", check.name.as_str()), ("status", status.as_str())];
            family.sample(&labels, flag(check.status == status));
        }
    }
    let mut family = page.gauge(
        "httpok_check_paused",
        "Whether a person or a maintenance window holds the check's restarts.",
    );
    for check in checks {
        family.sample(&[("check", &check.name)], flag(check.pause.is_some()));
    }
    let mut family = page.gauge(
        "httpok_check_silenced",
        "Whether a person or a maintenance window holds the check's reports.",
    );
    for check in checks {
        family.sample(&[("check", &check.name)], flag(check.silence.is_some()));
    }
    let mut family = page.gauge(
        "httpok_check_fleet_waiting",
        "Whether the check waits for a slot of its fleet.",
    );
    let stands = |check: &CheckView, state| {
        let fleet = check.fleet.as_ref();
        flag(fleet.is_some_and(|fleet| fleet.state == state))
    };
    for check in checks {
        family.sample(&[("check", &check.name)], stands(check, SlotState::Waiting));
    }
    let mut family = page.gauge(
        "httpok_check_fleet_slot",
        "Whether the check holds a slot of its fleet.",
    );
    for check in checks {
        family.sample(&[("check", &check.name)], stands(check, SlotState::Held));
    }
    let mut family = page.gauge(
        "httpok_check_gave_up",
        "Whether the check's restarts are used up.",
    );
    for check in checks {
        family.sample(&[("check", &check.name)], flag(check.gave_up.is_some()));
    }
    let mut family = page.counter("httpok_check_verdicts", "Probes by verdict.");
    for check in checks {
        for verdict in Verdict::ALL {
            let labels = [
                ("check", check.name.as_str()),
                ("verdict", verdict.as_str()),
            ];
            let count = check.counts.probes.of(verdict);
            family.count(&labels, count, started, None);
        }
    }
    let mut family = page.histogram("httpok_check_duration_seconds", "How long probes took.");
    // what is not asked takes no time
    for check in checks.iter().filter(|check| check.is_probed()) {
        family.buckets(&[("check", &check.name)], &check.counts.durations, started);
    }
    let mut family = page.counter(
        "httpok_restarts",
        "Restarts: restarted (it was RUNNING again), failed (not), untouched (nothing was done).",
    );
    for check in checks {
        let tally = &check.counts;
        for (outcome, count) in [
            ("restarted", tally.restarted),
            ("failed", tally.failed),
            ("untouched", tally.untouched),
        ] {
            let labels = [("check", check.name.as_str()), ("outcome", outcome)];
            family.count(&labels, count, started, None);
        }
    }
    let mut family = page.counter(
        "httpok_escalations",
        "Rungs of the ladder that send a signal or run a command: done, failed.",
    );
    for check in checks {
        let tally = &check.counts;
        for (outcome, count) in [
            ("done", tally.escalated),
            ("failed", tally.escalated_in_vain),
        ] {
            let labels = [("check", check.name.as_str()), ("outcome", outcome)];
            family.count(&labels, count, started, None);
        }
    }
    heartbeats(checks, page);
    let mut family = page.counter("httpok_incidents", "Incidents that were opened.");
    for check in checks {
        let exemplar = check.incident.as_ref().map(|incident| Exemplar {
            label: ("incident", &incident.id),
            value: 1.0,
            at: seconds(incident.since),
        });
        family.count(
            &[("check", &check.name)],
            check.counts.incidents,
            started,
            exemplar,
        );
    }
}

/// Of checks that are not probed.
fn heartbeats(checks: &[CheckView], page: &mut Exposition) {
    let known = || {
        checks.iter().filter_map(|check| {
            let heartbeat = check.heartbeat.as_ref()?;
            Some((check.name.as_str(), heartbeat))
        })
    };
    let mut family = page.gauge(
        "httpok_heartbeat_last_timestamp_seconds",
        "When the newest heartbeat came, in seconds since 1970.",
    );
    for (check, heartbeat) in known() {
        if let Some(last) = heartbeat.last {
            family.sample(&[("check", check)], seconds(last));
        }
    }
    let mut family = page.gauge(
        "httpok_heartbeat_due_timestamp_seconds",
        "When the next heartbeat is due, in seconds since 1970.",
    );
    for (check, heartbeat) in known() {
        if let Some(due) = heartbeat.due {
            family.sample(&[("check", check)], seconds(due));
        }
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn seconds(moment: Moment) -> f64 {
    moment.as_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::RefusedConfig;
    use crate::serve::testing::{self, SeenResult};

    #[test]
    fn documented_metrics_exist_in_both_formats() {
        let view = testing::view(&[
            ("shop", SeenResult::Code(200)),
            ("db", SeenResult::Code(500)),
        ]);
        for format in [MetricsFormat::OpenMetrics, MetricsFormat::Prometheus] {
            let reply = answer(&view, format);
            assert_eq!(reply.content_type, format.content_type());
            let text = String::from_utf8(reply.body).expect("text");
            for line in [
                "httpok_monitor_ready 1",
                "httpok_monitor_healthy 0",
                "httpok_process_pid 4711",
                "process_start_time_seconds 1700000000",
                concat!(
                    "httpok_build_info{version=\"",
                    env!("CARGO_PKG_VERSION"),
                    "\"} 1"
                ),
                "httpok_check_up{check=\"shop\"} 1",
                "httpok_check_status{check=\"db\",status=\"down\"} 1",
                "httpok_check_status{check=\"db\",status=\"up\"} 0",
                "httpok_check_verdicts_total{check=\"db\",verdict=\"fail\"} 3",
                "httpok_check_duration_seconds_bucket{check=\"shop\",le=\"0.05\"} 3",
                "httpok_check_duration_seconds_count{check=\"shop\"} 3",
                "httpok_restarts_total{check=\"db\",outcome=\"restarted\"} 0",
                "httpok_check_gave_up{check=\"db\"} 0",
                "httpok_incidents_total{check=\"db\"} 1",
                "httpok_config_last_reload_successful 1",
                "httpok_config_last_reload_success_timestamp_seconds 1700000000",
                "httpok_outbox_messages 0",
                "httpok_tick_lag_seconds 0",
                "probe_success{check=\"db\"} 0",
                "probe_duration_seconds{check=\"shop\"} 0.04",
                "probe_http_status_code{check=\"db\"} 500",
                "probe_failure_reason{check=\"db\",reason=\"status\"} 1",
            ] {
                let found = text.lines().any(|found| found.starts_with(line));
                assert!(found, "{line} in {text}");
            }
        }
    }

    #[test]
    fn refused_configuration_is_a_reload_without_success() {
        let mut view = testing::view(&[]);
        let config = view.snapshot.config.as_mut().expect("it is known");
        config.refused = Some(RefusedConfig {
            at: view.snapshot.at,
            why: "no such file".to_owned(),
        });
        let text = String::from_utf8(answer(&view, MetricsFormat::OpenMetrics).body).expect("text");
        for line in [
            "httpok_config_last_reload_successful 0",
            "httpok_config_last_reload_success_timestamp_seconds 1700000000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn an_open_incident_is_an_exemplar() {
        let view = testing::view(&[("db", SeenResult::Code(500))]);
        let text = String::from_utf8(answer(&view, MetricsFormat::OpenMetrics).body).expect("text");
        let line =
            "httpok_incidents_total{check=\"db\"} 1 # {incident=\"00000001-1\"} 1 1700000000";
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}
