/* http_alive.c - peers that are gone without a word.
 *
 * On a silent connection the kernel asks: after 15 s, five times, 5 s apart.  While something that
 * was sent is not acknowledged it does not ask, it repeats, and the time for that begins with the
 * sending: a request on a connection that has been dead for half a minute would add its own time.
 * So from a request on until everything is acknowledged, the silence itself is looked at each 5 s;
 * nothing is looked at, and nobody woken, while there is nothing to wait for.
 * A peer that is stopped but whose kernel lives is not found here: time limits of requests are for
 * that. */
#include "loop/http_impl.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { IDLE_S = 15, PROBE_S = 5, PROBES = 5, SILENCE_MS = (IDLE_S + PROBES * PROBE_S) * 1000 };

int http_on_socket_made(void *call, curl_socket_t fd, curlsocktype purpose)
{
        static const struct {
                int level;
                int name;
                int value;
        } options[] = {
                { SOL_SOCKET, SO_KEEPALIVE, 1 },
                { IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S },
                { IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S },
                { IPPROTO_TCP, TCP_KEEPCNT, PROBES },
                { IPPROTO_TCP, TCP_USER_TIMEOUT, SILENCE_MS },
        };

        (void)call;
        (void)purpose;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) /* not on unix sockets */
                (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                                 sizeof(options[i].value));
        return CURL_SOCKOPT_OK;
}

/* Whether something is on its way; a dead connection is shut, and the library finds it so. */
static bool look(const struct http_socket *s)
{
        struct tcp_info t = { 0 };
        socklen_t len = sizeof(t);

        if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &t, &len) < 0 ||
            t.tcpi_state != TCP_ESTABLISHED)
                return false;
        uint32_t silent_ms = t.tcpi_last_ack_recv < t.tcpi_last_data_recv ? t.tcpi_last_ack_recv
                                                                          : t.tcpi_last_data_recv;
        if (t.tcpi_unacked && silent_ms >= SILENCE_MS)
                (void)shutdown(s->fd, SHUT_RDWR);
        return t.tcpi_unacked;
}

static void on_time(void *ctx)
{
        struct http_pool *p = ctx;
        bool again = false;

        for (const struct http_socket *s = p->sockets; s; s = s->next)
                again = look(s) || again;
        for (const struct http_call *c = p->calls; c && !again; c = c->next)
                again = !c->began;
        if (again)
                loop_timer_start(&p->alive, PROBE_S * NS_PER_S, 0);
}

void http_alive_init(struct http_pool *p)
{
        loop_timer_init(&p->alive, p->http->loop, on_time, p);
}

void http_alive_begin(struct http_pool *p)
{
        if (!loop_timer_active(&p->alive))
                loop_timer_start(&p->alive, PROBE_S * NS_PER_S, 0);
}
