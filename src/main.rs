//! The program: hands its command line to [`httpok::cli`] and leaves with what that returns. It leaves
//! at once: a name look-up that hangs in the system's resolver cannot hold it.

fn main() -> ! {
    std::process::exit(httpok::cli::main(std::env::args_os().collect()))
}
