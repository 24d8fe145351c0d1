/* Seizes each next process of its PID namespace, stops it, records its privileges and files, and lets it continue.
 *
 * `seize FILE [hold]`: FILE gets `ready`, then one line per process. With `hold`, a process of nsx stays stopped. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

/* Returns whether a link of the process leads to the root directory of this process. */
static const char *where(int pid, const char *link)
{
	char path[64];
	struct stat one, own;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, link);
	if (stat(path, &one) || stat("/", &own))
		return "unknown";
	return one.st_dev == own.st_dev && one.st_ino == own.st_ino ? "own" : "other";
}

static void links(int pid)
{
	char path[300], target[300];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		ssize_t length;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid, entry->d_name);
		length = readlink(path, target, sizeof target - 1);
		target[length < 0 ? 0 : length] = 0;
		fprintf(out, " fd=%s:%s", entry->d_name, target);
	}
	if (directory)
		closedir(directory);
}

/* Counts the variable that a test gave to the caller in the memory of a process. */
static int secrets(int pid)
{
	static char text[1 << 22];
	char path[64], line[600];
	int found = 0, memory;
	FILE *maps;

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (memory >= 0 && maps && fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		char mode[5], *at = text;
		ssize_t length;

		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w')
			continue;
		if (to - from > sizeof text)
			to = from + sizeof text;
		length = pread(memory, text, to - from, from);
		for (; length > 0 && (at = memmem(at, text + length - at, "NSX_SECRET=", 11)); at++)
			found++;
	}
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	return found;
}

/* Writes a line and returns whether the process still runs nsx. */
static int write_down(int pid)
{
	static const char *const wanted[] = { "Name:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
	char path[64], line[300], exe[300];
	int is_nsx = 0;
	FILE *status;
	ssize_t length;

	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	length = readlink(path, exe, sizeof exe - 1);
	exe[length < 0 ? 0 : length] = 0;
	fprintf(out, "exe=%s", exe);
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof line, status)) {
		char name[64], value[64];

		if (sscanf(line, "%63s %63s", name, value) != 2)
			continue;
		is_nsx |= !strcmp(name, "Name:") && !strcmp(value, "nsx");
		for (size_t place = 0; place < sizeof wanted / sizeof *wanted; place++)
			if (!strcmp(name, wanted[place])) {
				name[strlen(name) - 1] = 0;
				fprintf(out, " %s=%s", name, value);
			}
	}
	if (status)
		fclose(status);
	fprintf(out, " root=%s cwd=%s secrets=%d", where(pid, "root"), where(pid, "cwd"), secrets(pid));
	links(pid);
	fprintf(out, "\n");
	fflush(out);
	return is_nsx;
}

int main(int count, char **arguments)
{
	int next = getpid() + 1, rounds = 0;

	if (count < 2 || !(out = fopen(arguments[1], "ae")))
		return 1;
	fprintf(out, "ready\n");
	fflush(out);
	for (;;) {
		int pid, status;

		for (pid = next; pid < next + 4; pid++)
			if (!ptrace(PTRACE_SEIZE, pid, 0, 0))
				break;
		if (pid == next + 4) {
			FILE *last;

			/* Some processes may have been missed. */
			if (++rounds % 256 || !(last = fopen("/proc/sys/kernel/ns_last_pid", "re")))
				continue;
			if (fscanf(last, "%d", &pid) == 1 && pid >= next)
				next = pid + 1;
			fclose(last);
			continue;
		}
		next = pid + 1;
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			continue;
		if (write_down(pid) && count > 2)
			pause();
		ptrace(PTRACE_DETACH, pid, 0, 0);
	}
}
