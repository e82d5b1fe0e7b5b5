/* file.c - an adaptor in one file: numbers from the lines of a text file.
 *
 *   adaptor: adaptors.example.com/file        kind: FileDevice
 *   spec: {"path": "/run/numbers", "points": ["temperature", "pressure"], "intervalMs": 1000}
 *
 * The first line is the first point, and so on.  The file may also be a pipe or a device, so a
 * reading may have to wait: that is why it looks at two descriptors, the file and the one that
 * interrupt() makes readable.
 *
 * Built from the installed header alone; json-c is this plugin's own choice. */
#include <devicelink/adaptor.h>

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { POINTS_MAX = 100, BYTES_MAX = 64 * 1024, TIMEOUT_MS = 500 };

struct dl_device {
        char *path;
        size_t n;
        char *names[POINTS_MAX];
        char *members[POINTS_MAX];
        struct dl_point points[POINTS_MAX];
        struct dl_info info;
};

struct dl_link {
        const struct dl_device *device;
        struct dl_sink *sink;
        int wake; /* readable: interrupt() was called */
};

static const struct dl_host *host;

__attribute__((format(printf, 4, 5))) static int fail(struct dl_error *error, int rc,
                                                      const char *path, const char *format, ...)
{
        va_list ap;

        snprintf(error->path, sizeof(error->path), "%s", path);
        va_start(ap, format);
        vsnprintf(error->text, sizeof(error->text), format, ap);
        va_end(ap);
        return rc;
}

/* --- compile: from JSON to points; no I/O */

static void discard(struct dl_device *d)
{
        for (size_t i = 0; i < d->n; i++) {
                free(d->names[i]);
                free(d->members[i]);
        }
        free(d->path);
        free(d);
}

static int take_path(struct dl_device *d, json_object *spec, struct dl_error *error)
{
        json_object *path = json_object_object_get(spec, "path");
        const char *text = json_object_get_string(path);

        if (!json_object_is_type(path, json_type_string) || text[0] != '/')
                return fail(error, DL_CONFIG, "path", "expected an absolute path");
        d->path = strdup(text);
        return d->path ? DL_OK : DL_RETRY;
}

/* {"name":"<name>"}, without its braces */
static char *member_text(json_object *name)
{
        const char *text = json_object_to_json_string_ext(name, JSON_C_TO_STRING_PLAIN);
        size_t size = strlen(text) + sizeof("\"name\":");
        char *members = malloc(size);

        if (members)
                snprintf(members, size, "\"name\":%s", text);
        return members;
}

static int take_point(struct dl_device *d, json_object *name, struct dl_error *error)
{
        char path[32];
        size_t i = d->n;
        const char *text = json_object_get_string(name);

        snprintf(path, sizeof(path), "points[%zu]", i);
        if (!json_object_is_type(name, json_type_string) || text[0] == '\0' ||
            strlen(text) != (size_t)json_object_get_string_len(name))
                return fail(error, DL_CONFIG, path, "expected a name");
        for (size_t k = 0; k < i; k++)
                if (strcmp(d->names[k], text) == 0)
                        return fail(error, DL_CONFIG, path, "expected a name that is not taken");
        d->names[i] = strdup(text);
        d->members[i] = member_text(name);
        d->n++;
        if (!d->names[i] || !d->members[i])
                return fail(error, DL_RETRY, "", "no memory");
        d->points[i] = (struct dl_point){
                .size = sizeof(struct dl_point),
                .type = DL_REAL,
                .access = DL_READ,
                .encoding = DL_AS_TEXT,
                .name = d->names[i],
                .members = d->members[i],
        };
        return DL_OK;
}

static int take_points(struct dl_device *d, json_object *spec, struct dl_error *error)
{
        json_object *list = json_object_object_get(spec, "points");

        if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0 ||
            json_object_array_length(list) > POINTS_MAX)
                return fail(error, DL_CONFIG, "points", "expected a list of 1 to %d names",
                            POINTS_MAX);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                int rc = take_point(d, json_object_array_get_idx(list, i), error);

                if (rc < 0)
                        return rc;
        }
        return DL_OK;
}

static int take_interval(struct dl_device *d, json_object *spec, struct dl_error *error)
{
        json_object *interval = json_object_object_get(spec, "intervalMs");
        int64_t ms = interval ? json_object_get_int64(interval) : 1000;

        if (interval && (!json_object_is_type(interval, json_type_int) || ms < 10 || ms > 3600000))
                return fail(error, DL_CONFIG, "intervalMs", "expected 10..3600000");
        d->info.interval_ns = ms * 1000000;
        return DL_OK;
}

static int take_all(struct dl_device *d, json_object *spec, struct dl_error *error)
{
        int rc = take_path(d, spec, error);

        if (rc == DL_OK)
                rc = take_points(d, spec, error);
        if (rc == DL_OK)
                rc = take_interval(d, spec, error);
        return rc;
}

static json_object *parse(const char *text, size_t len)
{
        struct json_tokener *t = json_tokener_new();
        json_object *o = NULL;

        if (!t || len > INT32_MAX)
                return NULL;
        json_tokener_set_flags(t, JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(t, text, (int)len);
        if (json_tokener_get_error(t) != json_tokener_success ||
            json_tokener_get_parse_end(t) != len) {
                json_object_put(o);
                o = NULL;
        }
        json_tokener_free(t);
        return o;
}

static int compile(const struct dl_request *request, struct dl_device **ret, struct dl_error *error)
{
        json_object *spec = parse(request->spec, request->spec_len);
        struct dl_device *d = calloc(1, sizeof(*d));
        int rc;

        if (!d)
                rc = fail(error, DL_RETRY, "", "no memory");
        else if (!json_object_is_type(spec, json_type_object))
                rc = fail(error, DL_CONFIG, "", "expected an object");
        else
                rc = take_all(d, spec, error);
        json_object_put(spec);
        if (rc == DL_CONFIG && request->report)
                request->report(request->report_ctx, DL_ERROR, error->path, error->text);
        if (rc < 0) {
                if (d)
                        discard(d);
                return rc;
        }
        d->info.size = sizeof(d->info);
        d->info.channel = d->path;
        d->info.connection = "file";
        d->info.points = d->points;
        d->info.n_points = d->n;
        d->info.timeout_ns = TIMEOUT_MS * 1000000LL;
        *ret = d;
        return DL_OK;
}

static const struct dl_info *describe(const struct dl_device *d)
{
        return &d->info;
}

/* --- links */

static int open_link(const struct dl_device *d, struct dl_sink *sink, struct dl_link **ret,
                     struct dl_error *error)
{
        struct dl_link *l = calloc(1, sizeof(*l));

        if (!l)
                return fail(error, DL_RETRY, "", "no memory");
        l->device = d;
        l->sink = sink;
        l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (l->wake < 0) {
                free(l);
                return fail(error, DL_RETRY, "", "cannot make a descriptor");
        }
        *ret = l;
        return DL_OK;
}

static int64_t now_ms(void)
{
        struct timespec t = { 0 };

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* DL_OK: fd can be read. */
static int wait_for(struct dl_link *l, int fd, int64_t until_ms, struct dl_error *error)
{
        struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = l->wake, .events = POLLIN } };
        int64_t left = until_ms - now_ms();
        int n = left > 0 ? poll(p, 2, (int)left) : 0;

        if (n < 0 && errno != EINTR)
                return fail(error, DL_RETRY, "", "wait for '%s': error %d", l->device->path, errno);
        if (p[1].revents)
                return fail(error, DL_RETRY, "", "interrupted");
        if (n == 0)
                return fail(error, DL_RETRY, "", "'%s' gives nothing for %d ms", l->device->path,
                            TIMEOUT_MS);
        return DL_OK;
}

static int read_file(struct dl_link *l, char *text, struct dl_error *error)
{
        int64_t until_ms = now_ms() + TIMEOUT_MS;
        int fd = open(l->device->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        size_t len = 0;
        int rc;

        if (fd < 0)
                return fail(error, DL_RETRY, "", "open '%s': error %d", l->device->path, errno);
        while ((rc = wait_for(l, fd, until_ms, error)) == DL_OK) {
                ssize_t n = read(fd, text + len, BYTES_MAX - len);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n < 0)
                        rc = fail(error, DL_RETRY, "", "read '%s': error %d", l->device->path,
                                  errno);
                if (n <= 0 || (len += (size_t)n) == BYTES_MAX)
                        break;
        }
        text[len] = '\0';
        close(fd);
        return rc;
}

static void emit_line(struct dl_link *l, uint32_t point, const char *line)
{
        struct dl_sample s = { .size = sizeof(s), .point = point };
        char *end = NULL;

        s.value.type = DL_REAL;
        s.value.as.r = strtod(line, &end); /* allowed: the example stands alone */
        if (end == line || *end != '\0') {
                s.quality = DL_BAD;
                s.error = "the line is not a number";
        }
        host->emit(l->sink, &s, 1);
}

static int read_points(struct dl_link *l, const uint32_t *points, size_t n, struct dl_error *error)
{
        char text[BYTES_MAX + 1];
        char *lines[POINTS_MAX];
        size_t n_lines = 0;
        uint64_t stale;

        if (read(l->wake, &stale, sizeof(stale)) < 0 && errno != EAGAIN)
                return fail(error, DL_BUG, "", "own descriptor: error %d", errno);
        int rc = read_file(l, text, error);
        if (rc < 0)
                return rc;
        /* Only what ends in a line feed is a line: the rest may be half a number. */
        for (char *at = text, *end; n_lines < POINTS_MAX && (end = strchr(at, '\n'));
             at = end + 1) {
                *end = '\0';
                lines[n_lines++] = at;
        }
        if (n_lines < l->device->n)
                return fail(error, DL_RETRY, "", "'%s' has %zu lines, expected %zu",
                            l->device->path, n_lines, l->device->n);
        for (size_t i = 0; i < n; i++)
                emit_line(l, points[i], lines[points[i]]);
        return DL_OK;
}

static void interrupt(struct dl_link *l)
{
        const uint64_t one = 1;

        (void)!write(l->wake, &one, sizeof(one));
}

static void close_link(struct dl_link *l)
{
        close(l->wake);
        free(l);
}

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct dl_adaptor *
dl_adaptor_v1(const struct dl_host *h)
{
        static const char *const kinds[] = { "FileDevice", NULL };
        static const struct dl_adaptor adaptor = {
                .size = sizeof(adaptor),
                .name = "adaptors.example.com/file",
                .version = "1.0",
                .kinds = kinds,
                .compile = compile,
                .describe = describe,
                .discard = discard,
                .open = open_link,
                .read = read_points,
                .interrupt = interrupt,
                .close = close_link,
        };

        host = h;
        return &adaptor;
}
