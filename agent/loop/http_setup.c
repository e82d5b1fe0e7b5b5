/* http_setup.c - what libcurl is told about one call. */
#include "loop/http_impl.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

enum {
        RECEIVE_COLLECTED = 16 << 10, /* bytes at once */
        RECEIVE_STREAMED = 4 << 10,   /* many watches, each with little to say */
};

#define SET(c, option, value)                                                                      \
        do {                                                                                       \
                CURLcode set_rc_ = curl_easy_setopt((c)->easy, option, value);                     \
                if (set_rc_ != CURLE_OK && !(c)->refused)                                          \
                        http_refuse((c), DL_CONFIG, "%s: %s", #option,                             \
                                    curl_easy_strerror(set_rc_));                                  \
        } while (0)

void http_wipe_free(char *s, size_t n)
{
        if (s)
                explicit_bzero(s, n);
        free(s);
}

void http_refuse(struct http_call *c, int rc, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        (void)vsnprintf(c->own_text, sizeof(c->own_text), format, args);
        va_end(args);
        c->refused = rc;
}

static void set_blob(struct http_call *c, CURLoption option, char *pem)
{
        struct curl_blob blob = { .data = pem, .len = pem ? strlen(pem) : 0 };

        if (pem) /* the pool keeps the settings alive */
                SET(c, option, &blob);
}

/* The name in the URL is what the library sends as SNI and checks, so it becomes the server name,
 * and the connection is directed to the URL's host; the peer still reads the URL's host. */
static void set_server_name(struct http_call *c, const char *url, const char *name)
{
        CURLU *u = curl_url();
        char *host = NULL;
        char *port = NULL;
        char *given = NULL;
        char *named = NULL;

        if (!u)
                abort();
        if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
                http_refuse(c, DL_CONFIG, "the URL has no host");
        } else if (curl_url_set(u, CURLUPART_HOST, name, 0) != CURLUE_OK ||
                   curl_url_get(u, CURLUPART_URL, &named, 0) != CURLUE_OK) {
                http_refuse(c, DL_CONFIG, "server name '%s': expected a host name", name);
        } else {
                bool default_port = curl_url_get(u, CURLUPART_PORT, &given, 0) != CURLUE_OK;
                auto_free char *to = xasprintf("::%s:%s", host, port);
                auto_free char *header = default_port ? xasprintf("Host: %s", host)
                                                      : xasprintf("Host: %s:%s", host, given);

                c->connect_to = curl_slist_append(NULL, to);
                c->headers = curl_slist_append(c->headers, header);
                SET(c, CURLOPT_CONNECT_TO, c->connect_to);
                SET(c, CURLOPT_URL, named);
        }
        curl_free(host);
        curl_free(port);
        curl_free(given);
        curl_free(named);
        curl_url_cleanup(u);
}

static void set_tls(struct http_call *c, const char *url)
{
        const struct http_settings *s = c->pool->settings;

        SET(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(c, CURLOPT_SSL_VERIFYPEER, s->insecure ? 0L : 1L);
        SET(c, CURLOPT_SSL_VERIFYHOST, s->insecure ? 0L : 2L);
        if (s->ca_pem) {
                set_blob(c, CURLOPT_CAINFO_BLOB, s->ca_pem);
                SET(c, CURLOPT_CAPATH, NULL); /* or the system's roots would count, too */
        }
        set_blob(c, CURLOPT_SSLCERT_BLOB, s->certificate_pem);
        set_blob(c, CURLOPT_SSLKEY_BLOB, s->key_pem);
        SET(c, CURLOPT_URL, url);
        if (s->server_name)
                set_server_name(c, url, s->server_name);
}

static void set_connection(struct http_call *c)
{
        const struct http_settings *s = c->pool->settings;
        int64_t connect_ms = c->connect_limit_ns / 1000000;

        SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
        SET(c, CURLOPT_PIPEWAIT, 1L);
        SET(c, CURLOPT_NOSIGNAL, 1L);
        SET(c, CURLOPT_QUICK_EXIT, 1L);        /* wait for no name server */
        SET(c, CURLOPT_DNS_CACHE_TIMEOUT, 0L); /* each connection asks anew */
        /* So that the library shares the time out among the addresses of a name. */
        SET(c, CURLOPT_CONNECTTIMEOUT_MS, connect_ms < 1 ? 1L : (long)connect_ms);
        SET(c, CURLOPT_SOCKOPTFUNCTION, http_on_socket_made);
        SET(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        if (s->proxy)
                SET(c, CURLOPT_PROXY, s->proxy);
        if (s->unix_socket)
                SET(c, CURLOPT_UNIX_SOCKET_PATH, s->unix_socket);
}

static void add_header(struct http_call *c, const char *line)
{
        struct curl_slist *longer = curl_slist_append(c->headers, line);

        if (!longer)
                abort();
        c->headers = longer;
}

static void set_headers(struct http_call *c, const struct http_request *r)
{
        bool typed = false;

        for (size_t i = 0; i < r->n_headers; i++) {
                const struct http_header *h = &r->headers[i];
                /* A header without a value takes a semicolon there. */
                char *line = h->value[0] ? xjoin(h->name, ": ", h->value) : xjoin(h->name, ";", "");

                if (strpbrk(h->name, ":;\r\n") || strpbrk(h->value, "\r\n"))
                        http_refuse(c, DL_CONFIG, "header '%s': expected one line", h->name);
                typed = typed || strcasecmp(h->name, "Content-Type") == 0;
                add_header(c, line);
                http_wipe_free(line, strlen(line));
        }
        if (r->body && !typed)
                add_header(c, "Content-Type:"); /* none, rather than that of a form */
        add_header(c, "Expect:");
        SET(c, CURLOPT_HTTPHEADER, c->headers);
}

/* --- bodies */

static size_t on_read(char *out, size_t size, size_t n, void *call)
{
        struct http_call *c = call;
        size_t left = c->body_len - c->body_sent;
        size_t len = size * n < left ? size * n : left;

        memcpy(out, c->body + c->body_sent, len);
        c->body_sent += len;
        return len;
}

/* The library sends a request again when a connection that was open ends without an answer.  What
 * is not to arrive twice cannot be read twice. */
static int on_rewind(void *call, curl_off_t offset, int origin)
{
        const struct http_call *c = call;

        if (offset == 0 && origin == SEEK_SET && c->body_sent == 0)
                return CURL_SEEKFUNC_OK;
        return CURL_SEEKFUNC_FAIL;
}

static void set_body(struct http_call *c, const struct http_request *r)
{
        c->body = xmemdup(r->body, r->body_len);
        c->body_len = r->body_len;
        SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        if (strcmp(r->method, "POST") != 0) {
                SET(c, CURLOPT_POSTFIELDS, c->body);
                return;
        }
        SET(c, CURLOPT_POST, 1L);
        SET(c, CURLOPT_READFUNCTION, on_read);
        SET(c, CURLOPT_READDATA, c);
        SET(c, CURLOPT_SEEKFUNCTION, on_rewind);
        SET(c, CURLOPT_SEEKDATA, c);
}

static void set_request(struct http_call *c, const struct http_request *r)
{
        if (r->body) {
                set_body(c, r);
        } else if (strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 ||
                   strcmp(r->method, "PATCH") == 0) {
                SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
                SET(c, CURLOPT_POSTFIELDS, "");
        }
        if (strcmp(r->method, "HEAD") == 0)
                SET(c, CURLOPT_NOBODY, 1L);
        else
                SET(c, CURLOPT_CUSTOMREQUEST, r->method);
        if (r->compressed)
                SET(c, CURLOPT_ACCEPT_ENCODING, "gzip");
}

static void set_answer(struct http_call *c)
{
        SET(c, CURLOPT_PRIVATE, c);
        SET(c, CURLOPT_ERRORBUFFER, c->text);
        SET(c, CURLOPT_HEADERFUNCTION, http_on_header);
        SET(c, CURLOPT_HEADERDATA, c);
        SET(c, CURLOPT_WRITEFUNCTION, http_on_body);
        SET(c, CURLOPT_WRITEDATA, c);
        SET(c, CURLOPT_BUFFERSIZE, c->data_cb ? (long)RECEIVE_STREAMED : (long)RECEIVE_COLLECTED);
}

bool http_setup(struct http_call *c, const struct http_request *r)
{
        c->type = BUF(256);
        c->warning = BUF(4096);
        c->easy = curl_easy_init();
        if (!c->easy)
                abort();
        set_tls(c, r->url);
        set_connection(c);
        set_headers(c, r);
        set_request(c, r);
        if (!c->refused)
                set_answer(c);
        return !c->refused;
}
