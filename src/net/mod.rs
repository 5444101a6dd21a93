//! Floor 1: the network, as adapters and configuration share it. URLs taken apart ([`Address`]) and values of HTTP
//! read from text ([`http`]); TLS for clients ([`tls`], [`roots`]); names to addresses ([`lookup`]), addresses to a connection
//! ([`connect()`]), the one HTTP/1 client ([`http1`]), and bounded clients of our servers ([`clients`]). Every buffer has
//! a bound, because peers may be hostile. What is asked and what an answer means is not known here.

pub mod address;
pub mod clients;
mod connect;
mod endpoint;
mod fair;
pub mod http;
pub mod http1;
pub mod lookup;
pub mod roots;
pub mod tls;
pub mod trouble;

pub use address::{Address, percent_decoded};
pub use connect::{connect, connect_to, connect_to_url};
pub use endpoint::{Connection, Endpoint, IpFamily, Sending, deadline, is_socket_path};
