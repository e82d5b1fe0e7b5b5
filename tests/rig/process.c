/* process.c - see process.h */
#include "rig/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

void rig_sleep_ms(int ms)
{
        struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

        (void)nanosleep(&t, NULL);
}

int64_t rig_now_ms(void)
{
        struct timespec t = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child(const char *output_file, const char *const argv[], pid_t parent)
{
        int out = open(output_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
        int null = open("/dev/null", O_RDONLY);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || out < 0 || null < 0)
                _exit(126);
        (void)dup2(null, 0);
        (void)dup2(out, 1);
        (void)dup2(out, 2);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        (void)dprintf(2, "exec %s: %m\n", argv[0]);
        _exit(127);
}

void process_start(struct process *p, const char *output_file, const char *const argv[])
{
        pid_t parent = getpid();

        if (strlen(output_file) >= sizeof(p->output))
                fail_msg("output file name too long: %s", output_file);
        memcpy(p->output, output_file, strlen(output_file) + 1);
        p->pid = fork();
        if (p->pid < 0)
                fail_msg("fork: %s", strerror(errno));
        if (p->pid == 0)
                child(output_file, argv, parent);
}

static int exit_code(int status)
{
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool process_running(struct process *p)
{
        siginfo_t info = { 0 };

        if (p->pid == 0)
                return false;
        return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

int process_end(struct process *p, int number, int within_ms)
{
        int64_t until = rig_now_ms() + within_ms;
        int status = 0;

        if (p->pid == 0)
                fail_msg("process_end: nothing runs");
        if (number != 0)
                (void)kill(p->pid, number);
        while (waitpid(p->pid, &status, WNOHANG) == 0) {
                if (rig_now_ms() > until) {
                        process_kill(p);
                        fail_msg("still running after %d ms, output in %s", within_ms, p->output);
                }
                rig_sleep_ms(2);
        }
        p->pid = 0;
        return exit_code(status);
}

void process_kill(struct process *p)
{
        if (p->pid == 0)
                return;
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        p->pid = 0;
}

char *rig_read_file(const char *path)
{
        FILE *f = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;

        if (!f)
                return strdup("");
        if (getdelim(&text, &size, '\0', f) < 0) {
                free(text);
                text = strdup("");
        }
        (void)fclose(f);
        return text;
}

void rig_write_file(const char *path, const char *text)
{
        char tmp[512];

        (void)snprintf(tmp, sizeof(tmp), "%s.new", path);
        FILE *f = fopen(tmp, "we");
        if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(tmp, path) < 0)
                fail_msg("write %s: %s", path, strerror(errno));
}

bool rig_wait_for_text(const char *path, const char *text, int within_ms)
{
        int64_t until = rig_now_ms() + within_ms;

        for (;;) {
                char *all = rig_read_file(path);
                bool there = strstr(all, text) != NULL;
                free(all);
                if (there || rig_now_ms() > until)
                        return there;
                rig_sleep_ms(10);
        }
}

void rig_scratch_make(char *ret)
{
        const char *base = getenv("TMPDIR");

        (void)snprintf(ret, 256, "%s/devicelink-test-XXXXXX", base && base[0] ? base : "/tmp");
        if (!mkdtemp(ret))
                fail_msg("mkdtemp %s: %s", ret, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        (void)remove(path);
        return 0;
}

void rig_scratch_remove(const char *dir)
{
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint16_t rig_free_port(void)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
            getsockname(fd, (struct sockaddr *)&a, &len) < 0)
                fail_msg("no free port: %s", strerror(errno));
        (void)close(fd);
        return ntohs(a.sin_port);
}

bool rig_wait_for_port(uint16_t port, int within_ms)
{
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };

        for (int64_t until = rig_now_ms() + within_ms;; rig_sleep_ms(5)) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                bool there = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
                (void)close(fd);
                if (there || rig_now_ms() > until)
                        return there;
        }
}
