//! Text that is shown again and again: in place on a terminal, on its alternate screen, so that what stood
//! there before comes back at the end; elsewhere one text after the other.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::blocking;
use crate::cli::render::paint::Paint;
use crate::terminal::{self, cut};

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const TOP: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";

/// The alternate screen, for as long as this lives.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        write(ENTER).map(|()| Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // a closed terminal needs no reset
        let _ = write(LEAVE);
    }
}

/// Shows what `draw` makes, every `interval`, until a signal ends it or nobody reads any more. `draw` gets
/// many columns there are, when that is known.
///
/// # Errors
/// When signals cannot be received, or standard output cannot be written to.
pub fn refresh(interval: Duration, draw: impl FnMut(Option<usize>) -> String) -> io::Result<()> {
    let runtime = blocking::event_loop()?;
    match runtime.block_on(shown(interval, draw)) {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

async fn shown(
    interval: Duration,
    mut draw: impl FnMut(Option<usize>) -> String,
) -> io::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut suspended = signal(SignalKind::from_raw(libc::SIGTSTP))?;
    let mut ends = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::quit())?,
    ];
    let [interrupted, terminated, hung_up, quit] = &mut ends;
    let in_place = moves_the_cursor();
    let mut screen = in_place.then(Screen::enter).transpose()?;
    loop {
        let size = terminal::size(&io::stdout());
        let text = draw(size.map(|(columns, _)| columns));
        match size.filter(|_| in_place) {
            Some(size) => write(&frame(&text, interval, size))?,
            None => write(&format!("{}\n", text.trim_end()))?,
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = resized.recv() => {}
            _ = suspended.recv() => {
                // the shell gets its own screen back meanwhile
                drop(screen.take());
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
                screen = in_place.then(Screen::enter).transpose()?;
            }
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = hung_up.recv() => break,
            _ = quit.recv() => break,
        }
    }
    drop(screen);
    Ok(())
}

/// A whole screen: a head line with the time, then as much of `text` as there is room for.
fn frame(text: &str, interval: Duration, (columns, rows): (usize, usize)) -> String {
    let (_, time) = terminal::local(SystemTime::now());
    let every = humantime::format_duration(interval);
    let head = cut(&format!("{time}  every {every}, Ctrl-C ends"), columns);
    let mut frame = format!("{TOP}{}{REST_OF_LINE}\n", Paint::of_stdout().dim(&head));
    let lines: Vec<_> = text.trim_end().lines().collect();
    // the head line, and the last line that a line end would scroll away
    let room = rows.saturating_sub(2).max(1);
    let shown = match lines.len() > room {
        true => room - 1,
        false => lines.len(),
    };
    for line in &lines[..shown] {
        frame += &format!("{line}{REST_OF_LINE}\n");
    }
    if shown < lines.len() {
        let more = lines.len() - shown;
        frame += &format!("… {more} more lines{REST_OF_LINE}\n");
    }
    frame + REST_OF_SCREEN
}

/// Whether standard output is a terminal that knows how to move its cursor.
fn moves_the_cursor() -> bool {
    let known = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    known && io::stdout().is_terminal()
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_no_higher_than_the_screen() {
        for (count, rows, shown) in [
            (3, 24, 4),
            (22, 24, 23),
            (23, 24, 23),
            (100, 24, 23),
            (5, 1, 2),
        ] {
            let text = "line\n".repeat(count);
            let frame = frame(&text, Duration::from_secs(2), (80, rows));
            assert_eq!(
                frame.matches('\n').count(),
                shown,
                "{count} in {rows}: {frame:?}"
            );
            let cut = frame.contains(" more lines");
            assert_eq!(cut, count + 2 > rows, "{count} in {rows}");
        }
    }
}
