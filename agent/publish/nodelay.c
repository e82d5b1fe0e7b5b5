/* nodelay.c - see nodelay.h */
#include "publish/nodelay.h"

#include "base/clock.h"
#include "base/text.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

static const int64_t moment_ns = 50 * NS_PER_MS;

static bool same_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
        if (a->ss_family != b->ss_family)
                return false;
        if (a->ss_family == AF_INET) {
                const struct sockaddr_in *x = (const void *)a;
                const struct sockaddr_in *y = (const void *)b;
                return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
        }
        if (a->ss_family == AF_INET6) {
                const struct sockaddr_in6 *x = (const void *)a;
                const struct sockaddr_in6 *y = (const void *)b;
                return x->sin6_port == y->sin6_port &&
                       memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
        }
        return false;
}

static bool is_wanted(const struct nodelay *d, const struct sockaddr_storage *peer)
{
        for (size_t i = 0; i < d->n; i++)
                if (same_peer(&d->peers[i].sa, peer))
                        return true;
        return false;
}

static void set_one(const struct nodelay *d, int fd)
{
        struct sockaddr_storage peer = { 0 };
        socklen_t len = sizeof(peer);
        int on = 1;

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && is_wanted(d, &peer))
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void sweep(void *ctx)
{
        struct nodelay *d = ctx;
        DIR *dir = opendir("/proc/self/fd");

        if (dir) {
                for (const struct dirent *e; (e = readdir(dir));) {
                        int64_t fd = -1;

                        if (text_parse_int(e->d_name, strlen(e->d_name), 0, INT32_MAX, &fd, NULL) ==
                            0)
                                set_one(d, (int)fd);
                }
                (void)closedir(dir);
        }
        d->n = 0;
}

void nodelay_init(struct nodelay *d, struct loop *l)
{
        loop_timer_init(&d->timer, l, sweep, d);
}

void nodelay_end(struct nodelay *d)
{
        loop_timer_end(&d->timer);
}

void nodelay_connected(struct nodelay *d, const struct resolve_address *peer)
{
        if (!is_wanted(d, &peer->sa) && d->n < NODELAY_PEERS_MAX)
                d->peers[d->n++] = *peer;
        if (!loop_timer_active(&d->timer))
                loop_timer_start(&d->timer, moment_ns, 0);
}
