//! Words that are targets, and words that are not.

use super::*;
use nsx_core::pid::ParsePidError;
use proptest::prelude::*;

fn container(engine: Engine, name: &str) -> Result<Target, ParseTargetError> {
    Ok(Target::Container {
        engine,
        owner: None,
        name: name.into(),
    })
}

fn owned(engine: Engine, owner: &str, name: &str) -> Result<Target, ParseTargetError> {
    Ok(Target::Container {
        engine,
        owner: Some(owner.into()),
        name: name.into(),
    })
}

fn parse(word: &str) -> Result<Target, ParseTargetError> {
    Target::parse(word.as_bytes())
}

fn pid(pid: i32) -> Pid {
    Pid::from_raw(pid).unwrap()
}

#[test]
fn each_form_is_read() {
    let name = |name: &str| Ok(Target::Name(name.into()));
    assert_eq!(
        parse("1234"),
        Ok(Target::Process {
            pid: pid(1234),
            inode: None
        })
    );
    assert_eq!(
        parse("1234:5678"),
        Ok(Target::Process {
            pid: pid(1234),
            inode: Some(5678)
        })
    );
    assert_eq!(parse("docker:web"), container(Engine::Docker, "web"));
    assert_eq!(parse("docker:1234"), container(Engine::Docker, "1234"));
    assert_eq!(parse("docker://3f2a"), container(Engine::Docker, "3f2a"));
    assert_eq!(parse("cri-o://3f2a"), container(Engine::Crio, "3f2a"));
    assert_eq!(
        parse("containerd:k8s.io/3f2a"),
        container(Engine::Containerd, "k8s.io/3f2a")
    );
    assert_eq!(parse("incus:web"), container(Engine::Lxc, "web"));
    assert_eq!(parse("lxc:a:b"), container(Engine::Lxc, "a:b"));
    assert_eq!(
        parse("unit:getty@tty1.service"),
        container(Engine::Unit, "getty@tty1.service")
    );
    assert_eq!(parse("podman:ada@db"), owned(Engine::Podman, "ada", "db"));
    assert_eq!(
        parse("docker://1000@3f2a"),
        owned(Engine::Docker, "1000", "3f2a")
    );
    assert_eq!(
        parse("containerd:ada@k8s.io/3f2a"),
        owned(Engine::Containerd, "ada", "k8s.io/3f2a")
    );
    for engine in [Engine::Oci, Engine::Lxc, Engine::Machine] {
        assert_eq!(
            parse(&format!("{engine}:ada@db")),
            container(engine, "ada@db")
        );
    }
    assert_eq!(
        parse("netns:ada@blue"),
        Ok(Target::Netns("ada@blue".into()))
    );
    assert_eq!(parse("ada@db"), name("ada@db"));
    let pod = |container: Option<&str>| {
        Ok(Target::Pod(PodName {
            namespace: "prod".into(),
            pod: "web-0".into(),
            container: container.map(OsString::from),
        }))
    };
    assert_eq!(parse("k8s://prod/web-0"), pod(None));
    assert_eq!(parse("k8s://prod/web-0/app"), pod(Some("app")));
    assert_eq!(parse("netns:blue"), Ok(Target::Netns("blue".into())));
    assert_eq!(
        parse("/run/netns/blue"),
        Ok(Target::File("/run/netns/blue".into()))
    );
    assert_eq!(parse("./a:b"), Ok(Target::File("./a:b".into())));
    assert_eq!(
        parse("net:[4026532177]"),
        Ok(Target::Namespace("net:[4026532177]".parse().unwrap()))
    );
    assert_eq!(parse("id:77"), Ok(Target::Id(77)));
    assert_eq!(parse("web"), name("web"));
    assert_eq!(parse("3f2a"), name("3f2a"));
}

#[test]
fn a_wrong_prefix_has_a_near_one_that_makes_a_target() {
    let proposed = |word: &str| {
        let wrong = Target::parse(word.as_bytes()).unwrap_err();
        Target::proposed(word.as_bytes(), wrong).map(|target| target.to_string())
    };
    for (word, expected) in [
        ("doker:web", "docker:web"),
        ("Podman:ada@db", "podman:ada@db"),
        ("contain:web", "containerd:web"),
        ("nents:blue", "netns:blue"),
        ("net:blue", "netns:blue"),
        ("k8s:default/web", "k8s://default/web"),
        ("k8://default/web", "k8s://default/web"),
    ] {
        assert_eq!(proposed(word).as_deref(), Some(expected), "{word}");
    }
    for word in [
        "x:web",
        "doker:",
        "doker:a/b",
        "pid:blue",
        "k8s:web",
        "nets:a/b",
        ":web",
        "idd:x",
    ] {
        assert_eq!(proposed(word), None, "{word}");
    }
}

#[test]
fn digits_are_a_pid_until_they_can_only_be_an_id_or_an_inode() {
    assert_eq!(parse("99999999999"), Err(ParsePidError::TooLarge.into()));
    assert_eq!(
        parse("999999999999"),
        Ok(Target::Name("999999999999".into()))
    );
    assert_eq!(
        Target::parse_namespace(b"4026532177"),
        Ok(Target::Inode(4_026_532_177))
    );
    assert_eq!(
        Target::parse_namespace(b"web"),
        Ok(Target::Name("web".into()))
    );
}

#[test]
fn a_word_that_is_not_a_target_is_refused_with_the_reason() {
    use ParseTargetError::{Empty, Id, Inode, Prefix, Slash};
    assert_eq!(parse(""), Err(Empty));
    assert_eq!(parse("0"), Err(ParsePidError::Zero.into()));
    assert_eq!(parse("-1"), Err(ParsePidError::Negative.into()));
    assert_eq!(parse("4194304:1"), Err(ParsePidError::TooLarge.into()));
    for word in ["1:", "1:x", "1:2:3", "1:-2", "1:18446744073709551616"] {
        assert_eq!(parse(word), Err(Inode), "{word}");
    }
    for word in ["docker:", "docker://", "netns:"] {
        assert_eq!(parse(word), Err(Empty), "{word}");
    }
    for word in [
        "docker:a/b",
        "docker:///a",
        "containerd:a/b/c",
        "containerd:/a",
        "netns:a/b",
        "netns:../x",
        "crio:////a@b",
    ] {
        assert_eq!(parse(word), Err(Slash), "{word}");
    }
    for word in ["dokcer:web", ":web", "http://x"] {
        assert_eq!(parse(word), Err(Prefix), "{word}");
    }
    for word in [
        "net:4026532177",
        "net:[]",
        "net:[abc]",
        "user:[-1]",
        "mnt:[4026532177",
        "pid:blue",
        "uts:",
    ] {
        assert_eq!(parse(word), Err(ParseTargetError::Namespace), "{word}");
    }
    for word in [
        "k8s:a/b",
        "k8s://a",
        "k8s://a/b/c/d",
        "k8s:///b",
        "k8s://a/b/",
        "k8s://",
    ] {
        assert_eq!(parse(word), Err(ParseTargetError::Pod), "{word}");
    }
    for word in ["id:", "id:x", "id:-1", "id:18446744073709551616"] {
        assert_eq!(parse(word), Err(Id), "{word}");
    }
}

#[test]
fn every_engine_is_read_back() {
    for engine in Engine::ALL {
        assert_eq!(parse(&format!("{engine}:web")), container(engine, "web"));
    }
}

proptest! {
    #[test]
    fn a_process_that_is_printed_is_read_back(pid in 1..pid::LIMIT, inode: Option<u64>) {
        let target = Target::Process { pid: Pid::from_raw(pid).unwrap(), inode };
        prop_assert_eq!(Target::parse(target.to_string().as_bytes()), Ok(target));
    }

    #[test]
    fn a_target_that_is_printed_is_read_back(word in "([a-z0-9]{1,9}:)?(//)?[a-z0-9/:@.\\[\\]]{0,20}") {
        if let Ok(target) = parse(&word) {
            prop_assert_eq!(parse(&target.to_string()), Ok(target));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = (Target::parse(&bytes), Target::parse_namespace(&bytes));
    }
}
