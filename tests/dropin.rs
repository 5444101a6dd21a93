//! The drop-in listener: the real binary with the original's command line, in front of a scripted supervisord
//! that remembers everything, and under a real one. What the original does is compared with what it printed
//! and mailed; what it did wrong stands here as what is right.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "dropin/beside.rs"]
mod beside;
#[path = "dropin/beside_tls.rs"]
mod beside_tls;
#[path = "dropin/changed.rs"]
mod changed;
#[path = "support/eventlistener.rs"]
mod eventlistener;
#[path = "dropin/evidence.rs"]
mod evidence;
#[path = "dropin/fixture.rs"]
mod fixture;
#[path = "dropin/odd_answers.rs"]
mod odd_answers;
#[path = "support/openssl.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod openssl;
#[path = "dropin/policy.rs"]
mod policy;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "dropin/protocol.rs"]
mod protocol;
#[path = "dropin/real.rs"]
mod real;
#[path = "dropin/replay.rs"]
mod replay;
#[path = "dropin/restarts.rs"]
mod restarts;
#[path = "dropin/rpc.rs"]
mod rpc;
#[path = "support/scripted.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod scripted;
#[path = "dropin/shutdown.rs"]
mod shutdown;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "when it was asked matters elsewhere")]
mod site;
#[path = "support/smtp.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod smtp;
mod support;
#[path = "dropin/table.rs"]
mod table;
#[path = "dropin/tls.rs"]
mod tls;
