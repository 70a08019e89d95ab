//! Whose work is the measurement's own: this process, a server of this machine that runs the network for it, and what they start.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// These processes and their descendants, each once.
pub(super) fn family(proc: &Path, heads: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    let mut family = BTreeSet::new();
    let mut open: Vec<u32> = heads.into_iter().collect();
    while let Some(process) = open.pop() {
        if family.insert(process) {
            open.extend(children(proc, process));
        }
    }
    family
}

fn children(proc: &Path, parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(proc.join(format!("{parent}/task"))).into_iter().flatten().flatten();
    let lines = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lines.flat_map(|line| line.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// The first `count` of utime, stime, cutime and cstime; the name before them may hold spaces and brackets.
pub(super) fn ticks(proc: &Path, process: &str, count: usize) -> Option<f64> {
    let stat = fs::read_to_string(proc.join(process).join("stat")).ok()?;
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    fields.get(11..11 + count)?.iter().map(|n| n.parse::<f64>().ok()).sum()
}

/// Processes that hear a call to one of these addresses, as far as this user may see them.
pub(super) fn listeners(proc: &Path, addresses: &[SocketAddr]) -> Vec<u32> {
    let heard_at: Vec<String> = addresses.iter().copied().flat_map(listening_as).collect();
    if heard_at.is_empty() {
        return Vec::new();
    }
    let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(proc.join("net").join(table)).unwrap_or_default());
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = *fields.get(3)? == "0A" && heard_at.iter().any(|at| at == fields[1]);
        listens.then(|| Some(format!("socket:[{}]", fields.get(9)?))).flatten()
    };
    let sockets: Vec<String> = tables.iter().flat_map(|table| table.lines().filter_map(socket)).collect();
    let holds = |process: &u32| {
        let files = fs::read_dir(proc.join(format!("{process}/fd"))).into_iter().flatten().flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
    };
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(holds).collect()
}

/// How /proc/net writes the sockets that a call to this address reaches: at this very address, at its IPv4-mapped one, or at any.
fn listening_as(address: SocketAddr) -> Vec<String> {
    // Words of four bytes, each as the processor keeps it.
    let word = |word: &[u8; 4]| format!("{:08X}", u32::from_ne_bytes(*word));
    let hex = |octets: &[u8]| octets.as_chunks().0.iter().map(word).collect::<Vec<_>>().concat();
    let ips = match address.ip() {
        IpAddr::V4(ip) => vec![hex(&ip.octets()), hex(&ip.to_ipv6_mapped().octets()), hex(&[0; 4]), hex(&[0; 16])],
        IpAddr::V6(ip) => vec![hex(&ip.octets()), hex(&[0; 16])],
    };
    ips.into_iter().map(|ip| format!("{ip}:{:04X}", address.port())).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A process with its children, and the socket that it holds.
    fn process(proc: &Path, id: u32, children: &str, socket: u32) {
        let folder = proc.join(id.to_string());
        fs::create_dir_all(folder.join(format!("task/{id}"))).unwrap();
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join(format!("task/{id}/children")), children).unwrap();
        symlink(format!("socket:[{socket}]"), folder.join("fd/3")).unwrap();
    }

    #[test]
    fn a_server_is_known_by_its_socket_and_its_workers_are_of_its_family() {
        let root = tempfile::tempdir().unwrap();
        let proc = root.path();
        fs::create_dir_all(proc.join("net")).unwrap();
        // What a real kernel wrote of 127.0.0.1:8001, of a connection to it, and of [::ffff:127.0.0.1]:8002.
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 501 1 0\n   \
                   1: 0100007F:1F41 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 502 1 0\n";
        let tcp6 = "   0: 0000000000000000FFFF00000100007F:1F42 00000000000000000000000000000000:0000 0A 00000000:00000000 \
                    00:00000000 00000000     0        0 503 1 0\n";
        fs::write(proc.join("net/tcp"), tcp).unwrap();
        fs::write(proc.join("net/tcp6"), tcp6).unwrap();
        process(proc, 10, "11 12 \n", 501);
        process(proc, 11, "13", 1);
        process(proc, 12, "", 2);
        process(proc, 13, "", 3);
        process(proc, 20, "", 502);
        process(proc, 30, "", 503);
        let hears = |address: &str| listeners(proc, &[address.parse().unwrap()]);
        assert_eq!(hears("127.0.0.1:8001"), [10]);
        assert_eq!(hears("127.0.0.1:8002"), [30]);
        assert_eq!((hears("127.0.0.2:8001"), hears("[::1]:8001"), hears("127.0.0.1:8003")), (vec![], vec![], vec![]));
        assert_eq!(family(proc, [10, 13]), [10, 11, 12, 13].into());
    }

    #[test]
    fn this_process_is_found_where_it_listens() {
        for bind in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // A machine without IPv6 has only the first two.
            let Ok(listener) = TcpListener::bind(bind) else { continue };
            let mut address = listener.local_addr().unwrap();
            if address.ip().is_unspecified() {
                address.set_ip([127, 0, 0, 1].into());
            }
            let expected = if cfg!(target_os = "linux") { vec![std::process::id()] } else { Vec::new() };
            assert_eq!(listeners(Path::new("/proc"), &[address]), expected, "{bind}");
        }
    }
}
