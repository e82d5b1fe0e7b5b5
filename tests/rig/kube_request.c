/* kube_request.c - requests of kube.h, by libcurl. */
/* libs: PkgConfig::CURL PkgConfig::JSONC */
#include "rig/kube.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_MAX = 64 << 20, REQUEST_S = 30 };

struct body {
        char *text;
        size_t len;
};

static size_t take(char *data, size_t one, size_t n, void *ctx)
{
        struct body *b = ctx;
        size_t more = one * n;
        char *text = b->len + more <= BODY_MAX ? realloc(b->text, b->len + more + 1) : NULL;

        if (!text)
                return 0;
        memcpy(text + b->len, data, more);
        b->text = text;
        b->len += more;
        text[b->len] = '\0';
        return more;
}

static void in_pki(struct kube *k, CURLoption option, const char *name)
{
        char path[320];

        (void)snprintf(path, sizeof(path), "%s/pki/%s", k->dir, name);
        (void)curl_easy_setopt(k->curl, option, path);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
        char *line = NULL;

        if (asprintf(&line, "%s: %s", name, value) < 0)
                fail_msg("no memory");
        list = curl_slist_append(list, line);
        free(line);
        return list;
}

static struct json_object *parse(const struct body *b)
{
        enum json_tokener_error error = json_tokener_success;
        struct json_object *o = b->text ? json_tokener_parse_verbose(b->text, &error) : NULL;

        return error == json_tokener_success ? o : NULL;
}

/* The connections stay over the requests. */
static void prepare(struct kube *k, const char *token, const char *method, const char *url)
{
        if (!k->curl)
                k->curl = curl_easy_init();
        if (!k->curl)
                fail_msg("no curl");
        curl_easy_reset(k->curl);
        (void)curl_easy_setopt(k->curl, CURLOPT_URL, url);
        (void)curl_easy_setopt(k->curl, CURLOPT_CUSTOMREQUEST, method);
        (void)curl_easy_setopt(k->curl, CURLOPT_TIMEOUT, (long)REQUEST_S);
        (void)curl_easy_setopt(k->curl, CURLOPT_NOSIGNAL, 1L);
        in_pki(k, CURLOPT_CAINFO, "ca.crt");
        if (!token) {
                in_pki(k, CURLOPT_SSLCERT, "admin.crt");
                in_pki(k, CURLOPT_SSLKEY, "admin.key");
        }
}

long kube_request_as(struct kube *k, const char *token, const char *method, const char *path,
                     const char *content_type, const char *body, struct json_object **ret)
{
        struct curl_slist *headers = NULL;
        struct body answer = { 0 };
        char *url = NULL;
        long status = 0;

        if (asprintf(&url, "%s%s", k->server, path) < 0)
                fail_msg("no memory");
        prepare(k, token, method, url);
        free(url);
        headers = add_header(headers, "Accept", "application/json");
        if (body) {
                headers = add_header(headers, "Content-Type",
                                     content_type ? content_type : "application/json");
                (void)curl_easy_setopt(k->curl, CURLOPT_POSTFIELDS, body);
        }
        if (token) {
                char *bearer = NULL;
                if (asprintf(&bearer, "Bearer %s", token) < 0)
                        fail_msg("no memory");
                headers = add_header(headers, "Authorization", bearer);
                free(bearer);
        }
        (void)curl_easy_setopt(k->curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(k->curl, CURLOPT_WRITEFUNCTION, take);
        (void)curl_easy_setopt(k->curl, CURLOPT_WRITEDATA, &answer);
        if (curl_easy_perform(k->curl) == CURLE_OK)
                (void)curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        if (ret)
                *ret = parse(&answer);
        free(answer.text);
        return status;
}

long kube_request(struct kube *k, const char *method, const char *path, const char *content_type,
                  const char *body, struct json_object **ret)
{
        return kube_request_as(k, NULL, method, path, content_type, body, ret);
}

struct json_object *kube_get(struct kube *k, const char *path)
{
        struct json_object *o = NULL;
        long status = kube_request(k, "GET", path, NULL, NULL, &o);

        if (status == 404) {
                json_object_put(o);
                return NULL;
        }
        if (status != 200 || !o)
                fail_msg("GET %s: %ld %s", path, status, o ? json_object_to_json_string(o) : "");
        return o;
}
