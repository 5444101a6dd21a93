//! One connection to an SMTP server: commands go out, bounded replies come in. A reply that comes before its
//! command is an error: with it we would be one reply behind from then on, and could take the answer to one
//! command for the answer to another (RFC 3207, section 6, describes the attack on STARTTLS).

use std::io;
use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reply::{MAX_LINE, Malformed, Parser, SmtpReply};

/// What is read at once.
const CHUNK: usize = 2048;

/// The first digit of a code: it is done, or it is to go on.
const DONE: u16 = 2;
const MORE: u16 = 3;

/// Why a command has not the effect that it is to have.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The server refused.
    #[error("{}", .0.text())]
    Refused(SmtpReply),
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// It sent something else than SMTP.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It sent something that was not asked for.
    #[error("the server sent a reply before the command")]
    Early,
    /// It cannot do what is needed.
    #[error("the server does not offer {0}")]
    Unsupported(&'static str),
    /// A line end in a word of a command would begin another command.
    #[error("a control character cannot be sent")]
    Unsendable,
}

#[derive(Debug)]
enum SmtpStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake failed on it.
    Broken,
}

/// A connection.
#[derive(Debug)]
pub struct SmtpSession {
    stream: SmtpStream,
    /// Read and not yet taken.
    buffer: Vec<u8>,
    extensions: Vec<String>,
}

impl SmtpSession {
    /// Over a connection that was just made; with `tls`, secured from the first byte. Reads the greeting.
    ///
    /// # Errors
    /// The server does not greet us.
    pub async fn begin(
        stream: TcpStream,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Result<Self, SessionError> {
        let stream = match tls {
            None => SmtpStream::Plain(stream),
            Some((config, name)) => secured(stream, config, name).await?,
        };
        let mut session = Self {
            stream,
            buffer: Vec::new(),
            extensions: Vec::new(),
        };
        session.reply(DONE).await?;
        Ok(session)
    }

    /// Greets the server with the name `hello` and learns its extensions.
    ///
    /// # Errors
    /// It does not know EHLO.
    pub async fn hello(&mut self, hello: &str) -> Result<(), SessionError> {
        let reply = self.command(&format!("EHLO {hello}")).await?;
        self.extensions = reply.lines.into_iter().skip(1).collect();
        Ok(())
    }

    /// Whether the server has this extension.
    pub fn offers(&self, extension: &str) -> bool {
        self.words(extension).is_some()
    }

    /// The words behind the name of this extension.
    fn words(&self, extension: &str) -> Option<impl Iterator<Item = &str>> {
        self.extensions.iter().find_map(|line| {
            let mut words = line.split([' ', '=']);
            let name = words.next()?;
            name.eq_ignore_ascii_case(extension).then_some(words)
        })
    }

    /// Goes on over TLS.
    ///
    /// # Errors
    /// The server does not offer it, sent something behind its consent, or has another identity than expected.
    pub async fn start_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<(), SessionError> {
        if !self.offers("STARTTLS") {
            return Err(SessionError::Unsupported("STARTTLS"));
        }
        self.command("STARTTLS").await?;
        self.expect_nothing()?;
        self.stream = match mem::replace(&mut self.stream, SmtpStream::Broken) {
            SmtpStream::Plain(stream) => secured(stream, config, name).await?,
            SmtpStream::Tls(_) | SmtpStream::Broken => return Err(SessionError::Early),
        };
        // What was said in the clear is forgotten.
        self.extensions.clear();
        Ok(())
    }

    /// Authenticates by PLAIN or LOGIN.
    ///
    /// # Errors
    /// The server offers neither, or refuses.
    pub async fn authenticate(&mut self, user: &str, password: &str) -> Result<(), SessionError> {
        let has = |wanted: &str| {
            self.words("AUTH")
                .is_some_and(|mut words| words.any(|word| word.eq_ignore_ascii_case(wanted)))
        };
        if has("PLAIN") {
            let words = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {words}")).await?;
        } else if has("LOGIN") {
            self.prompt("AUTH LOGIN").await?;
            self.prompt(&STANDARD.encode(user)).await?;
            self.command(&STANDARD.encode(password)).await?;
        } else {
            return Err(SessionError::Unsupported("AUTH PLAIN or LOGIN"));
        }
        Ok(())
    }

    /// Sends one line, with which the server does something (2xx).
    ///
    /// # Errors
    /// It does not.
    pub async fn command(&mut self, line: &str) -> Result<SmtpReply, SessionError> {
        self.ask(line, DONE).await
    }

    /// Sends one line, after which the server waits for more (3xx).
    ///
    /// # Errors
    /// It does not.
    pub async fn prompt(&mut self, line: &str) -> Result<SmtpReply, SessionError> {
        self.ask(line, MORE).await
    }

    async fn ask(&mut self, line: &str, class: u16) -> Result<SmtpReply, SessionError> {
        if line.chars().any(char::is_control) {
            return Err(SessionError::Unsendable);
        }
        self.send(format!("{line}\r\n").as_bytes(), class).await
    }

    /// Sends a mail's text after DATA.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn message(&mut self, mail: &[u8]) -> Result<SmtpReply, SessionError> {
        self.send(&stuffed(mail), DONE).await
    }

    async fn send(&mut self, bytes: &[u8], class: u16) -> Result<SmtpReply, SessionError> {
        self.expect_nothing()?;
        match &mut self.stream {
            SmtpStream::Plain(stream) => write(stream, bytes).await?,
            SmtpStream::Tls(stream) => write(stream, bytes).await?,
            SmtpStream::Broken => return Err(SessionError::Closed),
        }
        self.reply(class).await
    }

    fn expect_nothing(&self) -> Result<(), SessionError> {
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Err(SessionError::Early),
        }
    }

    async fn reply(&mut self, class: u16) -> Result<SmtpReply, SessionError> {
        let mut parser = Parser::default();
        loop {
            let line = self.line().await?;
            if let Some(reply) = parser.line(&line)? {
                return match reply.code / 100 == class {
                    true => Ok(reply),
                    false => Err(SessionError::Refused(reply)),
                };
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, SessionError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                return Ok(mem::replace(&mut self.buffer, rest));
            }
            if self.buffer.len() >= MAX_LINE {
                return Err(Malformed::LongLine.into());
            }
            let count = match &mut self.stream {
                SmtpStream::Plain(stream) => read(stream, &mut self.buffer).await?,
                SmtpStream::Tls(stream) => read(stream, &mut self.buffer).await?,
                SmtpStream::Broken => 0,
            };
            if count == 0 {
                return Err(SessionError::Closed);
            }
        }
    }
}

async fn secured(
    stream: TcpStream,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<SmtpStream> {
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(SmtpStream::Tls(Box::new(stream)))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), into: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; CHUNK];
    let count = stream.read(&mut chunk).await?;
    into.extend_from_slice(&chunk[..count]);
    Ok(count)
}

/// `mail` with the line ends and the end that DATA asks for; a dot that begins a line is doubled.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(mail.len() + 64);
    let mail = mail.strip_suffix(b"\n").unwrap_or(mail);
    for line in mail.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'.') {
            stuffed.push(b'.');
        }
        // a carriage return on its own is taken for a line end by some servers
        stuffed.extend(line.iter().map(|byte| match byte {
            b'\r' => b' ',
            other => *other,
        }));
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_mail_ends_it() {
        for (mail, sent) in [
            ("", "\r\n.\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n.\r\n"),
            ("a\nb", "a\r\nb\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.\r\n.b\r\n..\r\n", "a\r\n..\r\n..b\r\n...\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\r\nb", "a .\r\nb\r\n.\r\n"),
            ("\r\n\r\n", "\r\n\r\n.\r\n"),
        ] {
            let found = stuffed(mail.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), sent, "{mail:?}");
        }
    }
}
