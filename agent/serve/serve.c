/* serve.c - the library: its context on a loop within ours, its callbacks, its end.
 *
 * It hears of connections only (place.c accepts them), and its own time limits stand behind ours.
 */
#include "serve/impl.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t sweep_ns = NS_PER_S;
static const int64_t tell_ns = 500 * NS_PER_MS;

/* --- what the library says */

static char last_error[256]; /* the loop's thread only */

static void on_log(int level, const char *line)
{
        size_t n = strcspn(line, "\n");

        if (level & LLL_ERR)
                (void)snprintf(last_error, sizeof(last_error), "%.*s", (int)n, line);
        auto_free char *text = xasprintf("%.*s", (int)n, line);
        LOG(DEBUG, "serve.library", text);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
        struct conn *c = lws_get_opaque_user_data(wsi);

        (void)user;
        (void)len;
        switch ((int)reason) {
        case LWS_CALLBACK_WSI_CREATE: {
                struct serve *s = lws_context_user(lws_get_context(wsi));

                if (s->adopting)
                        s->adopting->wsi = wsi;
                s->adopting = NULL;
                return 0;
        }
        case LWS_CALLBACK_WSI_DESTROY:
                if (c)
                        conn_free(c);
                return 0;
        case LWS_CALLBACK_HTTP:
                return c ? answer_begin(c, in) : -1;
        case LWS_CALLBACK_HTTP_WRITEABLE:
                return c ? answer_write(c) : -1;
        case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        case LWS_CALLBACK_RAW_ADOPT:
        case LWS_CALLBACK_RAW_RX:
                return -1;
        default:
                return 0;
        }
}

static const struct lws_protocols protocols[] = {
        { .name = "http", .callback = on_event },
        { 0 },
};

/* --- timers */

void serve_busy(struct serve *s)
{
        if (!loop_timer_active(&s->sweep))
                loop_timer_start(&s->sweep, sweep_ns, 0);
}

static void on_sweep(void *ctx)
{
        struct serve *s = ctx;
        int64_t now = loop_now(s->config.loop);

        for (size_t i = 0; i < 2; i++) {
                place_sweep(&s->places[i], now);
                if (s->places[i].n_all > 0)
                        serve_busy(s);
        }
        if (s->metrics && now - s->metrics_ns >= sweep_ns) {
                page_unref(s, s->metrics);
                s->metrics = NULL;
        }
        if (s->metrics)
                serve_busy(s);
}

static void on_tell(void *ctx)
{
        struct serve *s = ctx;

        s->told_ns = loop_now(s->config.loop);
        for (size_t i = 0; i < 2; i++) {
                for (struct conn *c = s->places[i].conns; c; c = c->next) {
                        if (c->state != CONN_WATCHING)
                                continue;
                        c->news = true;
                        (void)lws_callback_on_writable(c->wsi);
                }
        }
        loop_guest_kick(s->guest);
}

void serve_changed(struct serve *s)
{
        if (!s || s->n_watchers == 0 || loop_timer_active(&s->tell))
                return;
        loop_timer_start(&s->tell, s->told_ns + tell_ns - loop_now(s->config.loop), 0);
}

/* --- life */

/* Without it, libwebsockets 4.1.6 crashes in the clean-up of its context. */
static int check_random(struct err *e)
{
        static const char path[] = "/dev/urandom";

        if (access(path, R_OK) == 0)
                return 0;
        return err_set(e, DL_CONFIG, "%s: %m", path);
}

static int make_context(struct serve *s, struct err *e)
{
        int rc = check_random(e);
        if (rc == 0)
                rc = loop_guest_new(s->config.loop, &s->guest, e);
        if (rc < 0)
                return rc;
        void *loops[] = { loop_guest_native(s->guest) };
        struct lws_context_creation_info info = {
                .port = CONTEXT_PORT_NO_LISTEN_SERVER,
                .protocols = protocols,
                .user = s,
                .foreign_loops = loops,
                .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                           LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                           LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
                .vhost_name = "devicelink",
                .fd_limit_per_thread = DESCRIPTORS_MAX,
                .max_http_header_data = REQUEST_MAX,
                .max_http_header_pool = DESCRIPTORS_MAX,
                .keepalive_timeout = (int)(ASK_NS / NS_PER_S),
                .timeout_secs = (unsigned)(READ_NS / NS_PER_S),
        };

        last_error[0] = '\0';
        lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
        s->context = lws_create_context(&info);
        if (s->context)
                s->vhost = lws_create_vhost(s->context, &info);
        if (s->vhost) {
                loop_guest_kick(s->guest);
                return 0;
        }
        if (strstr(last_error, "evlib"))
                return err_set(e, DL_CONFIG,
                               "libwebsockets finds no plugin for libuv: install "
                               "libwebsockets-evlib-uv");
        return err_set(e, DL_CONFIG, "libwebsockets: %s",
                       last_error[0] != '\0' ? last_error : "no reason given");
}

static bool is_wanted(const char *address)
{
        return address && strcmp(address, "0") != 0;
}

static int open_places(struct serve *s, struct err *e)
{
        const struct serve_config *c = &s->config;
        int rc = 0;

        if (is_wanted(c->address))
                rc = place_listen(&s->places[0], c->address, e);
        if (rc == 0 && c->socket)
                rc = place_listen_unix(&s->places[1], c->socket, e);
        if (rc == 0 && (s->places[0].fd >= 0 || s->places[1].fd >= 0))
                rc = make_context(s, e);
        for (size_t i = 0; i < 2 && rc == 0; i++) {
                if (s->places[i].fd >= 0)
                        rc = place_start(&s->places[i], e);
        }
        return rc;
}

/* What the library had on its loop is closed there first; only then may the rest be freed. */
static void end_context(struct serve *s)
{
        if (s->context) {
                lws_context_destroy(s->context);
                (void)loop_guest_settle(s->guest);
                lws_context_destroy(s->context);
        }
        loop_guest_free(s->guest);
}

int serve_open(const struct serve_config *config, struct serve **ret, struct err *e)
{
        struct serve *s = xcalloc(1, sizeof(*s));

        s->config = *config;
        for (size_t i = 0; i < 2; i++)
                s->places[i] = (struct place){ .serve = s, .fd = -1 };
        loop_timer_init(&s->sweep, config->loop, on_sweep, s);
        loop_timer_init(&s->tell, config->loop, on_tell, s);
        int rc = open_places(s, e);
        if (rc < 0) {
                serve_close(s);
                return rc;
        }
        if (s->places[0].fd >= 0)
                LOG(INFO, "serve.listening", "health and metrics are served",
                    LOG_STR("peer", config->address), LOG_INT("port", s->places[0].port));
        *ret = s;
        return 0;
}

void serve_close(struct serve *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < 2; i++)
                place_close(&s->places[i]);
        loop_timer_end(&s->tell);
        loop_timer_end(&s->sweep);
        end_context(s);
        page_unref(s, s->metrics);
        free(s);
}

uint16_t serve_port(const struct serve *s)
{
        return s->places[0].port;
}
