//! `grpc://HOST:PORT`, as people type it.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// What the HTTP client wants.
    pub(crate) fn uri(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// The addresses of this machine that it stands for; none where the server is elsewhere.
    pub(crate) fn here(&self) -> Vec<SocketAddr> {
        let all = (self.host.trim_matches(['[', ']']), self.port).to_socket_addrs().into_iter().flatten();
        // None but an address of this machine can be bound.
        all.filter(|address| UdpSocket::bind((address.ip(), 0)).is_ok()).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grpc://{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (host, port) = text.strip_prefix("grpc://")?.trim_end_matches('/').rsplit_once(':')?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
            // An IPv6 address has colons of its own and stands in brackets.
            let sound = !host.is_empty() && host.chars().all(plain) && (host.starts_with('[') || !host.contains(':'));
            Some(Self { host: host.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? }).filter(|_| sound)
        };
        parse().ok_or_else(|| {
            format!("found target `{text}`; expected grpc://HOST:PORT, such as grpc://127.0.0.1:8001 (of `deadtime serve` or \
                     any server of the Open Inference Protocol)")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_whether_it_is_this_machine() {
        let here = |text: &str| text.parse::<Address>().unwrap().here();
        assert_eq!(here("grpc://127.0.0.1:8001"), ["127.0.0.1:8001".parse().unwrap()]);
        assert!(here("grpc://localhost:8001").iter().any(|address| address.ip().is_loopback()));
        // Of the addresses that documentation may use (RFC 5737).
        assert_eq!(here("grpc://192.0.2.1:8001"), []);
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["grpc://127.0.0.1:8001", "grpc://board.local:80", "grpc://[::1]:9000"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "board:8001",
            "http://a:1",
            "grpc://:1",
            "grpc://a",
            "grpc://a:0",
            "grpc://a:99999",
            "grpc://::1:9",
            "grpc://a/b:1",
        ] {
            assert!(text.parse::<Address>().unwrap_err().contains("expected grpc://HOST:PORT"), "{text}");
        }
    }
}
