/* The programs that pidmap is compared with, each reduced to its minimum:
 *
 *   crowd COUNT            a PID namespace with COUNT processes; prints the outer PID of the first, ends with its parent
 *   scan                   reads NSpid in the status of every process
 *   ask PID COUNT          translates PID 1 of PID's PID namespace COUNT times with the kernel's ioctl
 *   without PROGRAM [ARG]  runs a program without the ioctls that translate, as before Linux 6.11
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FROM_PIDNS 0x8004b706u

static int crowd(int count) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWPID))
        return 1;
    pid_t first = fork();
    if (first == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (--count > 0)
            if (fork() == 0)
                for (;;)
                    pause();
        for (;;)
            pause();
    }
    printf("%d\n", first);
    fflush(stdout);
    pause();
    return 0;
}

static int scan(void) {
    char path[300], text[4096];
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
        int fd = open(path, O_RDONLY);
        if (fd < 0)
            continue;
        ssize_t length = read(fd, text, sizeof text - 1);
        close(fd);
        text[length < 0 ? 0 : length] = 0;
        if (strstr(text, "\nNSpid:\t-"))
            return 1;
    }
    return 0;
}

static int ask(const char *pid, long count) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/ns/pid", pid);
    int fd = open(path, O_RDONLY);
    while (count-- > 0)
        if (ioctl(fd, FROM_PIDNS, 1) < 0)
            return 1;
    return 0;
}

static int without(char **program) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FROM_PIDNS, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, FROM_PIDNS + 3, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog all = { sizeof filter / sizeof *filter, filter };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all))
        return 1;
    execv(program[0], program);
    return 1;
}

int main(int count, char **words) {
    if (count > 2 && !strcmp(words[1], "crowd"))
        return crowd(atoi(words[2]));
    if (count > 1 && !strcmp(words[1], "scan"))
        return scan();
    if (count > 3 && !strcmp(words[1], "ask"))
        return ask(words[2], atol(words[3]));
    if (count > 2 && !strcmp(words[1], "without"))
        return without(words + 2);
    return 2;
}
