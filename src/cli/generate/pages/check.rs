//! What the page of `httpok check` says of its output, in each format.

use super::super::roff::Paragraph::{self, Term, Text};

pub const FORMATS: &[Paragraph] = &[
    Term(
        "human",
        "The verdict; every expectation with what came instead; how long the name look-up, connecting, the TLS handshake, the first byte and the body took; the certificate; and of an answer that is not the wanted one its first 5 lines, 512 bytes at most, with control characters made visible.",
    ),
    Term(
        "plain",
        "One line a URL: verdict, URL or name, what was seen, how long it took.",
    ),
    Term("json", "One JSON object a line and URL. See JSON."),
    Term(
        "nagios",
        "A plugin's output: state and performance data in the first line; with several URLs a line each after it, the worst first.",
    ),
    Term(
        "openmetrics",
        "OpenMetrics 1.0 text, a sample set a URL or check. See METRICS.",
    ),
    Text("Results come in the order of the command line, in whichever order they were had."),
];

pub const JSON: &[Paragraph] = &[
    Text(
        "Every key is always there; keys may be added in later versions, never renamed or removed. Times are seconds.",
    ),
    Term("name, url", "What was asked, without userinfo."),
    Term(
        "verdict",
        "pass, degraded, starting, draining, fail or unknown.",
    ),
    Term(
        "reason, phase, detail",
        "Why it does not pass (see FAILURE REASONS), where that happened (dns, connect, tls, first_byte, body), and in words. null when it passes.",
    ),
    Term(
        "status, version",
        "The code, and the protocol such as HTTP/1.1; null without an answer.",
    ),
    Term(
        "duration",
        "All of it: from the look-up of the name, over connection, TLS and redirects, to the last byte of the body.",
    ),
    Term(
        "phases",
        "An object with dns, connect, tls, first_byte, body: each null when it was not needed or not reached.",
    ),
    Term(
        "looks",
        "How often it was asked; more than 1 only with --wait.",
    ),
    Term(
        "peer, redirects, final_url",
        "The address that responded, the number of redirects, and the final URL.",
    ),
    Term(
        "size, excerpt",
        "The body's bytes, and its beginning when the check does not pass.",
    ),
    Term(
        "headers",
        "An array of pairs of name and value, as received.",
    ),
    Term(
        "expectations",
        "An array of objects with expected, actual and met.",
    ),
    Term(
        "certificate",
        "The peer's: subject, issuer, names, not_before, not_after (seconds since 1970); null without TLS.",
    ),
];

pub const METRICS: &[Paragraph] = &[
    Text(
        "All are gauges with the label check: the check's name, or the URL without userinfo. The names beginning with probe_ mean what they mean in blackbox_exporter. What was not observed is left out.",
    ),
    Term("probe_success", "1 when it passes or is degraded, else 0."),
    Term(
        "probe_duration_seconds",
        "All of it: from the look-up of the name, over connection, TLS and redirects, to the last byte of the body.",
    ),
    Term(
        "httpok_check_verdict{verdict}",
        "1 for the verdict, 0 for the five others.",
    ),
    Term(
        "probe_failure_reason{reason}",
        "1 for the reason why it does not pass (see FAILURE REASONS); absent when there is none.",
    ),
    Term(
        "probe_http_status_code",
        "The code; absent without an answer.",
    ),
    Term(
        "probe_http_duration_seconds{phase}",
        "The phases that were reached: resolve, connect, tls, processing (up to the first byte) and transfer (the body).",
    ),
    Term(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of the peer's chain expires, in seconds since 1970, trusted or not; absent without TLS.",
    ),
    Text(
        "The text is fit for the textfile collector of node_exporter, too. Write it to another name in the same file system and rename it, whatever the exit status: a check that fails has metrics all the same.",
    ),
];

pub const REASONS: &[Paragraph] = &[
    Text(
        "The service's: dns, refused, unreachable, connect_timeout, tls_handshake, tls_untrusted, tls_expired, tls_name, closed, reset, first_byte_timeout, body_timeout, truncated, malformed, too_large, redirect_loop, status, assertion.",
    ),
    Text(
        "Of a watchdog alone, for checks that are not asked: no_heartbeat and reported, and of a program of [[program]]: fatal, crash_loop, exited.",
    ),
    Text("Our own, which make the verdict unknown: no_fds, no_memory, spawn, cancelled, config."),
];

pub const STATUS: &[Paragraph] = &[
    Term("0", "All pass."),
    Term(
        "1",
        "The worst is degraded, starting or draining, or a warning with --format nagios.",
    ),
    Term(
        "2",
        "One fails, or is critical with --format nagios. A failure outweighs unknown.",
    ),
    Term(
        "3",
        "Unknown: wrong usage, an invalid configuration, or trouble of our own, such as no free file descriptor.",
    ),
];

pub const ENVIRONMENT: &[Paragraph] = &[
    Term(
        "NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM",
        "Whether the human format is in colour.",
    ),
    Term(
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Trusted certificates instead of the system's: a file, directories. The system's are those of its bundle, such as /etc/ssl/certs/ca-certificates.crt; its directory is read where there is no bundle.",
    ),
    Text("Proxy variables such as http_proxy are ignored: a check has to see the service itself."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Reason;

    #[test]
    fn every_reason_is_documented() {
        let text: String = REASONS
            .iter()
            .map(|paragraph| match paragraph {
                Text(text) | Term(_, text) => *text,
            })
            .collect();
        let words: Vec<_> = text.split([' ', ',', '.', ':']).collect();
        for reason in Reason::ALL {
            assert!(words.contains(&reason.as_str()), "{reason}");
        }
    }
}
