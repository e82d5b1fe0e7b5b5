/* process_metrics.c - the process as Prometheus clients show theirs, from /proc/self. */
#include "process.h"

#include "base/text.h"
#include "serve/serve.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAT_CPU_USER = 14, STAT_CPU_SYSTEM, STAT_START = 22, STAT_VIRTUAL, STAT_RESIDENT };

static void add(struct buf *out, const char *name, const char *type, const char *help, double value)
{
        metric_head(out, name, type, help);
        metric_value(out, name, NULL, 0, value);
}

static size_t read_proc(const char *path, char *text, size_t size)
{
        auto_fclose FILE *f = fopen(path, "re");
        size_t n = f ? fread(text, 1, size - 1, f) : 0;

        text[n] = '\0';
        return n;
}

/* The n-th word of /proc/self/stat from 1; those after the name, which may hold anything. */
static double stat_word(const char *stat, unsigned n)
{
        const char *p = strrchr(stat, ')');
        uint64_t value = 0;

        for (unsigned i = 2; p && i < n; i++) {
                p = strchr(p, ' ');
                p = p ? p + 1 : NULL;
        }
        if (p)
                (void)text_parse_uint(p, strcspn(p, " \n"), UINT64_MAX, &value, NULL);
        return (double)value;
}

/* Seconds since 1970 when the machine began. */
static double boot_time(void)
{
        auto_fclose FILE *f = fopen("/proc/stat", "re");
        char line[256];
        uint64_t value = 0;

        while (f && fgets(line, sizeof(line), f)) {
                if (strncmp(line, "btime ", 6) == 0)
                        (void)text_parse_uint(line + 6, strcspn(line + 6, "\n"), UINT64_MAX, &value,
                                              NULL);
        }
        return (double)value;
}

static size_t open_files(void)
{
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        if (!d)
                return 0;
        for (struct dirent *entry; (entry = readdir(d)) != NULL;) /* NOLINT: d is ours alone */
                n += entry->d_name[0] != '.';
        (void)closedir(d);
        return n - 1; /* without d itself */
}

void process_metrics(struct buf *out)
{
        struct rlimit files = { 0 };
        char stat[1024];

        (void)getrlimit(RLIMIT_NOFILE, &files);
        if (read_proc("/proc/self/stat", stat, sizeof(stat)) == 0)
                return;
        double ticks = (double)sysconf(_SC_CLK_TCK);
        add(out, "process_cpu_seconds_total", "counter", "Time on processors, in seconds.",
            (stat_word(stat, STAT_CPU_USER) + stat_word(stat, STAT_CPU_SYSTEM)) / ticks);
        add(out, "process_open_fds", "gauge", "Open file descriptors.", (double)open_files());
        add(out, "process_max_fds", "gauge", "Most file descriptors that may be open.",
            (double)files.rlim_cur);
        add(out, "process_virtual_memory_bytes", "gauge", "Size of the address space.",
            stat_word(stat, STAT_VIRTUAL));
        add(out, "process_resident_memory_bytes", "gauge", "Memory in use.",
            stat_word(stat, STAT_RESIDENT) * (double)sysconf(_SC_PAGESIZE));
        add(out, "process_start_time_seconds", "gauge", "When the process began, since 1970.",
            boot_time() + stat_word(stat, STAT_START) / ticks);
}
