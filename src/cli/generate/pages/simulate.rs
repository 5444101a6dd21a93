//! What the page of `httpok simulate` says of traces.

use super::super::roff::Paragraph::{self, Term, Text};

pub const TRACES: &[Paragraph] = &[
    Text(
        "One JSON object a line. Empty lines and lines that begin with # are passed over. A trace is a journal that watch --journal wrote; or decisions that explain --trace wrote; or written by hand, in the order of time, \"at\" being a duration such as \"1m 30s\" or a number of seconds from the beginning:",
    ),
    Term(
        "{\"at\":10,\"check\":\"shop\",\"code\":500}",
        "The check is asked, and answers with this status and an optional \"body\"; the check's own expectations judge it.",
    ),
    Term(
        "{\"at\":10,\"check\":\"shop\",\"verdict\":\"fail\",\"reason\":\"refused\"}",
        "The same, judged already. \"reason\" and \"detail\" may be left out. With \"took\" the answer comes so much later.",
    ),
    Term(
        "{\"at\":10,\"pause\":\"shop\",\"for\":\"30m\",\"reason\":\"deploy\"}",
        "A person pauses it; likewise {\"resume\":\"shop\"}, {\"reset\":\"shop\"} and {\"manual_restart\":\"shop\"}, a manual restart.",
    ),
    Term(
        "{\"at\":10,\"restart\":\"fails\"}",
        "From now on restarts fail, or with \"succeeds\" go well again; with \"check\" those of one check, with \"process\" (such as \"app:1\") those of one process.",
    ),
    Term(
        "{\"at\":10,\"processes\":\"replaced\",\"check\":\"shop\"}",
        "Someone else restarts the check's processes; likewise \"stopped\" and \"running\".",
    ),
    Term(
        "{\"at\":10,\"warmup\":\"refused\",\"check\":\"shop\"}",
        "From now on nobody listens where the check's warm-up is asked; likewise \"answered\" and \"failed\" (a 500), each \"took\" later.",
    ),
    Term(
        "{\"at\":10,\"slot\":\"taken\",\"by\":\"web-2\"}",
        "From now on the fleet has no slot, as this host has it; likewise \"used_up\" (the budget, \"for\" so long), \"unreachable\" (\"detail\" says why) and, as in the beginning, \"granted\"; with \"check\" for one check. \"lost\" takes the slot away that a check has.",
    ),
    Term(
        "{\"at\":10,\"shutdown\":true}",
        "The watchdog is asked to end.",
    ),
    Text(
        "Until its next line a check goes on answering as in its last one: that is what the probes after a restart see. The processes run since long before the trace begins; a group such as app:* has three. A restart takes a second, gives a new process id, and every report is delivered.",
    ),
];

pub const SIMULATED: &[Paragraph] = &[
    Text(
        "A line a decision: when, which check, and what was decided, with the threshold's arithmetic or what holds it back. Equal lines in a row are folded. The last lines count attempts to restart and the processes that ran again, what was held back, how often a check was given up, and reports.",
    ),
    Text(
        "Of a journal, decisions that are not the recorded ones are marked: + now for what is decided and was not, - then for what was decided and is not any more. From there on the record knows less and less of what would have happened.",
    ),
];

pub const STATUS: &[Paragraph] = &[
    Term("0", "Done; a journal's decisions are the recorded ones."),
    Term("1", "Decisions differ from a journal's."),
    Term(
        "3",
        "The configuration or the trace is wrong; standard error says where.",
    ),
];
