/* place.c - where the program listens: sockets, who is let in, and who has had enough time. */
#include "serve/impl.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128, ACCEPTS_PER_TURN = 64 };

/* --- TCP */

/* "8080", ":8080", "127.0.0.1:8080", "[::1]:0" into host ("" = all) and port. */
static bool split(const char *address, char host[INET6_ADDRSTRLEN], const char **ret_port)
{
        const char *colon = strrchr(address, ':');
        size_t n = colon ? (size_t)(colon - address) : 0;

        *ret_port = colon ? colon + 1 : address;
        if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
                address++;
                n -= 2;
        } else if (memchr(address, ':', n)) {
                return false;
        }
        if (n >= INET6_ADDRSTRLEN)
                return false;
        memcpy(host, address, n);
        host[n] = '\0';
        uint64_t port;
        return text_parse_uint(*ret_port, strlen(*ret_port), UINT16_MAX, &port, NULL) == 0;
}

static int listen_at(const struct sockaddr *sa, socklen_t len)
{
        static const int one = 1, zero = 0;
        auto_close int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -1;
        if (sa->sa_family != AF_UNIX)
                (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (sa->sa_family == AF_INET6) /* all addresses means both kinds */
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
        /* The mode of the file that bind() makes. */
        if (sa->sa_family == AF_UNIX && fchmod(fd, 0600) < 0)
                return -1;
        if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0)
                return -1;
        return steal_fd(&fd);
}

/* A descriptor, or a negative errno. */
static int listen_tcp(const char *host, const char *port)
{
        const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                        .ai_socktype = SOCK_STREAM,
                                        .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
        static const char *const all[] = { "::", "0.0.0.0" };
        int rc = -EAFNOSUPPORT;

        for (size_t i = 0; i < (host[0] != '\0' ? 1 : 2); i++) {
                struct addrinfo *list = NULL;

                if (getaddrinfo(host[0] != '\0' ? host : all[i], port, &hints, &list) != 0)
                        return -EINVAL;
                rc = listen_at(list->ai_addr, list->ai_addrlen);
                if (rc < 0)
                        rc = -errno;
                freeaddrinfo(list);
                if (rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL)
                        break;
        }
        return rc;
}

static uint16_t port_of(int fd)
{
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } at = { 0 };
        socklen_t len = sizeof(at);

        if (getsockname(fd, &at.sa, &len) < 0)
                return 0;
        return ntohs(at.sa.sa_family == AF_INET6 ? at.in6.sin6_port : at.in.sin_port);
}

int place_listen(struct place *p, const char *address, struct err *e)
{
        char host[INET6_ADDRSTRLEN];
        const char *port;
        int fd = split(address, host, &port) ? listen_tcp(host, port) : -EINVAL;

        if (fd == -EINVAL)
                return err_set(e, DL_CONFIG,
                               "address '%s': expected PORT, :PORT, ADDRESS:PORT or "
                               "[ADDRESS]:PORT, with an address in numbers",
                               address);
        if (fd < 0) {
                errno = -fd;
                return err_set(e, DL_CONFIG, "cannot listen on '%s': %m", address);
        }
        p->fd = fd;
        p->port = port_of(fd);
        return 0;
}

/* --- unix */

/* Does nobody answer at it any more? */
static bool is_left_over(const struct sockaddr_un *sa)
{
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct stat st;

        return fd >= 0 && lstat(sa->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
               connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 && errno == ECONNREFUSED;
}

/* The directory by its descriptor: a path may be longer than a socket's name. */
int place_listen_unix(struct place *p, const char *path, struct err *e)
{
        const char *slash = strrchr(path, '/');
        auto_free char *dir =
                slash ? xasprintf("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");
        auto_close int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        if (at < 0)
                return err_set(e, DL_CONFIG, "socket '%s': open '%s': %m", path, dir);
        int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", at,
                         slash ? slash + 1 : path);
        if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
                return err_set(e, DL_CONFIG, "socket '%s': the file's name is too long", path);

        const struct sockaddr *generic = (const struct sockaddr *)&sa;
        p->fd = listen_at(generic, sizeof(sa));
        if (p->fd < 0 && errno == EADDRINUSE && is_left_over(&sa)) {
                (void)unlink(sa.sun_path);
                p->fd = listen_at(generic, sizeof(sa));
        }
        if (p->fd < 0)
                return err_set(e, DL_CONFIG, "cannot listen on socket '%s': %m", path);
        p->path = xstrdup(path);
        p->is_private = true;
        return 0;
}

/* --- connections */

static struct conn *conn_new(struct place *p)
{
        struct conn *c = xcalloc(1, sizeof(*c));

        c->place = p;
        c->heckler_fd = -1;
        c->deadline_ns = loop_now(p->serve->config.loop) + ASK_NS;
        if (!p->conns)
                p->last = &p->conns;
        *p->last = c;
        p->last = &c->next;
        p->n++;
        p->n_all++;
        return c;
}

static void set_closing(struct conn *c)
{
        if (c->state == CONN_CLOSING)
                return;
        if (c->state == CONN_WATCHING)
                c->place->serve->n_watchers--;
        c->state = CONN_CLOSING;
        c->place->n--;
}

void conn_free(struct conn *c)
{
        struct place *p = c->place;
        struct conn **at = &p->conns;

        set_closing(c);
        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        if (!*at)
                p->last = at;
        p->n_all--;
        conn_unmind(c);
        page_unref(p->serve, c->page);
        free(c->space);
        free(c->name);
        free(c);
}

void conn_cut(struct conn *c)
{
        set_closing(c);
        c->deadline_ns = INT64_MAX;
        conn_unmind(c);
        if (!c->wsi)
                return;
        (void)shutdown(lws_get_socket_fd(c->wsi), SHUT_RDWR);
        (void)lws_callback_on_writable(c->wsi); /* so that it looks */
        loop_guest_kick(c->place->serve->guest);
}

static void on_heckler(void *ctx, unsigned events)
{
        struct conn *c = ctx;
        char rest[4096];

        (void)events;
        ssize_t n = recv(c->heckler_fd, rest, sizeof(rest), MSG_DONTWAIT);
        if (n > 0)
                c->last = true;
        else if (n == 0 || errno != EAGAIN)
                conn_cut(c);
}

int conn_mind(struct conn *c)
{
        struct err e = { 0 };

        if (c->heckler_fd >= 0)
                return 0;
        c->heckler_fd = fcntl(lws_get_socket_fd(c->wsi), F_DUPFD_CLOEXEC, 0);
        if (c->heckler_fd < 0)
                return -1;
        return loop_fd_start(&c->heckler, c->place->serve->config.loop, c->heckler_fd, LOOP_READ,
                             on_heckler, c, &e);
}

void conn_unmind(struct conn *c)
{
        loop_fd_end(&c->heckler);
        if (c->heckler_fd >= 0)
                (void)close(c->heckler_fd);
        c->heckler_fd = -1;
}

/* Who has not asked for anything makes room. */
static bool make_room(struct place *p)
{
        if (p->n_all >= 2 * CONNECTIONS_MAX)
                return false;
        for (struct conn *c = p->conns; p->n >= CONNECTIONS_MAX && c; c = c->next) {
                if (c->state == CONN_ASKING)
                        conn_cut(c);
        }
        return p->n < CONNECTIONS_MAX;
}

static void let_in(struct place *p, int fd)
{
        struct serve *s = p->serve;

        if (!make_room(p)) {
                (void)close(fd);
                return;
        }
        s->adopting = conn_new(p);
        serve_busy(s);
        const lws_adopt_desc_t how = {
                .vh = s->vhost,
                .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
                .fd = { .sockfd = fd },
                .opaque = s->adopting,
        };
        /* Ends the descriptor as well when it fails; so does the connection, but when the library
         * has not even begun. */
        if (!lws_adopt_descriptor_vhost_via_info(&how) && s->adopting)
                conn_free(s->adopting);
        s->adopting = NULL;
        loop_guest_kick(s->guest);
}

static void on_ready(void *ctx, unsigned events)
{
        struct place *p = ctx;

        (void)events;
        for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
                int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0) {
                        let_in(p, fd);
                } else if (errno == EAGAIN) {
                        return;
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                           errno == ENOMEM) {
                        p->paused = true;
                        loop_fd_set(&p->watch, 0);
                        serve_busy(p->serve);
                        return;
                }
        }
}

int place_start(struct place *p, struct err *e)
{
        return loop_fd_start(&p->watch, p->serve->config.loop, p->fd, LOOP_READ, on_ready, p, e);
}

void place_sweep(struct place *p, int64_t now_ns)
{
        if (p->paused)
                loop_fd_set(&p->watch, LOOP_READ);
        p->paused = false;
        for (struct conn *c = p->conns; c; c = c->next) {
                if (c->deadline_ns <= now_ns)
                        conn_cut(c);
        }
}

void place_close(struct place *p)
{
        loop_fd_end(&p->watch);
        if (p->fd >= 0)
                (void)close(p->fd);
        p->fd = -1;
        if (p->path)
                (void)unlink(p->path);
        free(p->path);
        p->path = NULL;
}
