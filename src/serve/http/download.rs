//! Evidence to download: a file that an incident names, and no other, read beside the loop at the client's pace.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::stream::StreamBody;
use crate::blocking;
use crate::health::Incident;
use crate::safe_path::SafeDir;
use crate::serve::reply::Reply;

/// Downloads at a time: each holds a file, and reads from a disk that the watchdog needs, too.
const AT_A_TIME: usize = 4;
static DOWNLOADS: Semaphore = Semaphore::const_new(AT_A_TIME);

/// What is read in one go, in bytes.
const PIECE: usize = 256 << 10;

/// A file that is open.
#[derive(Debug)]
pub struct Download {
    file: File,
    /// As it is offered.
    pub name: String,
    /// So many bytes are sent, whatever the file grows to.
    pub size: u64,
    permit: SemaphorePermit<'static>,
}

/// The file `name` of the evidence of `incident`.
///
/// # Errors
/// The answer that says why not.
pub async fn open(incident: &Incident, name: &str) -> Result<Download, Reply> {
    let path = incident
        .evidence()
        .map(|(path, _)| Path::new(path))
        .find(|path| path.file_name().is_some_and(|known| known == name));
    let Some(path) = path.map(Path::to_owned) else {
        let text = format!("the incident has no evidence {name:?}");
        return Err(Reply::error(StatusCode::NOT_FOUND, text));
    };
    let Ok(permit) = DOWNLOADS.try_acquire() else {
        let text = "too much evidence is being downloaded already";
        let busy = Reply::error(StatusCode::SERVICE_UNAVAILABLE, text);
        return Err(busy.with("Retry-After", "10"));
    };
    let opened = blocking::run("open evidence", move || {
        // evidence is a file of ours, and never a link, whoever made it
        let dir = SafeDir::open(path.parent().unwrap_or(Path::new("/")))?;
        let file = dir.read(path.file_name().unwrap_or_default())?;
        let size = file.metadata()?.len();
        Ok::<_, std::io::Error>((file, size))
    });
    match opened.await {
        Ok(Ok((file, size))) => Ok(Download {
            file,
            name: name.to_owned(),
            size,
            permit,
        }),
        Ok(Err(why)) if why.kind() == std::io::ErrorKind::NotFound => Err(Reply::error(
            StatusCode::NOT_FOUND,
            "it was deleted since: the evidence of the newest incidents is kept, within its bounds",
        )),
        Ok(Err(why)) => Err(Reply::error(
            StatusCode::NOT_FOUND,
            format!("it cannot be read: {why}"),
        )),
        Err(why) => Err(Reply::error(
            StatusCode::SERVICE_UNAVAILABLE,
            why.to_string(),
        )),
    }
}

impl Download {
    /// The name for a `Content-Disposition` header, which takes no others.
    pub fn disposition(&self) -> String {
        let plain = |c: char| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => c,
            _ => '_',
        };
        let name: String = self.name.chars().map(plain).collect();
        format!("attachment; filename=\"{name}\"")
    }

    /// What is in it. Needs a runtime.
    pub fn body(self) -> StreamBody {
        let (sender, body) = StreamBody::new();
        tokio::spawn(self.send(sender));
        body
    }

    async fn send(self, sender: mpsc::Sender<Bytes>) {
        let Self {
            file, size, permit, ..
        } = self;
        let (mut file, mut left) = (Some(file), size);
        while left > 0
            && let Some(mut open) = file.take()
        {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let read = blocking::run("read evidence", move || {
                let mut piece = vec![0; most];
                let count = open.read(&mut piece)?;
                piece.truncate(count);
                Ok::<_, std::io::Error>((open, piece))
            });
            // a file that ends early breaks the answer off, which its length says
            let Ok(Ok((open, piece))) = read.await else {
                break;
            };
            if piece.is_empty() {
                break;
            }
            left -= piece.len() as u64;
            file = Some(open);
            if sender.send(Bytes::from(piece)).await.is_err() {
                break;
            }
        }
        drop(permit);
    }
}
