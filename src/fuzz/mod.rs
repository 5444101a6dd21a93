//! What is thrown at the parsers of other people's bytes, and what must hold whatever comes. Not part of
//! the program: it is there for `cargo test`, which drives it by chance from a seed (`chance`), and for
//! cargo-fuzz, which is guided by coverage (`make fuzz`).

mod assertion;
#[cfg(test)]
mod chance;
mod grpc;
mod http1;
mod line;
mod protocols;

pub use assertion::assertion;
pub use grpc::grpc;
pub use http1::http1;
pub use line::line;
pub use protocols::{listener, smtp, xmlrpc};
