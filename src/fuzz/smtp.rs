//! Replies of SMTP servers: any lines.

use crate::notify::smtp::reply::{MAX_LINES, Parser};

/// The bytes are cut into lines as they come from a server.
pub fn smtp(data: &[u8]) {
    let mut parser = Parser::default();
    let mut lines = 0;
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        lines += 1;
        match parser.line(line) {
            // A connection ends with the first error.
            Err(why) => {
                assert!(!why.to_string().is_empty());
                return;
            }
            Ok(None) => assert!(lines <= MAX_LINES),
            Ok(Some(reply)) => {
                assert!((200..600).contains(&reply.code));
                assert_eq!(reply.lines.len(), lines);
                assert!(line.starts_with(reply.code.to_string().as_bytes()));
                let text = reply.text();
                assert!(text.chars().count() <= 203 && !text.chars().any(char::is_control));
                lines = 0;
            }
        }
    }
}
