//! The engines themselves: how each starts on a host, and how each starts a container of its image,
//! busybox.

use crate::support::{Command, Host};

/// A container that an engine has started, as the engine knows it.
pub(crate) struct Container {
    /// The form of nsx's that matches no other container: `docker:web`.
    pub(crate) target: String,
    /// The engine's id for the container: hexadecimal, or the name that the engine was given.
    pub(crate) id: String,
    /// The PID of its first process on the host.
    pub(crate) pid: u32,
    exec: Command,
}

impl Container {
    /// The engine's own command that runs a program in the container; the program's words follow.
    pub(crate) fn exec(&self) -> Command {
        self.exec.clone()
    }
}

/// podman sets higher limits than these, which is refused without CAP_SYS_RESOURCE or the pids
/// controller.
const LIMITS: &str = "--ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --pids-limit 0";

/// Runs `command` in a shell until it succeeds. If it never does, the failure shows the log.
fn answers(host: &Host, command: &str, log: &str) {
    let script = format!(
        "for _ in $(seq 150); do if {command} >/dev/null 2>&1; then exit; fi; sleep 0.1; done; cat \
        {log}; exit 1"
    );
    host.shell(&script).run().exited(0);
}

/// Returns a started container of docker or podman, whose command lines are alike here.
fn started(engine: &str, name: &str, command: impl Fn(&str) -> Command) -> Container {
    let inspected = command("inspect --format")
        .arg("{{.Id}} {{.State.Pid}}")
        .arg(name)
        .output();
    let (id, pid) = inspected.split_once(' ').unwrap();
    let exec = command(&format!("exec {name}"));
    Container {
        target: format!("{engine}:{name}"),
        id: id.into(),
        pid: pid.parse().unwrap(),
        exec,
    }
}

/// Docker: its daemon, with a containerd of its own.
pub(crate) struct Docker<'h> {
    host: &'h Host<'h>,
    /// The name that the daemon's socket, PID file and log share.
    name: &'h str,
}

impl<'h> Docker<'h> {
    pub(crate) fn start(host: &'h Host<'h>) -> Self {
        Self::start_as(host, "docker", "")
    }

    /// A daemon under another name than `docker`, with these further options.
    pub(crate) fn start_as(host: &'h Host<'h>, name: &'h str, options: &str) -> Self {
        let docker = Self { host, name };
        docker.start_daemon(options);
        let import = format!(
            "tar -C /run/image -c . | docker --host unix:///run/{name}.sock import - image"
        );
        host.shell(&import).run().exited(0);
        docker
    }

    /// `options` are further ones for the daemon.
    pub(crate) fn start_daemon(&self, options: &str) {
        let Self { host, name } = self;
        let own = match *name {
            "docker" => String::new(),
            name => {
                format!("--host unix:///run/{name}.sock --pidfile /run/{name}.pid --bridge none")
            }
        };
        let daemon = format!("dockerd --iptables=false --ip-masq=false {own} {options}");
        host.shell(&format!(
            "setsid {daemon} </dev/null >/run/{name}.log 2>&1 &"
        ))
        .run()
        .exited(0);
        answers(
            host,
            &format!("docker --host unix:///run/{name}.sock version"),
            &format!("/run/{name}.log"),
        );
    }

    /// Ends the daemon and leaves the containers alone, if it is killed or was started with
    /// `--live-restore`.
    pub(crate) fn stop_daemon(&self, signal: &str) {
        let script = format!(
            "pid=$(cat /run/{}.pid); kill -{signal} $pid; while [ -e /proc/$pid ]; do sleep 0.05; \
            done",
            self.name
        );
        self.host.shell(&script).run().exited(0);
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        self.host
            .command(&format!("docker --host unix:///run/{}.sock", self.name))
            .args(words)
    }

    /// A container that sleeps, with these options of `docker run`.
    pub(crate) fn run(&self, name: &str, options: &str) -> Container {
        self.command("run --detach --name")
            .arg(name)
            .options(options)
            .args("image sleep 1000")
            .run()
            .exited(0);
        self.container(name)
    }

    /// A container with a Docker and an image of its own in it, and with nsx.
    pub(crate) fn run_docker(&self, name: &str) -> Container {
        let nsx = self.host.command("sh -c").arg("command -v nsx").output();
        let options = format!(
            "--network none --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt \
            seccomp=unconfined \
             --volume /usr:/usr:ro --volume /lib:/lib:ro --volume /lib64:/lib64:ro --volume \
            {nsx}:/sbin/nsx:ro \
             --tmpfs /run --tmpfs /etc/docker --tmpfs /var/lib:exec --env \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        );
        let outer = self.run(name, &options);
        outer
            .exec()
            .args("sh -ec")
            .arg(DOCKER_INSIDE)
            .run()
            .exited(0);
        outer
    }

    /// The container as it is now.
    pub(crate) fn container(&self, name: &str) -> Container {
        started("docker", name, |words| self.command(words))
    }
}

/// Starts Docker in a container that may write to the cgroups that it sees.
const DOCKER_INSIDE: &str = "
    for mount in $(findmnt --noheadings --list --types cgroup,cgroup2 --output TARGET); do
        mount -o remount,bind,rw $mount
    done
    if [ -e /sys/fs/cgroup/cgroup.procs ]; then
        mkdir /sys/fs/cgroup/init
        for process in $(cat /sys/fs/cgroup/cgroup.procs); do
            echo $process >/sys/fs/cgroup/init/cgroup.procs || [ ! -e /proc/$process ]
        done
    fi
    dockerd --iptables=false --ip-masq=false --bridge=none --ip-forward=false --storage-driver=vfs \
        </dev/null >/run/dockerd.log 2>&1 &
    for _ in $(seq 150); do
        if docker version >/dev/null 2>&1; then break; fi
        sleep 0.1
    done
    tar -C / -c bin etc dev | docker import - image || { cat /run/dockerd.log; exit 1; }";

/// podman, of root or of the host's ordinary user.
pub(crate) struct Podman<'h> {
    host: &'h Host<'h>,
    rootless: bool,
    /// Another runtime directory than the user's usual one.
    runtime: Option<&'h str>,
}

impl<'h> Podman<'h> {
    pub(crate) fn of_root(host: &'h Host<'h>) -> Self {
        Self::new(host, false, None)
    }

    /// Rootless, of the host's user `mapper`.
    pub(crate) fn of_mapper(host: &'h Host<'h>) -> Self {
        Self::new(host, true, None)
    }

    /// Like `rootless`, with this directory as XDG_RUNTIME_DIR.
    pub(crate) fn of_mapper_in(host: &'h Host<'h>, runtime: &'h str) -> Self {
        host.shell(&format!("install -d -o 4242 -g 4242 -m 700 {runtime}"))
            .run()
            .exited(0);
        Self::new(host, true, Some(runtime))
    }

    fn new(host: &'h Host<'h>, rootless: bool, runtime: Option<&'h str>) -> Self {
        host.shell("[ -e /run/image.tar ] || tar -C /run/image -cf /run/image.tar .")
            .run()
            .exited(0);
        let podman = Self {
            host,
            rootless,
            runtime,
        };
        podman
            .command("import --quiet /run/image.tar image")
            .run()
            .exited(0);
        podman
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        // crun refuses a host that has cgroups of both kinds.
        let podman = "podman --cgroup-manager cgroupfs --runtime runc";
        let command = if self.rootless {
            self.host.mapper(podman)
        } else {
            self.host.command(podman)
        };
        match self.runtime {
            Some(runtime) => command.env("XDG_RUNTIME_DIR", runtime).args(words),
            None => command.args(words),
        }
    }

    /// A container that sleeps, with these options of `podman run`; it has no network but its own
    /// `lo`, or that of the options.
    pub(crate) fn run(&self, name: &str, options: &str) -> Container {
        let network = if options.contains("--network") {
            ""
        } else {
            "--network none"
        };
        let command = self
            .command("run --detach --name")
            .arg(name)
            .args(LIMITS)
            .options(network)
            .options(options);
        command.args("image sleep 1000").run().exited(0);
        self.container(name)
    }

    /// Returns the state of a container in podman's words: `running`, `exited`.
    pub(crate) fn state(&self, name: &str) -> String {
        self.command("inspect --format {{.State.Status}}")
            .arg(name)
            .output()
    }

    /// The container as it is now. A container of the ordinary user is addressed with its owner, as
    /// root has to.
    pub(crate) fn container(&self, name: &str) -> Container {
        let container = started("podman", name, |words| self.command(words));
        let target = if self.rootless {
            format!("podman:mapper@{name}")
        } else {
            container.target
        };
        Container {
            target,
            ..container
        }
    }
}

/// containerd, used as `ctr` does.
pub(crate) struct Containerd<'h>(&'h Host<'h>);

impl<'h> Containerd<'h> {
    pub(crate) fn start(host: &'h Host<'h>) -> Self {
        host.shell("setsid containerd </dev/null >/run/containerd.log 2>&1 &")
            .run()
            .exited(0);
        answers(host, "ctr version", "/run/containerd.log");
        Self(host)
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        self.0.command("ctr").args(words)
    }

    /// A container that sleeps, in a namespace of containerd's.
    pub(crate) fn run(&self, namespace: &str, id: &str, options: &str) -> Container {
        let command = self
            .command(&format!(
                "--namespace {namespace} run --detach --env PATH=/bin"
            ))
            .options(options);
        command
            .args(&format!("--rootfs /run/image {id} /bin/sleep 1000"))
            .run()
            .exited(0);
        let tasks = self
            .command(&format!("--namespace {namespace} tasks list"))
            .output();
        let pid = tasks
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|words| words[0] == id);
        Container {
            target: format!("containerd:{namespace}/{id}"),
            id: id.into(),
            pid: pid
                .and_then(|words| words.get(1)?.parse().ok())
                .unwrap_or_else(|| panic!("no {id} in {tasks}")),
            exec: self.command(&format!(
                "--namespace {namespace} tasks exec --exec-id beside {id}"
            )),
        }
    }
}

/// runc or crun by itself.
pub(crate) struct Oci<'h> {
    host: &'h Host<'h>,
    /// The words that start a container.
    words: &'static str,
}

impl<'h> Oci<'h> {
    pub(crate) fn runc(host: &'h Host<'h>) -> Self {
        Self {
            host,
            words: "runc",
        }
    }

    /// crun, in a mount namespace with cgroups of one kind, because crun refuses a host with both.
    pub(crate) fn crun(host: &'h Host<'h>) -> Self {
        Self {
            host,
            words: "unshare --mount sh -c",
        }
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        let command = self.host.command(self.words);
        let command = match self.words {
            "runc" => command,
            _ => command
                .arg("umount /sys/fs/cgroup/unified 2>/dev/null; exec crun \"$@\"")
                .arg("sh"),
        };
        command.args(words)
    }

    /// A container that sleeps, from a bundle that runc writes and `edit`, a script of sed's,
    /// changes.
    pub(crate) fn run(&self, id: &str, edit: &str) -> Container {
        let container = self.create(id, edit);
        self.command("start").arg(id).run().exited(0);
        container
    }

    /// Like [`Self::run`], but leaves the container created and not started.
    pub(crate) fn create(&self, id: &str, edit: &str) -> Container {
        let bundle = format!("/run/bundles/{id}");
        let script = r#"mkdir -p "$1"; cd "$1"; runc spec
            sed -i 's/"terminal": true/"terminal": false/; s/"sh"$/"sleep", "1000"/; s/"rootfs"/"\/run\/image"/' config.json
            sed -i "$2" config.json"#;
        self.host
            .shell(script)
            .arg("sh")
            .arg(&bundle)
            .arg(edit)
            .run()
            .exited(0);
        self.command("create --bundle")
            .arg(&bundle)
            .arg("--pid-file")
            .arg(format!("{bundle}/pid"))
            .arg(id)
            .run()
            .exited(0);
        let pid = self
            .host
            .command("cat")
            .arg(format!("{bundle}/pid"))
            .output();
        let exec = self.command("exec").arg(id);
        Container {
            target: format!("oci:{id}"),
            id: id.into(),
            pid: pid.trim().parse().unwrap(),
            exec,
        }
    }
}

/// LXC's own commands.
pub(crate) struct Lxc<'h> {
    host: &'h Host<'h>,
    /// The directory of the containers.
    directory: &'h str,
}

impl<'h> Lxc<'h> {
    pub(crate) fn new(host: &'h Host<'h>) -> Self {
        Self::in_directory(host, "/var/lib/lxc")
    }

    /// With containers in a directory that every command is told with `-P`.
    pub(crate) fn in_directory(host: &'h Host<'h>, directory: &'h str) -> Self {
        Self { host, directory }
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        self.host.command(words)
    }

    /// A container that sleeps, with these further lines in its configuration.
    pub(crate) fn run(&self, name: &str, lines: &str) -> Container {
        let Self { host, directory } = self;
        let script =
            "mkdir -p $3/$1; printf '%s\n' \"$2\" >$3/$1/config; lxc-start --lxcpath $3 --name $1";
        let config = format!(
            "lxc.uts.name = {name}\nlxc.rootfs.path = dir:/run/image\nlxc.net.0.type = empty
lxc.init.cmd = /bin/sleep 1000\nlxc.mount.auto = proc:mixed sys:ro\n{lines}"
        );
        host.shell(script)
            .arg("sh")
            .arg(name)
            .arg(config)
            .arg(directory)
            .run()
            .exited(0);
        let pid = host
            .command(&format!(
                "lxc-info --lxcpath {directory} --pid --no-humanize --name {name}"
            ))
            .output();
        let exec = host.command(&format!(
            "lxc-attach --lxcpath {directory} --clear-env --name {name} --"
        ));
        Container {
            target: format!("lxc:{name}"),
            id: name.into(),
            pid: pid.trim().parse().unwrap(),
            exec,
        }
    }
}
