/* settings.c - settings as values: made, shared, compared. */
#include "publish/settings.h"

#include "base/mem.h"
#include "publish/settings_pack.h"

#include <string.h>

static const void *pack(char **at, const void *p, size_t n)
{
        char *to = *at;

        if (!p)
                return NULL;
        memcpy(to, p, n);
        to[n] = '\0';
        *at += n + 1;
        return to;
}

static size_t text_room(const char *s)
{
        return s ? strlen(s) + 1 : 0;
}

/* One block: there may be a thousand of them. */
struct settings *settings_pack(const struct settings *loose)
{
        size_t room = text_room(loose->server) + text_room(loose->host) +
                      text_room(loose->client_id) + text_room(loose->username) +
                      loose->password_len + 1 + text_room(loose->will_topic) + loose->will_len + 1;
        struct settings *s = xmalloc(sizeof(*s) + room);
        char *at = (char *)(s + 1);

        memcpy(s, loose, sizeof(*s));
        atomic_init(&s->refs, 1);
        s->server = pack(&at, loose->server, strlen(loose->server));
        s->host = pack(&at, loose->host, strlen(loose->host));
        s->client_id = pack(&at, loose->client_id, strlen(loose->client_id));
        if (loose->username)
                s->username = pack(&at, loose->username, strlen(loose->username));
        s->password = pack(&at, loose->password, loose->password_len);
        if (loose->will_topic)
                s->will_topic = pack(&at, loose->will_topic, strlen(loose->will_topic));
        s->will = pack(&at, loose->will, loose->will_len);
        return s;
}

struct settings *settings_ref(struct settings *s)
{
        atomic_fetch_add(&s->refs, 1);
        return s;
}

void settings_unref(struct settings *s)
{
        if (s && atomic_fetch_sub(&s->refs, 1) == 1)
                free(s);
}

static bool same_text(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

static bool same_bytes(const void *a, size_t na, const void *b, size_t nb)
{
        if (!a || !b)
                return a == b;
        return na == nb && memcmp(a, b, na) == 0;
}

bool settings_same_peer(const struct settings *a, const struct settings *b)
{
        return strcmp(a->host, b->host) == 0 && a->port == b->port &&
               same_text(a->username, b->username) && strcmp(a->client_id, b->client_id) == 0;
}

bool settings_same_identity(const struct settings *a, const struct settings *b)
{
        return settings_same_peer(a, b) && same_text(a->will_topic, b->will_topic) &&
               same_bytes(a->will, a->will_len, b->will, b->will_len) && a->version == b->version &&
               a->clean == b->clean && a->auto_reconnect == b->auto_reconnect &&
               a->keep_alive_s == b->keep_alive_s &&
               a->connect_timeout_ns == b->connect_timeout_ns &&
               a->ping_timeout_ns == b->ping_timeout_ns &&
               a->write_timeout_ns == b->write_timeout_ns &&
               a->wait_timeout_ns == b->wait_timeout_ns && a->quiesce_ns == b->quiesce_ns &&
               a->max_reconnect_ns == b->max_reconnect_ns;
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
        return a == b || (settings_same_identity(a, b) &&
                          same_bytes(a->password, a->password_len, b->password, b->password_len));
}

void publication_done(struct publication *p)
{
        settings_unref(p->settings);
        free(p->topic);
        *p = (struct publication){ 0 };
}
