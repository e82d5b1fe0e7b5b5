/* http_receive.c - an answer as it comes, and what its end means. */
#include "loop/http_impl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

enum {
        HEADERS_MAX = 64 << 10,      /* bytes of one answer's headers */
        STREAM_ERROR_MAX = 64 << 10, /* of the error that came instead of a stream */
        RETRY_AFTER_MAX_S = 24 * 60 * 60,
};

static const size_t abort_transfer = 0;

/* --- headers */

static bool is_header(const char *line, size_t n, const char *name, const char **ret, size_t *ret_n)
{
        size_t len = strlen(name);

        if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
                return false;
        line += len + 1;
        n -= len + 1;
        while (n && (*line == ' ' || *line == '\t')) {
                line++;
                n--;
        }
        while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
                n--;
        *ret = line;
        *ret_n = n;
        return true;
}

/* Seconds, or a date.  What is neither is as good as none. */
static int64_t retry_after(const char *s, size_t n)
{
        uint64_t seconds = 0;

        if (n && s[0] >= '0' && s[0] <= '9' && memchr(s, ' ', n) == NULL) {
                if (text_parse_uint(s, n, UINT64_MAX, &seconds, NULL) < 0)
                        return -1;
        } else {
                char date[64];

                if (n >= sizeof(date))
                        return -1;
                memcpy(date, s, n);
                date[n] = '\0';
                int64_t at = (int64_t)curl_getdate(date, NULL);
                if (at < 0)
                        return -1;
                int64_t now = clock_wall_ns() / NS_PER_S;
                seconds = at > now ? (uint64_t)(at - now) : 0;
        }
        if (seconds > RETRY_AFTER_MAX_S)
                seconds = RETRY_AFTER_MAX_S;
        return (int64_t)seconds * NS_PER_S;
}

/* An interim answer, or a real one: what the last one said does not count. */
static void on_status_line(struct http_call *c, const char *line, size_t n)
{
        const char *space = memchr(line, ' ', n);
        size_t left = space ? n - (size_t)(space - line) - 1 : 0;
        uint64_t status = 0;

        if (left >= 3)
                (void)text_parse_uint(space + 1, 3, 999, &status, NULL);
        c->status = (long)status;
        c->retry_after_ns = -1;
        buf_clear(&c->type);
        buf_clear(&c->warning);
}

static void on_field(struct http_call *c, const char *line, size_t n)
{
        const char *value;
        size_t len;

        if (is_header(line, n, "Content-Type", &value, &len)) {
                buf_clear(&c->type);
                buf_add(&c->type, value, len);
        } else if (is_header(line, n, "Retry-After", &value, &len)) {
                c->retry_after_ns = retry_after(value, len);
        } else if (is_header(line, n, "Warning", &value, &len)) {
                if (c->warning.len)
                        buf_addc(&c->warning, '\n');
                buf_add(&c->warning, value, len);
        }
}

size_t http_on_header(char *line, size_t size, size_t n, void *call)
{
        struct http_call *c = call;
        size_t len = size * n;

        c->pool->moved = true;
        if (c->cancelled)
                return abort_transfer;
        c->header_bytes += len;
        if (c->header_bytes > HEADERS_MAX) {
                http_refuse(c, DL_RETRY, "the answer's headers are longer than %d bytes",
                            HEADERS_MAX);
                return abort_transfer;
        }
        if (c->began) /* trailers */
                return len;
        size_t text = len;
        while (text && (line[text - 1] == '\n' || line[text - 1] == '\r'))
                text--;
        if (text >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                on_status_line(c, line, text);
        } else if (text) {
                on_field(c, line, text);
        } else if (c->status >= 200) {
                c->began = true;
                if (c->began_cb)
                        c->began_cb(c->ctx, c->status);
        }
        return c->cancelled ? abort_transfer : len;
}

/* --- body */

static void grow(struct http_call *c, size_t need)
{
        size_t cap = c->answer_cap ? c->answer_cap : 1024;

        while (cap < need)
                cap *= 2;
        char *larger = xmalloc(cap);
        if (c->answer_len)
                memcpy(larger, c->answer, c->answer_len);
        http_wipe_free(c->answer, c->answer_cap);
        c->answer = larger;
        c->answer_cap = cap;
}

static void collect(struct http_call *c, const char *bytes, size_t n)
{
        if (c->answer_len + n + 1 > c->answer_cap)
                grow(c, c->answer_len + n + 1);
        memcpy(c->answer + c->answer_len, bytes, n);
        c->answer_len += n;
        c->answer[c->answer_len] = '\0';
}

size_t http_on_body(char *bytes, size_t size, size_t n, void *call)
{
        struct http_call *c = call;
        size_t len = size * n;

        c->pool->moved = true;
        if (c->cancelled)
                return abort_transfer;
        if (c->data_cb && c->status >= 200 && c->status < 300) {
                c->data_cb(c->ctx, bytes, len);
                return c->cancelled ? abort_transfer : len;
        }
        if (c->data_cb) {
                size_t room = STREAM_ERROR_MAX - c->answer_len;

                collect(c, bytes, len < room ? len : room);
                return len;
        }
        if (len > c->body_max - c->answer_len) {
                http_refuse(c, DL_REFUSED, "the answer is longer than %zu bytes", c->body_max);
                return abort_transfer;
        }
        collect(c, bytes, len);
        return len;
}

/* --- the end */

/* A TLS library's own words mean that somebody refused; a line that broke has none. */
static bool is_tls_refusal(const struct http_call *c)
{
        return strstr(c->text, "SSL routines") && !strstr(c->text, "unexpected eof");
}

static int class_of(const struct http_call *c, CURLcode code)
{
        switch ((int)code) {
        case CURLE_OK:
                return DL_OK;
        case CURLE_URL_MALFORMAT:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_CLIENTCERT:
                return DL_CONFIG;
        case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL; or what answers does not speak HTTP */
                return c->connected ? DL_RETRY : DL_CONFIG;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
                return is_tls_refusal(c) ? DL_CONFIG : DL_RETRY;
        default:
                return DL_RETRY;
        }
}

void http_verdict(struct http_call *c, CURLcode code)
{
        if (c->refused)
                return;
        if (code == CURLE_OK && !c->began) {
                http_refuse(c, DL_RETRY, "the connection ended within the answer's headers");
                return;
        }
        c->refused = class_of(c, code);
        if (c->refused != DL_OK && !c->text[0])
                (void)snprintf(c->text, sizeof(c->text), "%s", curl_easy_strerror(code));
}

const char *http_text(const struct http_call *c)
{
        if (c->refused == DL_OK)
                return "";
        return c->own_text[0] ? c->own_text : c->text;
}
