/* http_certs.h - certificates and keys made by a test, as PEM.  For free(). */
#ifndef UNIT_LOOP_HTTP_CERTS_H
#define UNIT_LOOP_HTTP_CERTS_H

#include "base/mem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct certs {
        X509 *x;
        EVP_PKEY *key;
        char *pem;
        char *key_pem;
};

static inline char *certs_text(BIO *b)
{
        char *data = NULL;
        long n = BIO_get_mem_data(b, &data);
        char *text = xasprintf("%.*s", (int)n, data);

        (void)BIO_free(b);
        return text;
}

static inline void certs_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
}

/* issuer NULL: an authority that signs itself.  names: "DNS:a.test,IP:127.0.0.1", NULL = none.
 * Valid from a minute ago for so many seconds. */
static inline struct certs certs_make(const char *subject, const struct certs *issuer,
                                      const char *names, long valid_s)
{
        static int64_t serial = 1;
        struct certs c = { .x = X509_new(), .key = EVP_EC_gen("P-256") };
        X509_NAME *name = X509_get_subject_name(c.x);

        assert_int_equal(X509_set_version(c.x, 2), 1);
        assert_int_equal(ASN1_INTEGER_set_int64(X509_get_serialNumber(c.x), serial++), 1);
        (void)X509_gmtime_adj(X509_getm_notBefore(c.x), valid_s < 0 ? 2 * valid_s : -60);
        (void)X509_gmtime_adj(X509_getm_notAfter(c.x), valid_s);
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                    (const unsigned char *)subject, -1, -1, 0),
                         1);
        X509 *by = issuer ? issuer->x : c.x;
        assert_int_equal(X509_set_issuer_name(c.x, X509_get_subject_name(by)), 1);
        assert_int_equal(X509_set_pubkey(c.x, c.key), 1);
        if (!issuer)
                certs_extend(c.x, by, NID_basic_constraints, "critical,CA:TRUE");
        if (names)
                certs_extend(c.x, by, NID_subject_alt_name, names);
        assert_true(X509_sign(c.x, issuer ? issuer->key : c.key, EVP_sha256()) > 0);

        BIO *b = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_X509(b, c.x), 1);
        c.pem = certs_text(b);
        b = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PrivateKey(b, c.key, NULL, NULL, 0, NULL, NULL), 1);
        c.key_pem = certs_text(b);
        return c;
}

static inline void certs_done(struct certs *c)
{
        X509_free(c->x);
        EVP_PKEY_free(c->key);
        free(c->pem);
        free(c->key_pem);
}

#endif
