//! What services answer in a world.

use httpok::health::{Observation, Phase, Reason, StatusLine, Trouble};

pub fn observation(how: u8) -> Observation {
    let code = match how % 8 {
        0 | 1 => 200,
        2..=4 => 500,
        5 => {
            return Observation::of_trouble(Trouble::new(
                Reason::Refused,
                Phase::Connect,
                "refused",
            ));
        }
        6 => return Observation::of_trouble(Trouble::new(Reason::NoFds, Phase::Connect, "no fds")),
        _ => {
            return Observation::of_trouble(Trouble::new(
                Reason::FirstByteTimeout,
                Phase::FirstByte,
                "slow",
            ));
        }
    };
    let status = StatusLine {
        version: "HTTP/1.1".into(),
        code,
        reason: String::new(),
    };
    Observation {
        status: Some(status),
        ..Observation::default()
    }
}
