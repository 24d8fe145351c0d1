/* Processes and namespaces to list, and the minimum work of listing them.
 *
 * load processes COUNT        processes, every tenth with its own uts, ipc and cgroup namespaces
 * load sockets COUNT EACH     COUNT processes with EACH sockets
 * load nets COUNT DIRECTORY   network namespaces bound to files in DIRECTORY
 * load cgroups DIRECTORY...   five processes in each cgroup, which share a set of namespaces
 *     Each prints a line when the load is ready, and ends with all its processes at the end of standard input.
 * load scan                   a bare loop of getdents64 and eight readlinkat per process
 * load peak PROGRAM [ARG]...  runs a program and prints its peak memory in KiB */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int done, const char *what)
{
	if (!done) {
		perror(what);
		_exit(1);
	}
}

static const int set = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;

/* Forks a child that prepares itself and then sleeps until its parent ends. */
static pid_t child(void (*prepare)(int), int argument)
{
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(0);
	prepare(argument);
	need(write(1, ".", 1) == 1, "write");
	close(1);
	for (;;)
		pause();
}

static void nothing(int unused) { (void)unused; }

static void own(int unused)
{
	(void)unused;
	need(!unshare(set), "unshare");
}

static void sockets(int count)
{
	while (count--)
		need(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0, "socket");
}

static int ready[2];

/* Waits for this many children. */
static void stand(int count)
{
	char dots[4096];
	while (count > 0) {
		ssize_t got = read(ready[0], dots, sizeof dots);
		need(got > 0, "wait for the load");
		count -= got;
	}
}

static void nets(int count, const char *directory)
{
	char path[4096];
	int old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	need(old >= 0 && !mount("load", directory, "tmpfs", 0, NULL), "mount a tmpfs");
	while (count--) {
		snprintf(path, sizeof path, "%s/%d", directory, count);
		need(!close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), path);
		need(!unshare(CLONE_NEWNET), "unshare");
		need(!mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL), path);
		need(!setns(old, CLONE_NEWNET), "setns");
	}
}

static void enter(const char *cgroup)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, "0", 1) == 1 && !close(fd), path);
}

static void scan(void)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	static char entries[32768];
	char path[64], target[64];
	long length;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need(proc >= 0, "/proc");
	while ((length = syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0) {
		for (long place = 0; place < length; place += *(unsigned short *)(entries + place + 16)) {
			const char *name = entries + place + 19;
			if (*name < '1' || *name > '9')
				continue;
			char *end = stpcpy(stpcpy(path, name), "/ns/");
			for (int kind = 0; kind < 8; kind++) {
				strcpy(end, kinds[kind]);
				if (readlinkat(proc, path, target, sizeof target) < 0)
					break;
			}
		}
	}
}

static int peak(char **words)
{
	int status;
	struct rusage usage;
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		execv(words[0], words);
		_exit(127);
	}
	need(wait4(pid, &status, 0, &usage) == pid, "wait4");
	printf("%ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int words, char **word)
{
	need(words > 1, "what");
	if (!strcmp(word[1], "scan")) {
		scan();
		return 0;
	}
	if (!strcmp(word[1], "peak"))
		return peak(word + 2);
	int count = words > 2 ? atoi(word[2]) : 0, out = dup(1);
	need(!pipe(ready) && dup2(ready[1], 1) == 1, "pipe");
	if (!strcmp(word[1], "processes")) {
		for (int place = 0; place < count; place++)
			child(place % 10 ? nothing : own, 0);
	} else if (!strcmp(word[1], "sockets")) {
		for (int place = 0; place < count; place++)
			child(sockets, atoi(word[3]));
	} else if (!strcmp(word[1], "nets")) {
		nets(count, word[3]);
		count = 0;
	} else {
		int uts = open("/proc/self/ns/uts", O_RDONLY), ipc = open("/proc/self/ns/ipc", O_RDONLY);
		int cgroup = open("/proc/self/ns/cgroup", O_RDONLY);
		count = 0;
		for (char **directory = word + 2; *directory; directory++) {
			enter(*directory);
			need(!unshare(set), "unshare");
			for (int place = 0; place < 5; place++, count++)
				child(nothing, 0);
			need(!setns(uts, 0) && !setns(ipc, 0) && !setns(cgroup, 0), "setns");
		}
	}
	stand(count);
	need(write(out, "ready\n", 6) == 6, "write");
	char byte;
	while (read(0, &byte, 1) > 0) {
	}
	return 0;
}
