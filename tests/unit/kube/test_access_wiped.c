/* A secret that is no longer needed is nowhere in our memory (reference A1 15). */
#include "access_room.h"
#include "base/backoff.h"
#include "loop/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What is freed has its beginning overwritten by the allocator, so the rest is looked for. */
enum { TOKEN = 64, LOST = 24, PART = TOKEN - LOST };

/* Never in one piece where it would be found later: the search is for what is hidden below. */
static unsigned char hidden[TOKEN];
static const unsigned char mask = 0x55;

static void make_hidden(void)
{
        for (int i = 0; i < TOKEN; i++)
                hidden[i] = (unsigned char)(('A' + (int)(random_u32() % 26)) ^ mask);
}

static void reveal(char out[TOKEN])
{
        for (int i = 0; i < TOKEN; i++)
                out[i] = (char)(hidden[i] ^ mask);
}

static bool is_token(const unsigned char *p)
{
        for (int i = 0; i < PART; i++) {
                if ((p[i] ^ mask) != hidden[LOST + i])
                        return false;
        }
        return true;
}

static int search(int memory, uint64_t begin, uint64_t end)
{
        enum { PIECE = 1 << 16 };
        static unsigned char window[PIECE];
        int found = 0;

        for (uint64_t at = begin; at < end; at += PIECE - PART) {
                size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
                ssize_t got;

                if (at < (uint64_t)(uintptr_t)window + PIECE &&
                    at + n > (uint64_t)(uintptr_t)window)
                        continue; /* ourselves */
                got = pread(memory, window, n, (off_t)at);
                for (unsigned char *p = window; got >= PART; p++) {
                        p = memchr(p, hidden[LOST] ^ mask, (size_t)(window + got - p));
                        if (!p || p + PART > window + got)
                                break;
                        found += is_token(p);
                }
        }
        explicit_bzero(window, sizeof(window));
        return found;
}

/* In all memory that can be written, but for what a sanitizer reserves. */
static int copies(void)
{
        auto_fclose FILE *maps = fopen("/proc/self/maps", "re");
        auto_close int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        char line[512];
        int found = 0;

        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                char *dash = NULL;
                uint64_t begin = strtoull(line, &dash, 16);
                uint64_t end = strtoull(dash + 1, &dash, 16);

                if (strncmp(dash, " rw", 3) == 0 && end - begin < UINT64_C(1) << 28)
                        found += search(memory, begin, end);
        }
        return found;
}

/* Another process, so that what it reads is not in this one. */
static pid_t serve(int *ret_port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
        *ret_port = ntohs(a.sin_port);
        pid_t pid = fork();
        if (pid == 0) {
                char request[8192];
                int c = accept(fd, NULL, NULL);

                static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

                if (read(c, request, sizeof(request)) > 0 &&
                    send(c, answer, sizeof(answer) - 1, 0) > 0)
                        while (read(c, request, sizeof(request)) > 0)
                                continue;
                _exit(0);
        }
        (void)close(fd);
        return pid;
}

static void on_done(void *ctx, const struct http_answer *a)
{
        struct room *r = ctx;

        assert_int_equal(a->rc, DL_OK);
        r->answers++;
}

struct sending {
        struct room *room;
        struct http *http;
        const char *url;
};

static void send_it(void *ctx, const char *value, const struct err *e)
{
        struct sending *s = ctx;
        const struct http_header authorization = { "Authorization", value };
        const struct http_request q = { .method = "POST",
                                        .url = s->url,
                                        .headers = &authorization,
                                        .n_headers = 1,
                                        .body = value,
                                        .body_len = strlen(value),
                                        .body_max = 10,
                                        .ctx = s->room,
                                        .done = on_done };

        assert_null(e);
        assert_non_null(http_start(s->http, &q));
}

static void put_secret(struct room *r, const char *name, const char *before, const char *after)
{
        auto_free char *path = in_dir(r, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        char token[TOKEN];

        assert_true(fd >= 0);
        assert_int_equal(write(fd, before, strlen(before)), strlen(before));
        reveal(token);
        assert_int_equal(write(fd, token, TOKEN), TOKEN);
        explicit_bzero(token, sizeof(token));
        assert_int_equal(write(fd, after, strlen(after)), strlen(after));
        (void)close(fd);
}

static void use_once(struct room *r, const char *name)
{
        struct sending s = { .room = r };
        int port = 0;
        pid_t pid = serve(&port);
        auto_free char *url = xasprintf("http://127.0.0.1:%d/", port);

        s.http = http_new(r->loop);
        s.url = url;
        opens(r, name);
        r->answers = 0;
        (void)kube_access_authorize(r->access, send_it, &s);
        assert_true(run_until(r->loop, &r->answers, 1));
        assert_true(copies() > 0); /* it can be found */
        http_free(s.http);
        kube_access_close(r->access);
        r->access = NULL;
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_token_of_a_file_is_wiped(void **state)
{
        struct room *r = *state;

        make_hidden();
        put_secret(r, "token", " ", "\n");
        put(r, "k",
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'http://h'}}]\n"
            "users: [{name: u, user: {tokenFile: token}}]\n");
        use_once(r, "k");
        assert_int_equal(copies(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_token_of_a_file_is_wiped, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
