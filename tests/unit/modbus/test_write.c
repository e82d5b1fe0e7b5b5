/* Texts and values become exactly the bytes that the device is to get, or an error that helps. */
#include "unit/modbus/common.h"

#include <math.h>

/* 0 and the bytes ("" = nothing to write), or an error. */
static int write_entry(struct arena *a, const struct tree *entry, const char **ret_bytes,
                       struct err *e)
{
        struct dl_device *d = NULL;
        struct reports r;
        uint8_t data[DATA_MAX];

        int rc = compile_entry(a, entry, &d, &r, e);
        if (rc < 0)
                return rc;
        const struct property *p = &d->properties[0];
        const struct dl_value *v = &d->info.points[0].desired;
        *ret_bytes = "";
        if (v->type != DL_NONE) {
                uint8_t f = p->shape.area == AREA_COIL ? WRITE_COILS : WRITE_REGISTERS;
                rc = shape_encode(&p->shape, v, data, e);
                *ret_bytes = to_hex(a, data, codec_data_size(f, p->shape.quantity));
        }
        spec_free(d);
        return rc;
}

static void every_recorded_text_is_written_as_its_bytes(void **state)
{
        (void)state;
        auto_of(arena) struct arena *a = arena_new();
        size_t n = 0;

        TREE_FOREACH (entry, load_vectors(a, "modbus_write.json")) {
                const struct tree *want = tree_get(entry, "want");
                const struct tree *out = want ? want : entry;
                bool defect = is_true(entry, "defect") && !want;
                const char *bytes = "";
                struct err e = { 0 };
                int rc = write_entry(a, entry, &bytes, &e);

                n++;
                if (tree_get(out, "error") || defect) {
                        if (rc == 0 || e.text[0] == '\0')
                                fail_msg("no error: %s", entry_text(a, entry));
                        if (strncmp(e.path, "properties[0].", 14) != 0)
                                fail_msg("path '%s': %s", e.path, entry_text(a, entry));
                        continue;
                }
                if (rc < 0 || strcmp(bytes, text_of(out, "bytes")) != 0)
                        fail_msg("rc %d (%s), bytes '%s': %s", rc, e.text, bytes,
                                 entry_text(a, entry));
        }
        assert_int_equal(n, 140);
}

static const struct shape int16_shape = { TYPE_INT16, AREA_HOLDING_REGISTER, 0, 0, 1 };
static const struct shape uint32_shape = { TYPE_UINT32, AREA_HOLDING_REGISTER, 0, 0, 2 };
static const struct shape int64_shape = { TYPE_INT64, AREA_HOLDING_REGISTER, 0, 0, 4 };
static const struct shape uint64_shape = { TYPE_UINT64, AREA_HOLDING_REGISTER, 0, 0, 4 };
static const struct shape float_shape = { TYPE_FLOAT, AREA_HOLDING_REGISTER, 0, 0, 2 };
static const struct shape double_shape = { TYPE_DOUBLE, AREA_HOLDING_REGISTER, 0, 0, 4 };
static const struct shape coil_shape = { TYPE_BOOLEAN, AREA_COIL, 0, 0, 1 };
static const struct shape coils_shape = { TYPE_HEX_STRING, AREA_COIL, 0, 0, 10 };
static const struct shape input_shape = { TYPE_INT16, AREA_INPUT_REGISTER, 0, 0, 1 };

#define INT(v) ((struct dl_value){ .type = DL_INT, .as.i = (v) })
#define UINT(v) ((struct dl_value){ .type = DL_UINT, .as.u = (v) })
#define REAL(v) ((struct dl_value){ .type = DL_REAL, .as.r = (v) })
#define BOOLEAN(v) ((struct dl_value){ .type = DL_BOOL, .as.i = (v) })
#define TEXT(s) ((struct dl_value){ .type = DL_TEXT, .len = sizeof(s) - 1, .as.data = (s) })
#define BYTES(s) ((struct dl_value){ .type = DL_BYTES, .len = sizeof(s) - 1, .as.data = (s) })
#define JSON(s) ((struct dl_value){ .type = DL_JSON, .len = sizeof(s) - 1, .as.data = (s) })

/* bytes NULL: refused. */
static void assert_written(const struct shape *s, struct dl_value v, const char *bytes)
{
        uint8_t expected[DATA_MAX];
        uint8_t got[DATA_MAX];
        struct err e = { 0 };
        int rc = shape_encode(s, &v, got, &e);

        if (!bytes) {
                assert_int_equal(rc, DL_REFUSED);
                assert_true(e.text[0] != '\0');
                return;
        }
        assert_int_equal(rc, 0);
        size_t n = from_hex(bytes, expected);
        assert_memory_equal(got, expected, n);
}

static void integers_take_every_number_that_is_theirs_and_no_other(void **state)
{
        (void)state;
        assert_written(&int16_shape, INT(-1), "ffff");
        assert_written(&int16_shape, INT(32767), "7fff");
        assert_written(&int16_shape, INT(-32768), "8000");
        assert_written(&int16_shape, INT(32768), NULL);
        assert_written(&int16_shape, INT(-32769), NULL);
        assert_written(&int16_shape, REAL(21.0), "0015");
        assert_written(&int16_shape, REAL(21.5), NULL);
        assert_written(&int16_shape, REAL((double)NAN), NULL);
        assert_written(&int16_shape, REAL((double)INFINITY), NULL);
        assert_written(&int16_shape, BOOLEAN(1), NULL);
        assert_written(&int16_shape, TEXT("-2"), "fffe");
        assert_written(&int16_shape, TEXT("2 "), NULL);
        assert_written(&int16_shape, JSON("2"), NULL);
        assert_written(&uint32_shape, INT(4294967295), "ffffffff");
        assert_written(&uint32_shape, INT(4294967296), NULL);
        assert_written(&uint32_shape, INT(-1), NULL);
        assert_written(&uint32_shape, REAL(-0.0), "00000000");
        assert_written(&int64_shape, INT(INT64_MIN), "8000000000000000");
        assert_written(&int64_shape, UINT(9223372036854775807U), "7fffffffffffffff");
        assert_written(&int64_shape, UINT(9223372036854775808U), NULL);
        assert_written(&int64_shape, REAL(-0x1p63), "8000000000000000");
        assert_written(&int64_shape, REAL(0x1p63), NULL);
        assert_written(&uint64_shape, UINT(UINT64_MAX), "ffffffffffffffff");
        assert_written(&uint64_shape, REAL(0x1p64), NULL);
}

static void reals_take_numbers_and_texts(void **state)
{
        (void)state;
        assert_written(&float_shape, REAL(296.65), "43945333");
        assert_written(&float_shape, INT(2), "40000000");
        assert_written(&float_shape, UINT(2), "40000000");
        assert_written(&float_shape, TEXT("1e1"), "41200000");
        assert_written(&float_shape, REAL(1e39), NULL);
        assert_written(&float_shape, REAL(-1e39), NULL);
        assert_written(&float_shape, REAL(3.4028235e38), "7f7fffff");
        assert_written(&float_shape, REAL((double)INFINITY), "7f800000");
        assert_written(&float_shape, BOOLEAN(1), NULL);
        assert_written(&float_shape, TEXT("1e39"), NULL);
        assert_written(&double_shape, REAL(-296.65), "c0728a6666666666");
        assert_written(&double_shape, TEXT("x"), NULL);
}

static void coils_take_booleans_and_hex(void **state)
{
        (void)state;
        assert_written(&coil_shape, BOOLEAN(1), "01");
        assert_written(&coil_shape, BOOLEAN(0), "00");
        assert_written(&coil_shape, INT(1), "01");
        assert_written(&coil_shape, INT(2), NULL);
        assert_written(&coil_shape, INT(-1), NULL);
        assert_written(&coil_shape, TEXT("true"), "01");
        assert_written(&coil_shape, TEXT("on"), NULL);
        assert_written(&coils_shape, TEXT("CD01"), "cd01");
        assert_written(&coils_shape, BYTES("\xcd\x01"), "cd01");
        assert_written(&coils_shape, BYTES("\xcd"), NULL);
        assert_written(&coils_shape, INT(5), NULL);
}

static void read_only_tables_are_never_written(void **state)
{
        (void)state;
        assert_written(&input_shape, INT(1), NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_text_is_written_as_its_bytes),
                cmocka_unit_test(integers_take_every_number_that_is_theirs_and_no_other),
                cmocka_unit_test(reals_take_numbers_and_texts),
                cmocka_unit_test(coils_take_booleans_and_hex),
                cmocka_unit_test(read_only_tables_are_never_written),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
