//! `nsx net`: devices and sockets of network namespaces, as `ip` and `ss` show them inside.

use crate::support::{Need, Process, Session, Test, both, procfs, schema};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(devices_agree_with_ip_inside),
        both(the_other_end_of_a_veth_pair_is_found),
        both(a_hostile_name_of_a_device_is_escaped),
        both(loopback_is_shown_on_request_or_alone),
        both(sockets_agree_with_ss_inside),
        both(a_connection_has_the_processes_at_both_ends),
        both(a_graph_connects_namespaces_once),
        both(documents_fit_the_schema),
        both(what_is_not_a_network_namespace_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("ip"), Need::Tool("ss")]))
    .collect()
}

/// Runs a script in a new network namespace. It ends as `sleep`.
fn network(session: &Session, script: &str) -> Process {
    session.namespaces("--net", script)
}

/// A bridge with a port, whose other end is in a network namespace of a child.
const PAIR: &str = "ip link add name br0 type bridge
    ip link set br0 up
    ip addr add 10.97.0.1/24 dev br0
    unshare --net sh -c 'echo ready; exec sleep 100' > child &
    until grep -q ready child; do sleep 0.01; done
    echo $! > pid
    ip link add v0 mtu 1400 master br0 type veth peer name v1 netns $!
    ip link set v0 up";

/// Returns the id of the child of [`PAIR`].
fn child(session: &Session) -> u32 {
    let text = std::fs::read_to_string(session.path("pid")).unwrap();
    text.trim().parse().unwrap()
}

/// Runs a command in the network namespace of a process.
fn inside(session: &Session, id: u32, words: &str) -> String {
    let user = session.enter_user();
    let command = format!("nsenter --target {id} {user}--net {words}");
    session.command(&command).output()
}

fn json(session: &Session, words: &str) -> Value {
    let output = session.nsx(&format!("net -q --json {words}")).output();
    serde_json::from_str(&output).unwrap()
}

fn rows(document: &Value) -> Vec<Value> {
    let list = document.get("links").or(document.get("sockets")).unwrap();
    list.as_array().unwrap().clone()
}

/// Returns the inode number of the network namespace of a process.
fn inode(id: u32) -> Value {
    let ns = procfs::ns(id, "net");
    let digits = ns.trim_start_matches("net:[").trim_end_matches(']');
    digits.parse::<u64>().unwrap().into()
}

fn devices_agree_with_ip_inside(session: &Session) {
    let process = network(session, PAIR);
    for id in [process.id(), child(session)] {
        let ours = rows(&json(session, &id.to_string()));
        let theirs: Value = serde_json::from_str(&inside(session, id, "ip -j -d addr")).unwrap();
        let theirs = theirs.as_array().unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            for (own, other) in [("link", "ifname"), ("index", "ifindex"), ("mtu", "mtu")] {
                assert_eq!(ours[own], theirs[other], "{ours} {theirs}");
            }
            assert_eq!(ours["mac"], theirs["address"]);
            assert_eq!(ours["master"], theirs["master"]);
            assert_eq!(ours["kind"], theirs["linkinfo"]["info_kind"]);
            assert_eq!(ours["peerindex"], theirs["link_index"]);
            let address =
                |it: &Value| format!("{}/{}", it["local"].as_str().unwrap(), it["prefixlen"]);
            let addresses = theirs["addr_info"].as_array().unwrap();
            let addresses: BTreeSet<_> = addresses.iter().map(address).collect();
            let own = ours["addresses"].as_array().cloned().unwrap_or_default();
            let own: BTreeSet<_> = own
                .iter()
                .map(|it| it.as_str().unwrap().to_owned())
                .collect();
            assert_eq!(own, addresses);
            let flags = theirs["flags"].as_array().unwrap();
            let is_up = match theirs["operstate"].as_str().unwrap() {
                "UP" => true,
                // The driver does not say.
                "UNKNOWN" => flags.contains(&"UP".into()),
                _ => false,
            };
            assert_eq!(ours["state"] == "up", is_up, "{ours} {theirs}");
        }
    }
}

fn the_other_end_of_a_veth_pair_is_found(session: &Session) {
    let process = network(session, PAIR);
    let ids = [process.id(), child(session)];
    for (id, other, link) in [(ids[0], ids[1], "v0"), (ids[1], ids[0], "v1")] {
        let found = rows(&json(session, &format!("{id} -Q LINK==\"{link}\"")));
        assert_eq!(found.len(), 1);
        let end = if link == "v0" { "/v1" } else { "/v0" };
        assert!(
            found[0]["peer"].as_str().unwrap().ends_with(end),
            "{found:?}"
        );
        assert_eq!(found[0]["peerns"], inode(other));
    }
}

fn a_hostile_name_of_a_device_is_escaped(session: &Session) {
    let script = "ip link add name \"$(printf 'a\\377\\033[2J')\" type bridge";
    let process = network(session, script);
    let id = process.id();
    let table = session.nsx(&format!("net -q {id}")).output();
    assert!(
        table.contains("a\\xff\\x1b[2J") && !table.contains('\x1b'),
        "{table}"
    );
    let found = rows(&json(session, &id.to_string()));
    assert_eq!(found[1]["link"], "a\u{fffd}\x1b[2J");
}

fn loopback_is_shown_on_request_or_alone(session: &Session) {
    let alone = network(session, "");
    let pair = network(session, "ip link add name br0 type bridge");
    let links = |words: &str| session.nsx(&format!("net -q -o link {words}")).output();
    assert_eq!(links(&alone.id().to_string()), "LINK\nlo");
    assert_eq!(links(&pair.id().to_string()), "LINK\nbr0");
    assert_eq!(links(&format!("{} --all", pair.id())), "LINK\nlo\nbr0");
}

/// A server with a client in one process, of TCP over loopback.
const SERVER: &str = "ip link set lo up
    perl -MIO::Socket::INET -e '
        $| = 1;
        $server = IO::Socket::INET->new(Listen => 1, LocalAddr => \"127.0.0.1:8080\");
        $client = IO::Socket::INET->new(PeerAddr => \"127.0.0.1:8080\");
        $accepted = $server->accept;
        $datagrams = IO::Socket::INET->new(Proto => \"udp\", LocalAddr => \"127.0.0.1:53\");
        print \"ready\\n\";
        sleep 100' > server &
    until grep -q ready server; do sleep 0.01; done
    echo $! > pid";

fn sockets_agree_with_ss_inside(session: &Session) {
    let process = network(session, SERVER);
    let id = process.id();
    let theirs = inside(session, id, "ss -H -a -n -t -u");
    let theirs: BTreeSet<_> = theirs
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let state = match words[1] {
                "ESTAB" => "established",
                "LISTEN" => "listen",
                "UNCONN" => "unconnected",
                other => panic!("{other}"),
            };
            let remote = (!words[5].ends_with(":*")).then(|| words[5].to_owned());
            (
                words[0].to_owned(),
                state.to_owned(),
                words[4].to_owned(),
                remote,
            )
        })
        .collect();
    let ours: BTreeSet<_> = rows(&json(session, &format!("{id} --sockets")))
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            let remote = row["remote"].as_str().map(str::to_owned);
            (text("proto"), text("state"), text("local"), remote)
        })
        .collect();
    assert_eq!(theirs.len(), 4);
    assert_eq!(ours, theirs);
}

fn a_connection_has_the_processes_at_both_ends(session: &Session) {
    let process = network(session, SERVER);
    let perl = format!("perl/{}", child(session));
    let words = format!("ss -q --json {} -Q STATE==\"established\"", process.id());
    let found: Value = serde_json::from_str(&session.nsx(&words).output()).unwrap();
    let found = rows(&found);
    assert_eq!(found.len(), 2);
    for row in &found {
        assert_eq!(row["process"][0], perl.as_str());
        assert_eq!(row["peer"], perl.as_str());
        assert_eq!(row["pid"], child(session));
    }
    let listening = rows(&json(session, &format!("{} --sockets -l", process.id())));
    let local: BTreeSet<_> = listening
        .iter()
        .map(|row| row["local"].as_str().unwrap())
        .collect();
    assert_eq!(local, ["127.0.0.1:53", "127.0.0.1:8080"].into());
}

fn a_graph_connects_namespaces_once(session: &Session) {
    let process = network(session, PAIR);
    let draw = |language: &str| {
        let words = format!("net -q --graph {language} {}", process.id());
        session.nsx(&words).output()
    };
    let dot = draw("dot");
    assert!(
        dot.contains("v0 veth on br0") && dot.contains("br0 bridge 10.97.0.1/24"),
        "{dot}"
    );
    assert_eq!(dot.matches("label=\"veth\"").count(), 1, "{dot}");
    assert_eq!(draw("mermaid").matches("-.->|veth|").count(), 1);
    assert_eq!(draw("svg").matches("<path").count(), 1);
}

fn documents_fit_the_schema(session: &Session) {
    let _process = network(session, PAIR);
    for (part, words) in [
        ("links", "--all"),
        ("links", "-o link"),
        ("sockets", "--sockets -x"),
        ("links", "-Q INDEX==0"),
    ] {
        let output = session.nsx(&format!("net -q --json {words}")).run().stdout;
        let document: Value = serde_json::from_slice(&output).unwrap();
        schema::assert_fit(&[document], &format!("net.json#/$defs/{part}"));
    }
    for (part, words) in [
        ("link", "net --all"),
        ("link", "net -o link"),
        ("socket", "net --sockets -x"),
        ("socket", "ss -x"),
    ] {
        let rows = session.nsx(&format!("{words} -q --json-lines"));
        schema::assert_lines_fit(&rows.output(), &format!("net.json#/$defs/{part}"));
    }
}

fn what_is_not_a_network_namespace_is_refused(session: &Session) {
    let uts = procfs::ns(std::process::id(), "uts");
    let refused = session.nsx(&format!("net {uts}")).run();
    refused.exited(2).says(&["is not a network namespace"]);
    session
        .nsx("net --listening")
        .run()
        .exited(2)
        .says(&["--sockets"]);
    session.nsx("net -Q INDEX==0").run().exited(1);
}
