/* A peer is believed when its certificate says so, and only then; settings are taken whole. */
#include "http_certs.h"
#include "http_peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

struct tls_room {
        struct room *room;
        struct certs ca;
        struct certs other_ca;
        struct certs server; /* DNS:api.test, IP:127.0.0.1 */
        struct certs client;
        SSL_CTX *context;
};

static SSL_CTX *context;
static char seen_sni[128];
static char seen_client[128];
static char seen_host[128];
static int handshakes;

static void note_host(const char *request)
{
        const char *host = strstr(request, "\r\nHost: ");

        (void)snprintf(seen_host, sizeof(seen_host), "%.*s",
                       host ? (int)strcspn(host + 8, "\r") : 0, host ? host + 8 : "");
}

static void note_client(SSL *s)
{
        X509 *x = SSL_get1_peer_certificate(s);

        seen_client[0] = '\0';
        if (x)
                (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
                                                seen_client, sizeof(seen_client));
        X509_free(x);
}

static void serve_tls(struct peer_connection *c)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        SSL *s = SSL_new(context);
        char request[8192];
        int n = 0;

        (void)SSL_set_fd(s, c->fd);
        if (SSL_accept(s) == 1) {
                const char *sni = SSL_get_servername(s, TLSEXT_NAMETYPE_host_name);

                handshakes++;
                (void)snprintf(seen_sni, sizeof(seen_sni), "%s", sni ? sni : "");
                note_client(s);
                while ((n = SSL_read(s, request, sizeof(request) - 1)) > 0) {
                        request[n] = '\0';
                        note_host(request);
                        (void)SSL_write(s, answer, sizeof(answer) - 1);
                }
        }
        SSL_free(s);
        ERR_clear_error();
}

static SSL_CTX *context_of(const struct certs *c)
{
        SSL_CTX *x = SSL_CTX_new(TLS_server_method());

        assert_int_equal(SSL_CTX_use_certificate(x, c->x), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(x, c->key), 1);
        return x;
}

static void set_server(const struct certs *c)
{
        SSL_CTX_free(context);
        context = context_of(c);
}

static void want_client(const struct certs *ca)
{
        assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca->x), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static int tls_set_up(void **state)
{
        struct tls_room *t = xcalloc(1, sizeof(*t));

        /* As the agent does: TLS libraries write to closed connections. */
        (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        (void)set_up((void **)&t->room);
        t->ca = certs_make("ca", NULL, NULL, 3600);
        t->other_ca = certs_make("other ca", NULL, NULL, 3600);
        t->server = certs_make("server", &t->ca, "DNS:api.test,IP:127.0.0.1", 3600);
        t->client = certs_make("node-1", &t->ca, NULL, 3600);
        set_server(&t->server);
        handshakes = 0;
        peer_start(&t->room->peer, serve_tls);
        *state = t;
        return 0;
}

static int tls_tear_down(void **state)
{
        struct tls_room *t = *state;

        peer_stop(&t->room->peer);
        (void)tear_down((void **)&t->room);
        certs_done(&t->ca);
        certs_done(&t->other_ca);
        certs_done(&t->server);
        certs_done(&t->client);
        SSL_CTX_free(context);
        context = NULL;
        free(t);
        return 0;
}

static void set(struct tls_room *t, struct http_tls tls)
{
        struct err e = { 0 };

        if (http_set_tls(t->room->http, &tls, &e) < 0)
                fail_msg("%s", e.text);
}

static struct got ask(struct tls_room *t)
{
        struct got g;
        char url[128];
        struct http_request q = got_request(&g, url, &t->room->peer, "/");

        (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", t->room->peer.port);
        got_start(&g, t->room->http, t->room->loop, &q);
        got_wait(&g);
        return g;
}

/* --- who is believed */

static void a_peer_of_the_authority_is_believed(void **state)
{
        struct tls_room *t = *state;

        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_OK);
        assert_string_equal(g.body, "hello");
        assert_string_equal(seen_sni, ""); /* an address is no name */
        assert_string_equal(seen_client, "");
        assert_true(g.connect_ns > 0);
}

static void a_bundle_of_authorities_is_read_whole(void **state)
{
        struct tls_room *t = *state;
        auto_free char *both = xasprintf("# first\n%s\n# second\n%s", t->other_ca.pem, t->ca.pem);

        set(t, (struct http_tls){ .ca_pem = both });
        assert_int_equal(ask(t).rc, DL_OK);
}

static void a_peer_of_another_authority_is_refused(void **state)
{
        struct tls_room *t = *state;

        set(t, (struct http_tls){ .ca_pem = t->other_ca.pem });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_int_equal(g.status, 0);
        assert_non_null(strstr(g.text, "certificate"));
        /* Without an authority the system's count, and they do not know it. */
        set(t, (struct http_tls){ .ca_pem = NULL });
        assert_int_equal(ask(t).rc, DL_CONFIG);
}

static void a_wrong_name_is_refused(void **state)
{
        struct tls_room *t = *state;
        struct certs wrong = certs_make("127.0.0.1", &t->ca, "DNS:other.test,IP:127.0.0.2", 3600);

        set_server(&wrong);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "127.0.0.1"));
        certs_done(&wrong);
}

static void an_expired_certificate_is_refused(void **state)
{
        struct tls_room *t = *state;
        struct certs old = certs_make("server", &t->ca, "IP:127.0.0.1", -10);

        set_server(&old);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "expired"));
        certs_done(&old);
}

static void insecure_means_no_check(void **state)
{
        struct tls_room *t = *state;
        struct certs old = certs_make("server", &t->other_ca, "DNS:x.test", -10);

        set_server(&old);
        set(t, (struct http_tls){ .insecure = true });
        assert_int_equal(ask(t).rc, DL_OK);
        certs_done(&old);
}

static void the_server_name_is_sent_and_checked_in_place_of_the_host(void **state)
{
        struct tls_room *t = *state;
        struct certs named = certs_make("server", &t->ca, "DNS:api.test", 3600);
        char host[64];

        set_server(&named);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        assert_int_equal(ask(t).rc, DL_CONFIG);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem, .server_name = "api.test" });
        assert_int_equal(ask(t).rc, DL_OK);
        assert_string_equal(seen_sni, "api.test");
        (void)snprintf(host, sizeof(host), "127.0.0.1:%d", t->room->peer.port);
        assert_string_equal(seen_host, host);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem, .server_name = "web.test" });
        assert_int_equal(ask(t).rc, DL_CONFIG);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem, .server_name = "no name" });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "no name"));
        certs_done(&named);
}

/* --- who we are */

static void the_client_certificate_is_shown(void **state)
{
        struct tls_room *t = *state;

        want_client(&t->ca);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem,
                                  .certificate_pem = t->client.pem,
                                  .key_pem = t->client.key_pem });
        assert_int_equal(ask(t).rc, DL_OK);
        assert_string_equal(seen_client, "node-1");
}

static void a_peer_that_refuses_us_is_told_from_one_that_is_away(void **state)
{
        struct tls_room *t = *state;
        struct certs stranger = certs_make("stranger", &t->other_ca, NULL, 3600);

        want_client(&t->ca);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "certificate required"));
        set(t, (struct http_tls){ .ca_pem = t->ca.pem,
                                  .certificate_pem = stranger.pem,
                                  .key_pem = stranger.key_pem });
        assert_int_equal(ask(t).rc, DL_CONFIG);
        certs_done(&stranger);
}

static void hang_up(struct peer_connection *c)
{
        char first;

        if (read(c->fd, &first, 1) == 1)
                (void)shutdown(c->fd, SHUT_RDWR);
}

static void plain_hello(struct peer_connection *c)
{
        char first[600];

        if (read(c->fd, first, sizeof(first)) <= 0)
                return;
        peer_says(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void a_line_that_breaks_in_the_handshake_is_tried_again(void **state)
{
        struct tls_room *t = *state;

        t->room->peer.serve = hang_up;
        assert_int_equal(ask(t).rc, DL_RETRY);
        t->room->peer.serve = plain_hello;
        struct got g = ask(t);
        assert_int_equal(g.rc, DL_CONFIG);
        assert_non_null(strstr(g.text, "wrong version number"));
}

/* --- settings */

static void new_settings_use_no_old_connection(void **state)
{
        struct tls_room *t = *state;

        want_client(&t->ca);
        set(t, (struct http_tls){ .ca_pem = t->ca.pem,
                                  .certificate_pem = t->client.pem,
                                  .key_pem = t->client.key_pem });
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(handshakes, 1);
        struct certs next = certs_make("node-2", &t->ca, NULL, 3600);
        set(t, (struct http_tls){
                       .ca_pem = t->ca.pem, .certificate_pem = next.pem, .key_pem = next.key_pem });
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(handshakes, 2);
        assert_string_equal(seen_client, "node-2");
        struct pollfd p = { .fd = t->room->peer.connections[0].fd, .events = POLLRDHUP };
        assert_int_equal(poll(&p, 1, 2000), 1); /* the idle one was closed */
        certs_done(&next);
}

static void what_cannot_be_used_is_refused_by_name_and_changes_nothing(void **state)
{
        struct tls_room *t = *state;
        auto_free char *cut = xasprintf("%s%.200s\n", t->ca.pem, t->other_ca.pem);
        auto_free char *locked = NULL;
        BIO *b = BIO_new(BIO_s_mem());

        assert_int_equal(PEM_write_bio_PrivateKey(b, t->client.key, EVP_aes_128_cbc(),
                                                  (const unsigned char *)"x", 1, NULL, NULL),
                         1);
        locked = certs_text(b);
        const struct {
                struct http_tls tls;
                const char *says;
        } cases[] = {
                { { .ca_pem = "" },
                  "certificate authority: expected a PEM certificate, found none" },
                { { .ca_pem = t->ca.key_pem },
                  "certificate authority: expected a PEM certificate" },
                { { .ca_pem = cut }, "certificate authority: cannot read a certificate" },
                { { .certificate_pem = t->client.pem }, "client certificate: its key is missing" },
                { { .key_pem = t->client.key_pem },
                  "client certificate: the certificate is missing" },
                { { .certificate_pem = "x", .key_pem = t->client.key_pem },
                  "client certificate: expected a PEM certificate, found none" },
                { { .certificate_pem = t->client.pem, .key_pem = "x" },
                  "client key: expected a PEM key without a pass phrase" },
                { { .certificate_pem = t->client.pem, .key_pem = locked },
                  "client key: expected a PEM key without a pass phrase" },
                { { .certificate_pem = t->client.pem, .key_pem = t->server.key_pem },
                  "client key: does not belong to the certificate" },
        };

        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct err e = { 0 };

                assert_int_equal(http_set_tls(t->room->http, &cases[i].tls, &e), DL_CONFIG);
                if (strncmp(e.text, cases[i].says, strlen(cases[i].says)) != 0)
                        fail_msg("case %zu: %s", i, e.text);
                assert_int_equal(ERR_peek_error(), 0);
        }
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(handshakes, 1);
}

/* libcurl calls these; the program's come before its library's. */
static int system_roots;

__attribute__((visibility("default"))) int X509_STORE_load_path(X509_STORE *ctx, const char *path)
{
        (void)ctx;
        (void)path;
        system_roots++;
        return 1;
}

__attribute__((visibility("default"))) int X509_STORE_load_file(X509_STORE *ctx, const char *file)
{
        (void)ctx;
        (void)file;
        system_roots++;
        return 1;
}

static void a_given_authority_stands_alone(void **state)
{
        struct tls_room *t = *state;

        system_roots = 0;
        set(t, (struct http_tls){ .ca_pem = NULL });
        (void)ask(t);
        assert_true(system_roots > 0); /* the system's */
        system_roots = 0;
        set(t, (struct http_tls){ .ca_pem = t->ca.pem });
        assert_int_equal(ask(t).rc, DL_OK);
        assert_int_equal(system_roots, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_peer_of_the_authority_is_believed, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(a_bundle_of_authorities_is_read_whole, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(a_peer_of_another_authority_is_refused, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(a_wrong_name_is_refused, tls_set_up, tls_tear_down),
                cmocka_unit_test_setup_teardown(an_expired_certificate_is_refused, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(insecure_means_no_check, tls_set_up, tls_tear_down),
                cmocka_unit_test_setup_teardown(
                        the_server_name_is_sent_and_checked_in_place_of_the_host, tls_set_up,
                        tls_tear_down),
                cmocka_unit_test_setup_teardown(the_client_certificate_is_shown, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(
                        a_peer_that_refuses_us_is_told_from_one_that_is_away, tls_set_up,
                        tls_tear_down),
                cmocka_unit_test_setup_teardown(a_line_that_breaks_in_the_handshake_is_tried_again,
                                                tls_set_up, tls_tear_down),
                cmocka_unit_test_setup_teardown(new_settings_use_no_old_connection, tls_set_up,
                                                tls_tear_down),
                cmocka_unit_test_setup_teardown(
                        what_cannot_be_used_is_refused_by_name_and_changes_nothing, tls_set_up,
                        tls_tear_down),
                cmocka_unit_test_setup_teardown(a_given_authority_stands_alone, tls_set_up,
                                                tls_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
