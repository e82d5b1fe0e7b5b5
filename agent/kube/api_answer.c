#include "kube/api_answer.h"

#include "base/utf8.h"

#include <string.h>
#include <strings.h>

/* --- texts */

/* One line of UTF-8 of at most ANSWER_MESSAGE_MAX bytes, without white space around it. */
static const char *clean(struct arena *a, const char *s, size_t n)
{
        auto_of(buf) struct buf out = BUF(ANSWER_MESSAGE_MAX);
        bool is_gap = false;

        for (size_t i = 0; i < n && out.len + 5 < ANSWER_MESSAGE_MAX;) {
                size_t len = utf8_length((const unsigned char *)s + i, n - i);
                bool is_blank = len == 1 && ((unsigned char)s[i] <= ' ' || s[i] == 0x7f);

                if (!is_blank && is_gap && out.len > 0)
                        buf_addc(&out, ' ');
                if (!is_blank && len > 0)
                        buf_add(&out, s + i, len);
                else if (!is_blank)
                        buf_addc(&out, '?');
                is_gap = is_blank;
                i += len > 0 ? len : 1;
        }
        return arena_strdup(a, buf_text(&out));
}

/* "application/json; charset=utf-8" is "application/json". */
static bool is_type(const char *content_type, const char *type)
{
        size_t n = strcspn(content_type, "; ");

        return n == strlen(type) && strncasecmp(content_type, type, n) == 0;
}

static const char *text_of(const struct tree *map, const char *key)
{
        const char *s = tree_text(tree_get(map, key));

        return s ? s : "";
}

/* --- classes */

static enum kube_class class_of_status(long status)
{
        switch (status) {
        case 401:
                return KUBE_UNAUTHORIZED;
        case 403:
                return KUBE_FORBIDDEN;
        case 404:
                return KUBE_MISSING;
        case 408:
        case 425:
        case 429:
                return KUBE_AWAY;
        case 409:
                return KUBE_CONFLICT;
        case 410:
                return KUBE_EXPIRED;
        default:
                break;
        }
        if (status >= 200 && status < 300)
                return KUBE_OK;
        return status >= 400 && status < 500 ? KUBE_REFUSED : KUBE_AWAY;
}

static bool has_cause(const struct tree *status, const char *reason)
{
        TREE_FOREACH (cause, tree_find(status, "details.causes")) {
                if (strcmp(text_of(cause, "reason"), reason) == 0)
                        return true;
        }
        return false;
}

/* What the code alone does not tell. */
static void refine(const struct tree *status, struct kube_answer *r)
{
        static const char typed[] = "failed to create typed patch object";
        const char *name = text_of(tree_get(status, "details"), "name");

        switch (r->class) {
        case KUBE_MISSING:
                r->no_resource = name[0] == '\0';
                break;
        case KUBE_CONFLICT:
                if (strcmp(r->reason, "AlreadyExists") == 0)
                        r->class = KUBE_EXISTS;
                break;
        case KUBE_AWAY:
                if (r->status == 504 && has_cause(status, "ResourceVersionTooLarge"))
                        r->class = KUBE_EXPIRED;
                else if (r->status == 500 && strncmp(r->message, typed, strlen(typed)) == 0)
                        r->class = KUBE_REFUSED;
                break;
        case KUBE_REFUSED:
                if (strcmp(r->reason, "Expired") == 0 || strcmp(r->reason, "Gone") == 0)
                        r->class = KUBE_EXPIRED;
                break;
        case KUBE_OK:
        case KUBE_EXISTS:
        case KUBE_EXPIRED:
        case KUBE_FORBIDDEN:
        case KUBE_UNAUTHORIZED:
                break;
        }
}

static bool is_status(const struct tree *t)
{
        return strcmp(text_of(t, "kind"), "Status") == 0 &&
               strcmp(text_of(t, "apiVersion"), "v1") == 0;
}

static void take_status(const struct tree *status, struct kube_answer *r)
{
        const struct tree *message = tree_get(status, "message");
        const char *reason = text_of(status, "reason");

        r->reason = clean(r->arena, reason, strlen(reason));
        if (message && message->type == TREE_TEXT && message->n > 0)
                r->message = clean(r->arena, message->as.text, message->n);
        else
                r->message = arena_printf(r->arena, "HTTP %ld %s", r->status, r->reason);
        refine(status, r);
}

/* --- whole answers */

static void fail(struct kube_answer *r, const char *why)
{
        if (r->class == KUBE_OK)
                r->class = KUBE_AWAY; /* a proxy, or a body that broke off */
        r->no_resource = r->class == KUBE_MISSING;
        r->message = why;
}

static void read_other(const struct answer_in *in, struct kube_answer *r)
{
        const char *text = "";

        if (in->len == 0 && r->class == KUBE_OK)
                return; /* such as 204 */
        if (is_type(in->content_type, "text/plain"))
                text = clean(r->arena, in->body, in->len);
        if (r->class == KUBE_OK) {
                fail(r, arena_printf(r->arena, "expected JSON, got %s",
                                     clean(r->arena, in->content_type, strlen(in->content_type))));
                return;
        }
        fail(r, text[0] != '\0' ? text : arena_printf(r->arena, "HTTP %ld", in->status));
}

static void read_json(const struct answer_in *in, struct kube_answer *r)
{
        struct tree_limits limits = tree_limits_default;
        struct err e = { 0 };

        limits.bytes = ANSWER_BODY_MAX;
        if (tree_parse_json(r->arena, in->body, in->len, &limits, &r->object, &e) < 0) {
                r->object = NULL;
                fail(r, arena_printf(r->arena, "HTTP %ld with a body that is no JSON: %s",
                                     in->status, e.text));
                return;
        }
        if (is_status(r->object) && r->class != KUBE_OK)
                take_status(r->object, r);
        else if (r->class != KUBE_OK)
                fail(r, arena_printf(r->arena, "HTTP %ld", in->status));
}

void answer_read(const struct answer_in *in, struct kube_answer *ret)
{
        *ret = (struct kube_answer){
                .class = class_of_status(in->status),
                .status = in->status,
                .arena = arena_new(),
                .reason = "",
                .message = "",
                .retry_after_ns = -1,
        };
        if (!is_type(in->content_type, "application/json"))
                read_other(in, ret);
        else if (!in->raw || ret->class != KUBE_OK)
                read_json(in, ret);
        else {
                ret->body = in->body;
                ret->body_len = in->len;
        }
}

void answer_none(enum kube_class class, const char *why, struct kube_answer *ret)
{
        struct arena *a = arena_new();

        *ret = (struct kube_answer){
                .class = class,
                .arena = a,
                .reason = "",
                .message = clean(a, why, strlen(why)),
                .retry_after_ns = -1,
        };
}

void answer_of_status(const struct tree *status, struct arena *a, struct kube_answer *ret)
{
        const struct tree *code = tree_get(status, "code");
        bool is_code = code && code->type == TREE_INT && code->as.i >= 400 && code->as.i <= 599;
        long http = is_code ? (long)code->as.i : 500;

        *ret = (struct kube_answer){
                .class = class_of_status(http),
                .status = http,
                .object = status,
                .arena = a,
                .reason = "",
                .message = "",
                .retry_after_ns = -1,
        };
        take_status(status, ret);
}

void answer_done(struct kube_answer *r, bool wipe)
{
        if (wipe)
                arena_wipe_free(r->arena);
        else
                arena_free(r->arena);
        r->arena = NULL;
}
