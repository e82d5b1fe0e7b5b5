/* get.c - the verb `get`: what the agent of this machine knows of its links and devices. */
#include "get.h"

#include "options.h"
#include "state_dir.h"
#include "verbs.h"

#include "base/clock.h"
#include "kube/api.h"
#include "loop/http.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char verb[] = "get";

enum { ANSWER_MAX = 33 * 1024 * 1024 };

static const int64_t answer_limit_ns = 30 * NS_PER_S;

static const char usage[] =
        "usage: devicelink get links|devices [NAME] [OPTION...]\n\n"
        "Shows what the agent of this machine knows of its DeviceLinks and devices, in a cluster\n"
        "or without one.\n\n"
        "  -n, --namespace NAME  only of this namespace (default: of all)\n"
        "  -A, --all-namespaces  of all, whatever -n says\n"
        "  -o, --output FORM     wide, yaml or json (default: a table)\n"
        "  -w, --watch           go on and show what changes\n"
        "  --state DIR           the agent's state directory\n"
        "                        (default: $STATE_DIRECTORY, /var/lib/devicelink or "
        "~/.local/state/devicelink)\n"
        "  --socket PATH         the agent's socket (default: agent.sock in the state directory)\n"
        "  --help                this text\n\n"
        "AGE is the time since the first condition.  Exit code: 0 shown, 1 no agent answers or\n"
        "there is no such link, 2 usage.\n";

/* --- options */

static bool set_form(const char *s, enum get_form *ret)
{
        static const char *const names[] = {
                [GET_WIDE] = "wide",
                [GET_YAML] = "yaml",
                [GET_JSON] = "json",
        };

        for (size_t i = GET_WIDE; i <= GET_JSON; i++) {
                if (strcmp(s, names[i]) == 0) {
                        *ret = (enum get_form)i;
                        return true;
                }
        }
        return false;
}

static bool set_kind(const char *s, bool *ret_devices)
{
        static const char *const links[] = { "links", "link", "devicelinks", "devicelink", "dl" };

        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
                if (strcmp(s, links[i]) == 0) {
                        *ret_devices = false;
                        return true;
                }
        }
        *ret_devices = true;
        return strcmp(s, "devices") == 0 || strcmp(s, "device") == 0;
}

static int take_words(int n, char **words, struct get_options *o)
{
        if (n == 0)
                return options_error(verb, "what is missing: expected links or devices", NULL);
        if (!set_kind(words[0], &o->devices))
                return options_error(verb, "expected links or devices, got", words[0]);
        if (n > 1 && words[1][0] == '\0')
                return options_error(verb, "the name is empty", NULL);
        if (n > 1)
                o->name = words[1];
        if (n > 2)
                return options_error(verb, "unexpected argument", words[2]);
        if (o->state && o->socket)
                return options_error(verb, "--state and --socket: expected one of them", NULL);
        return -1;
}

/* -1: go on; else the exit code */
static int parse(int argc, char **argv, struct get_options *o)
{
        static const struct option longs[] = {
                { "namespace", required_argument, NULL, 'n' },
                { "all-namespaces", no_argument, NULL, 'A' },
                { "output", required_argument, NULL, 'o' },
                { "watch", no_argument, NULL, 'w' },
                { "state", required_argument, NULL, 's' },
                { "socket", required_argument, NULL, 'S' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        bool all = false;

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
        for (int c; (c = getopt_long(argc, argv, "n:Ao:w", longs, NULL)) != -1;) {
                if (c == 'h') {
                        (void)fputs(usage, stdout);
                        return EXIT_OK;
                }
                if (c == 'n')
                        o->space = optarg;
                else if (c == 'A')
                        all = true;
                else if (c == 'w')
                        o->watch = true;
                else if (c == 's')
                        o->state = optarg;
                else if (c == 'S')
                        o->socket = optarg;
                else if (c != 'o')
                        return options_error(verb, "unknown option or missing value", NULL);
                else if (!set_form(optarg, &o->form))
                        return options_error(verb, "--output: expected wide, yaml or json, got",
                                             optarg);
        }
        if (all)
                o->space = NULL;
        return take_words(argc - optind, argv + optind, o);
}

/* --- talking to the agent */

struct get {
        const struct get_options *options;
        struct get_printer printer;
        struct loop *loop;
        struct buf line; /* watching: what has come of the next document */
        struct http *http;
        int code;
};

static void fail(struct get *g, const char *text)
{
        (void)fprintf(stderr, "devicelink get: %s\n", text);
        g->code = EXIT_FAILED;
        loop_stop(g->loop);
}

static void take(struct get *g, const char *json, size_t len)
{
        struct err e = { 0 };

        if (get_print(&g->printer, json, len, &e) < 0)
                fail(g, e.text);
        else if (ferror(stdout))
                fail(g, "cannot write the output");
}

/* Documents come as lines. */
static void on_data(void *ctx, const char *bytes, size_t n)
{
        struct get *g = ctx;

        while (n > 0 && g->code == EXIT_OK) {
                const char *end = memchr(bytes, '\n', n);
                size_t part = end ? (size_t)(end - bytes) : n;

                buf_add(&g->line, bytes, part);
                if (!buf_ok(&g->line)) {
                        fail(g, "the agent's answer passes 32 MiB");
                        return;
                }
                if (!end)
                        return;
                take(g, buf_text(&g->line), g->line.len);
                buf_clear(&g->line);
                bytes = end + 1;
                n -= part + 1;
        }
}

static void on_done(void *ctx, const struct http_answer *a)
{
        struct get *g = ctx;
        bool answered = a->rc == DL_OK && a->status == 200;

        if (g->code != EXIT_OK)
                return;
        if (g->options->watch && (answered || g->printer.begun))
                fail(g, "the agent has ended");
        else if (a->rc != DL_OK)
                fail(g, a->text);
        else if (a->status != 200)
                fail(g, a->len > 0 ? a->body : "the agent refuses");
        else
                take(g, a->body, a->len);
        loop_stop(g->loop);
}

static char *make_url(const struct get_options *o)
{
        struct buf url = BUF(4096);

        buf_addf(&url, "http://agent/v1/%s", o->devices ? "devices" : "links");
        if (o->space)
                kube_query(&url, "ns", o->space);
        if (o->name)
                kube_query(&url, "name", o->name);
        if (o->watch)
                kube_query(&url, "watch", "1");
        if (!buf_ok(&url)) {
                buf_done(&url);
                return NULL;
        }
        return buf_take(&url, NULL);
}

/* The directory by its descriptor: a path may be longer than a socket's name.  For free(). */
static char *short_path(const char *path, int *ret_dir, struct err *e)
{
        const char *slash = strrchr(path, '/');
        auto_free char *dir =
                slash ? xasprintf("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");

        *ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (*ret_dir < 0) {
                (void)err_set(e, DL_RETRY, "no agent answers at '%s': open '%s': %m", path, dir);
                return NULL;
        }
        return xasprintf("/proc/self/fd/%d/%s", *ret_dir, slash ? slash + 1 : path);
}

/* Why nobody answers is best said by the system. */
static int try_socket(const char *shown, const char *path, struct err *e)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);

        if (fd < 0 || n < 0 || (size_t)n >= sizeof(sa.sun_path))
                return err_set(e, DL_RETRY, "no agent answers at '%s': not a socket's name", shown);
        if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
                return 0;
        const char *hint = errno == EACCES || errno == EPERM
                                   ? "only the agent's user may ask it"
                                   : "is it running, with this state directory (--state)?";
        return err_set(e, DL_RETRY, "no agent answers at '%s': %m; %s", shown, hint);
}

static void talk(struct get *g, const char *path, const char *url)
{
        const struct http_request r = {
                .method = "GET",
                .url = url,
                .body_max = ANSWER_MAX,
                .limit_ns = g->options->watch ? 0 : answer_limit_ns,
                .ctx = g,
                .data = g->options->watch ? on_data : NULL,
                .done = on_done,
        };

        g->loop = loop_new("get");
        g->http = http_new(g->loop);
        http_set_proxy(g->http, "");
        http_set_unix_socket(g->http, path);
        (void)http_start(g->http, &r);
        loop_run(g->loop);
        http_free(g->http);
        loop_free(g->loop);
        buf_done(&g->line);
        get_printer_done(&g->printer);
}

static int ask(const struct get_options *o, const char *socket)
{
        struct get g = { .options = o, .printer = { .options = o }, .line = BUF(ANSWER_MAX) };
        auto_close int dir = -1;
        struct err e = { 0 };
        auto_free char *path = short_path(socket, &dir, &e);
        auto_free char *url = make_url(o);

        if (!url)
                return options_error(verb, "the name is too long", NULL);
        if (!path || try_socket(socket, path, &e) < 0) {
                (void)fprintf(stderr, "devicelink get: %s\n", e.text);
                return EXIT_FAILED;
        }
        talk(&g, path, url);
        return g.code;
}

int verb_get(int argc, char **argv)
{
        struct get_options o = { 0 };
        int code = parse(argc, argv, &o);

        if (code >= 0)
                return code;
        auto_free char *state = o.state ? xstrdup(o.state) : state_dir_default();
        auto_free char *socket = o.socket ? xstrdup(o.socket) : xasprintf("%s/agent.sock", state);

        return ask(&o, socket);
}
