#include "log.h"

#include "buf.h"
#include "clock.h"
#include "log_line.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { WATCHED_MAX = 1024, BUCKETS = 1024, STALL_MS = 50 };
static const int64_t window_ns = 10 * NS_PER_S;

/* One identity under watch: the id and the fields that tell its sources apart. */
struct watched {
        struct watched *chain; /* same bucket */
        struct watched *older; /* by start of the window */
        struct watched *newer;
        uint64_t hash;
        int64_t since_ns;
        uint64_t repeats;
        enum log_level level;
        char *message; /* of the last repeat, NULL before the first */
        size_t key_len;
        char key[]; /* id NUL { field's key NUL value NUL } ... */
};

static int out_fd = STDERR_FILENO;
static enum log_level out_level = LOG_INFO;
static enum log_format out_format = LOG_FORMAT_TEXT;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below */
static struct watched *buckets[BUCKETS];
static struct watched *oldest;
static struct watched *newest;
static size_t n_watched;
static uint64_t n_lost; /* lines that could not be written */
static bool torn;       /* the last line ended in its middle */

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER; /* what is found writable stays so */
static bool stalled;                                           /* nobody reads */

void log_setup(int fd, enum log_level level, enum log_format format)
{
        out_fd = fd;
        out_level = level;
        out_format = format;
}

bool log_wants(enum log_level level)
{
        return level <= out_level;
}

/* --- writing ------------------------------------------------------------------------------ */

/* A reader that stands still stops nobody: after one short wait lines are lost until it goes on. */
static bool is_writable(void)
{
        struct pollfd p = { .fd = out_fd, .events = POLLOUT };
        int n;

        do
                n = poll(&p, 1, stalled ? 0 : STALL_MS);
        while (n < 0 && errno == EINTR);
        stalled = n == 0;
        return !stalled;
}

/* Returns what was written of it.  A pipe that is writable takes PIPE_BUF at once. */
static size_t write_line(const char *line, size_t n)
{
        size_t done = 0;

        while (done < n && is_writable()) {
                size_t some = n - done < PIPE_BUF ? n - done : PIPE_BUF;
                ssize_t r = write(out_fd, line + done, some);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        break;
                done += (size_t)r;
        }
        return done;
}

static void put_line(struct log_line *line)
{
        struct buf out = BUF(LOG_LINE_MAX + 1);
        int saved = errno; /* logging never changes what the caller is about to report */

        line->wall_ns = clock_wall_ns();
        (void)pthread_mutex_lock(&lock);
        line->lost = n_lost;
        bool was_torn = torn;
        n_lost = 0;
        torn = false;
        (void)pthread_mutex_unlock(&lock);

        if (was_torn)
                buf_addc(&out, '\n');
        log_line_format(line, out_format, &out);
        (void)pthread_mutex_lock(&write_lock);
        size_t done = write_line(out.data, out.len);
        (void)pthread_mutex_unlock(&write_lock);
        if (done < out.len) {
                (void)pthread_mutex_lock(&lock);
                n_lost += line->lost + 1;
                torn = done > 0 || was_torn;
                (void)pthread_mutex_unlock(&lock);
        }
        buf_done(&out);
        errno = saved;
}

/* --- what is under watch ------------------------------------------------------------------ */

static const char *const about[] = {
        "link", "file", "peer", "path", "adaptor", "condition", "reason", "property", "",
};

static bool tells_apart(const struct log_field *f)
{
        if (f->kind != LOG_KIND_STR || !f->s)
                return false;
        for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
                if (strcmp(f->key, about[i]) == 0)
                        return true;
        }
        return false;
}

static void make_key(struct buf *key, const char *id, const struct log_field *fields, size_t n)
{
        buf_add(key, id, strlen(id) + 1);
        for (size_t i = 0; i < n; i++) {
                if (!tells_apart(&fields[i]))
                        continue;
                buf_add(key, fields[i].key, strlen(fields[i].key) + 1);
                buf_add(key, fields[i].s, strlen(fields[i].s) + 1);
        }
}

static uint64_t hash_of(const char *p, size_t n)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
        return h ^ h >> 32;
}

static struct watched *find(const char *key, size_t len, uint64_t hash)
{
        struct watched *w = buckets[hash % BUCKETS];

        while (w && (w->hash != hash || w->key_len != len || memcmp(w->key, key, len) != 0))
                w = w->chain;
        return w;
}

static void line_up(struct watched *w)
{
        w->newer = NULL;
        w->older = newest;
        if (newest)
                newest->newer = w;
        else
                oldest = w;
        newest = w;
}

static void step_out(struct watched *w)
{
        if (w->older)
                w->older->newer = w->newer;
        else
                oldest = w->newer;
        if (w->newer)
                w->newer->older = w->older;
        else
                newest = w->older;
}

static struct watched *take_oldest(void)
{
        struct watched *w = oldest;
        struct watched **at = &buckets[w->hash % BUCKETS];

        while (*at != w)
                at = &(*at)->chain;
        *at = w->chain;
        step_out(w);
        n_watched--;
        return w;
}

static void watch(const struct buf *key, uint64_t hash, int64_t now)
{
        struct watched *w = xcalloc(1, sizeof(*w) + key->len);

        w->hash = hash;
        w->since_ns = now;
        w->key_len = key->len;
        memcpy(w->key, key->data, key->len);
        w->chain = buckets[hash % BUCKETS];
        buckets[hash % BUCKETS] = w;
        line_up(w);
        n_watched++;
}

/* Write the count of one that is no longer in the table, and free it. */
static void settle(struct watched *w)
{
        if (w->repeats > 0) {
                struct log_field fields[sizeof(about) / sizeof(about[0])];
                size_t n = 0;
                const char *p = w->key + strlen(w->key) + 1;
                while (p < w->key + w->key_len && n < sizeof(fields) / sizeof(fields[0])) {
                        const char *value = p + strlen(p) + 1;
                        fields[n++] = LOG_STR(p, value);
                        p = value + strlen(value) + 1;
                }
                struct log_line line = {
                        .level = w->level,
                        .id = w->key,
                        .message = w->message,
                        .fields = fields,
                        .n = n,
                        .repeated = w->repeats,
                };
                put_line(&line);
        }
        free(w->message);
        free(w);
}

static void count(struct watched *w, enum log_level level, const char *message)
{
        w->repeats++;
        w->level = level;
        if (!w->message || strcmp(w->message, message) != 0) {
                free(w->message);
                w->message = xstrdup(message);
        }
}

/* True: the line is to be written, with *ret_repeated. */
static bool admit(enum log_level level, const struct buf *key, const char *message,
                  uint64_t *ret_repeated, struct watched **ret_gone)
{
        uint64_t hash = hash_of(key->data, key->len);
        int64_t now = clock_mono_ns();
        struct watched *w = find(key->data, key->len, hash);

        *ret_repeated = 0;
        *ret_gone = NULL;
        if (!w) {
                if (n_watched == WATCHED_MAX)
                        *ret_gone = take_oldest();
                watch(key, hash, now);
                return true;
        }
        if (now - w->since_ns < window_ns) {
                count(w, level, message);
                return false;
        }
        *ret_repeated = w->repeats;
        w->repeats = 0;
        w->since_ns = now;
        step_out(w);
        line_up(w);
        return true;
}

void log_write(enum log_level level, const char *id, const char *message,
               const struct log_field *fields, size_t n)
{
        struct buf key = BUF(LOG_LINE_MAX);
        struct watched *gone = NULL;
        struct log_line line = {
                .level = level,
                .id = id,
                .message = message,
                .fields = fields,
                .n = n,
        };

        if (!log_wants(level))
                return;
        make_key(&key, id, fields, n);
        bool now = true;
        if (buf_ok(&key)) { /* else too long to be watched */
                (void)pthread_mutex_lock(&lock);
                now = admit(level, &key, message, &line.repeated, &gone);
                (void)pthread_mutex_unlock(&lock);
        }
        if (gone)
                settle(gone);
        if (now)
                put_line(&line);
        buf_done(&key);
}

void log_flush(bool everything)
{
        int64_t now = clock_mono_ns();

        for (;;) {
                struct watched *w = NULL;
                (void)pthread_mutex_lock(&lock);
                if (oldest && (everything || now - oldest->since_ns >= window_ns))
                        w = take_oldest();
                (void)pthread_mutex_unlock(&lock);
                if (!w)
                        return;
                settle(w);
        }
}
