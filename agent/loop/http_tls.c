/* http_tls.c - settings of connections: certificates and keys are checked before they are taken. */
#include "loop/http_impl.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static inline void bio_free(BIO *b)
{
        (void)BIO_free(b);
}

AUTO_DEFINE_PTR(bio, BIO *, bio_free)
AUTO_DEFINE_PTR(x509, X509 *, X509_free)
AUTO_DEFINE_PTR(pkey, EVP_PKEY *, EVP_PKEY_free)

/* Nobody is asked for a pass phrase. */
static int no_phrase(char *out, int size, int writing, void *ctx)
{
        (void)out;
        (void)size;
        (void)writing;
        (void)ctx;
        return -1;
}

static const char *reason(void)
{
        const char *text = ERR_reason_error_string(ERR_peek_last_error());

        return text ? text : "not understood";
}

static BIO *bio_of(const char *pem)
{
        BIO *b = BIO_new_mem_buf(pem, (int)strnlen(pem, INT32_MAX));

        if (!b)
                abort();
        return b;
}

/* One or more certificates and no broken one; the first is returned. */
static X509 *certificates(const char *pem, const char *what, struct err *e)
{
        auto_of(bio) BIO *b = bio_of(pem);
        auto_of(x509) X509 *first = NULL;

        ERR_clear_error();
        for (;;) {
                X509 *x = PEM_read_bio_X509(b, NULL, no_phrase, NULL);

                if (!x)
                        break;
                if (first)
                        X509_free(x);
                else
                        first = x;
        }
        bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        if (!first && ended)
                (void)err_set(e, DL_CONFIG, "%s: expected a PEM certificate, found none", what);
        else if (!ended)
                (void)err_set(e, DL_CONFIG, "%s: cannot read a certificate: %s", what, reason());
        ERR_clear_error();
        return ended ? steal(&first) : NULL;
}

static int check_pair(const char *certificate, const char *key, struct err *e)
{
        auto_of(x509) X509 *x = certificates(certificate, "client certificate", e);

        if (!x)
                return DL_CONFIG;
        auto_of(bio) BIO *b = bio_of(key);
        auto_of(pkey) EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, no_phrase, NULL);
        if (!k) {
                (void)err_set(e, DL_CONFIG,
                              "client key: expected a PEM key without a pass phrase: %s", reason());
                ERR_clear_error();
                return DL_CONFIG;
        }
        int match = X509_check_private_key(x, k);
        ERR_clear_error();
        if (match != 1)
                return err_set(e, DL_CONFIG, "client key: does not belong to the certificate");
        return 0;
}

int http_check_tls(const struct http_tls *t, struct err *e)
{
        if (t->ca_pem) {
                auto_of(x509) X509 *x = certificates(t->ca_pem, "certificate authority", e);

                if (!x)
                        return DL_CONFIG;
        }
        if (!t->certificate_pem != !t->key_pem)
                return err_set(e, DL_CONFIG, "client certificate: %s is missing",
                               t->key_pem ? "the certificate" : "its key");
        return t->key_pem ? check_pair(t->certificate_pem, t->key_pem, e) : 0;
}

/* --- settings */

static char *copy_of(const char *s)
{
        return s ? xstrdup(s) : NULL;
}

struct http_settings *http_settings_copy(const struct http_settings *s)
{
        struct http_settings *n = xcalloc(1, sizeof(*n));

        n->refs = 1;
        n->insecure = s->insecure;
        n->ca_pem = copy_of(s->ca_pem);
        n->certificate_pem = copy_of(s->certificate_pem);
        n->key_pem = copy_of(s->key_pem);
        n->server_name = copy_of(s->server_name);
        n->proxy = copy_of(s->proxy);
        n->unix_socket = copy_of(s->unix_socket);
        return n;
}

struct http_settings *http_settings_ref(struct http_settings *s)
{
        s->refs++;
        return s;
}

static void wipe(char *s)
{
        http_wipe_free(s, s ? strlen(s) : 0);
}

void http_settings_drop(struct http_settings *s)
{
        if (!s || --s->refs)
                return;
        free(s->ca_pem);
        free(s->certificate_pem);
        wipe(s->key_pem);
        free(s->server_name);
        wipe(s->proxy);
        free(s->unix_socket);
        free(s);
}

/* The next pool's settings, alone in our hands. */
static struct http_settings *change(struct http *h)
{
        struct http_settings *s = http_settings_copy(h->settings);

        http_settings_drop(h->settings);
        h->settings = s;
        http_forget_connections(h);
        return s;
}

int http_set_tls(struct http *h, const struct http_tls *tls, struct err *e)
{
        int rc = http_check_tls(tls, e);

        if (rc < 0)
                return rc;
        struct http_settings *s = change(h);
        free(s->ca_pem);
        free(s->certificate_pem);
        wipe(s->key_pem);
        free(s->server_name);
        s->ca_pem = copy_of(tls->ca_pem);
        s->certificate_pem = copy_of(tls->certificate_pem);
        s->key_pem = copy_of(tls->key_pem);
        s->server_name = copy_of(tls->server_name);
        s->insecure = tls->insecure;
        return 0;
}

/* As other clients of Kubernetes do it, a SOCKS proxy is asked for the name. */
void http_set_proxy(struct http *h, const char *url)
{
        static const char socks[] = "socks5://";
        struct http_settings *s = change(h);

        wipe(s->proxy);
        if (url && strncmp(url, socks, sizeof(socks) - 1) == 0)
                s->proxy = xjoin("socks5h://", url + sizeof(socks) - 1, "");
        else
                s->proxy = copy_of(url);
}

void http_set_unix_socket(struct http *h, const char *path)
{
        struct http_settings *s = change(h);

        free(s->unix_socket);
        s->unix_socket = copy_of(path);
}
