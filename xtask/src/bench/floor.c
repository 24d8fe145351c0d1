/* The minimum work of each case, in C and without a check of options, as the floor of the comparison of starts.
 * floor uts|root|pid PROGRAM [ARG]... */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int done)
{
	if (!done)
		_exit(1);
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, text, strlen(text)) > 0 && !close(fd));
}

static void map(const char *file, unsigned int id)
{
	char text[32];
	snprintf(text, sizeof text, "0 %u 1", id);
	put(file, text);
}

int main(int count, char **words)
{
	need(count > 2);
	int pid = !strcmp(words[1], "pid"), root = pid || !strcmp(words[1], "root");
	uid_t user = geteuid();
	gid_t group = getegid();
	int namespaces = pid ? CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID : root ? CLONE_NEWUSER : CLONE_NEWUTS;
	need(!unshare(namespaces));
	if (root) {
		map("/proc/self/uid_map", user);
		put("/proc/self/setgroups", "deny");
		map("/proc/self/gid_map", group);
	}
	if (pid) {
		sigset_t held, before;
		sigemptyset(&held);
		sigaddset(&held, SIGINT);
		sigaddset(&held, SIGTERM);
		need(!sigprocmask(SIG_BLOCK, &held, &before));
		pid_t child = fork();
		need(child >= 0);
		if (child) {
			int status;
			need(waitpid(child, &status, 0) == child && WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		need(!sigprocmask(SIG_SETMASK, &before, NULL));
		need(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
		need(!mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL));
	}
	execvp(words[2], words + 2);
	return 127;
}
