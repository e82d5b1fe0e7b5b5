/* common.h - vectors and specs for the tests of the modbus adaptor. */
#ifndef TEST_MODBUS_COMMON_H
#define TEST_MODBUS_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "base/text.h"
#include "base/tree.h"
#include "modbus/spec.h"

#include <stdio.h>
#include <string.h>

/* --- vectors */

static inline const struct tree *load_vectors(struct arena *a, const char *name)
{
        char path[512];
        const struct tree *t = NULL;
        struct err e = { 0 };

        (void)snprintf(path, sizeof(path), TEST_DATA "/vectors/%s", name);
        auto_fclose FILE *f = fopen(path, "re");
        assert_non_null(f);
        size_t max = 1024 * 1024;
        char *text = arena_alloc(a, max);
        size_t n = fread(text, 1, max, f);
        assert_true(n > 0 && n < max);
        assert_int_equal(tree_parse_json(a, text, n, &tree_limits_default, &t, &e), 0);
        return t;
}

/* The text of a member, "" when it is absent. */
static inline const char *text_of(const struct tree *t, const char *key)
{
        const char *s = tree_text(tree_get(t, key));

        return s ? s : "";
}

static inline int64_t int_of(const struct tree *t, const char *key)
{
        const struct tree *v = tree_get(t, key);

        assert_non_null(v);
        assert_int_equal(v->type, TREE_INT);
        return v->as.i;
}

static inline bool is_true(const struct tree *t, const char *key)
{
        const struct tree *v = tree_get(t, key);

        return v && v->type == TREE_BOOL && v->as.b;
}

/* An entry in one line, for the message of a failing test. */
static inline const char *entry_text(struct arena *a, const struct tree *t)
{
        struct buf b = BUF(16 * 1024);

        tree_json(t, 0, &b);
        const char *s = arena_strdup(a, buf_text(&b));
        buf_done(&b);
        return s;
}

static inline size_t from_hex(const char *hex, uint8_t *out)
{
        size_t n = 0;
        struct err e = { 0 };

        assert_int_equal(text_parse_hex(hex, strlen(hex), out, &n, &e), 0);
        return n;
}

static inline const char *to_hex(struct arena *a, const void *p, size_t n)
{
        struct buf b = BUF(16 * 1024);

        buf_add_hex(&b, p, n);
        const char *s = arena_strdup(a, buf_text(&b));
        buf_done(&b);
        return s;
}

/* --- values as a status document shows them */

static inline const char *value_as_text(struct arena *a, const struct dl_value *v)
{
        char real[TEXT_REAL_MAX];

        switch (v->type) {
        case DL_BOOL:
                return v->as.i ? "true" : "false";
        case DL_INT:
                return arena_printf(a, "%lld", (long long)v->as.i);
        case DL_UINT:
                return arena_printf(a, "%llu", (unsigned long long)v->as.u);
        case DL_REAL32:
        case DL_REAL:
                (void)text_real(v->as.r, v->type == DL_REAL32, real);
                return arena_strdup(a, real);
        case DL_BYTES:
                return to_hex(a, v->as.data, v->len);
        default:
                fail_msg("value of type %u", v->type);
                return "";
        }
}

/* --- specs */

#define MAX_REPORTS 64

struct reports {
        size_t n;
        struct {
                enum dl_severity severity;
                char path[192];
                char text[256];
        } list[MAX_REPORTS];
};

static inline void take_report(void *ctx, enum dl_severity severity, const char *path,
                               const char *text)
{
        struct reports *r = ctx;

        assert_true(r->n < MAX_REPORTS);
        r->list[r->n].severity = severity;
        (void)snprintf(r->list[r->n].path, sizeof(r->list[0].path), "%s", path);
        (void)snprintf(r->list[r->n].text, sizeof(r->list[0].text), "%s", text);
        r->n++;
}

/* Compile; every report must be told from the others. */
static inline int compile(const char *spec, struct dl_device **ret, struct reports *r,
                          struct err *e)
{
        memset(r, 0, sizeof(*r));
        const struct dl_request q = {
                .size = sizeof(q),
                .api_version = "devices.edge.cattle.io/v1alpha1",
                .kind = "ModbusDevice",
                .space = "default",
                .name = "test",
                .spec = spec,
                .spec_len = strlen(spec),
                .report = take_report,
                .report_ctx = r,
        };
        return spec_compile(&q, ret, e);
}

static inline bool reported(const struct reports *r, enum dl_severity severity, const char *path)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->list[i].severity == severity && strcmp(r->list[i].path, path) == 0)
                        return true;
        return false;
}

#define SPEC_HEAD "{\"protocol\":{\"tcp\":{\"endpoint\":\"127.0.0.1:502\",\"workerID\":1}},"

/* A device with the one property that a vector's entry describes. */
static inline int compile_entry(struct arena *a, const struct tree *entry, struct dl_device **ret,
                                struct reports *r, struct err *e)
{
        struct buf b = BUF(64 * 1024);
        const char *order = text_of(entry, "endianness");
        const struct tree *ops = tree_get(entry, "operations");

        buf_adds(&b, SPEC_HEAD "\"properties\":[{\"name\":\"p\",\"type\":");
        buf_add_json(&b, text_of(entry, "type"), strlen(text_of(entry, "type")));
        buf_addf(&b, ",\"readOnly\":%s",
                 tree_get(entry, "bytes") && !tree_get(entry, "function") &&
                                 !tree_get(entry, "written")
                         ? "true"
                         : "false");
        if (tree_get(entry, "written")) {
                const char *value = text_of(entry, "value");
                buf_adds(&b, ",\"value\":");
                buf_add_json(&b, value, strlen(value));
        }
        buf_addf(&b, ",\"visitor\":{\"register\":\"%s\",\"offset\":10,\"quantity\":%lld",
                 text_of(entry, "register"), (long long)int_of(entry, "quantity"));
        if (order[0])
                buf_addf(&b, ",\"endianness\":\"%s\"", order);
        if (ops) {
                buf_adds(&b, ",\"orderOfOperations\":");
                tree_json(ops, 0, &b);
        }
        buf_adds(&b, "}}]}");
        assert_true(buf_ok(&b));
        const char *spec = arena_strdup(a, buf_text(&b));
        buf_done(&b);
        return compile(spec, ret, r, e);
}

#endif
