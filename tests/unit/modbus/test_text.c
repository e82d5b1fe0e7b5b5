/* What stands in the registers becomes exactly the text that users of Octopus know. */
#include "unit/modbus/common.h"

/* 0 and the two texts, or an error. */
static int read_entry(struct arena *a, const struct tree *entry, const char **ret_value,
                      const char **ret_operated, bool *ret_warned)
{
        struct dl_device *d = NULL;
        struct reports r;
        struct err e = { 0 };
        struct dl_value v;
        char fixed[TEXT_FIXED_MAX];
        double scaled = 0;
        uint8_t bytes[512];

        int rc = compile_entry(a, entry, &d, &r, &e);
        *ret_warned = reported(&r, DL_WARNING, "properties[0].visitor.quantity");
        if (rc < 0) {
                assert_true(e.text[0] != '\0');
                return rc;
        }
        const struct property *p = &d->properties[0];
        size_t n = from_hex(text_of(entry, "bytes"), bytes);
        rc = shape_decode(&p->shape, bytes, n, &v, &e);
        if (rc == 0) {
                assert_int_equal(v.type, d->info.points[0].type);
                *ret_value = value_as_text(a, &v);
                *ret_operated = "";
                if (p->n_ops > 0 && ops_apply(p->ops, p->n_ops, &v, &scaled)) {
                        (void)text_fixed6(scaled, fixed);
                        *ret_operated = arena_strdup(a, fixed);
                }
        }
        spec_free(d);
        return rc;
}

static void every_recorded_reading_has_its_texts(void **state)
{
        (void)state;
        auto_of(arena) struct arena *a = arena_new();
        size_t n = 0;

        TREE_FOREACH (entry, load_vectors(a, "modbus_text.json")) {
                const struct tree *want = tree_get(entry, "want");
                const struct tree *out = want ? want : entry;
                const char *value = "";
                const char *operated = "";
                bool warned = false;
                int rc = read_entry(a, entry, &value, &operated, &warned);

                n++;
                if (tree_get(out, "error")) {
                        if (rc == 0)
                                fail_msg("no error: %s", entry_text(a, entry));
                        continue;
                }
                if (rc < 0 || strcmp(value, text_of(out, "value")) != 0 ||
                    strcmp(operated, text_of(out, "operatedValue")) != 0)
                        fail_msg("rc %d, value '%s', operated '%s': %s", rc, value, operated,
                                 entry_text(a, entry));
                bool unchecked = strcmp(text_of(entry, "note"), "quantity-unchecked") == 0;
                if (unchecked != warned)
                        fail_msg("warned %d: %s", warned, entry_text(a, entry));
        }
        assert_int_equal(n, 267);
}

static void every_recorded_real_has_its_text(void **state)
{
        (void)state;
        auto_of(arena) struct arena *a = arena_new();
        size_t n = 0;

        TREE_FOREACH (entry, load_vectors(a, "float_text.json")) {
                bool is_float = int_of(entry, "width") == 32;
                const struct shape s = {
                        .type = is_float ? TYPE_FLOAT : TYPE_DOUBLE,
                        .area = AREA_HOLDING_REGISTER,
                        .quantity = is_float ? 2 : 4,
                };
                uint8_t bytes[8];
                struct dl_value v;
                struct err e = { 0 };
                size_t len = from_hex(text_of(entry, "bits"), bytes);

                assert_int_equal(shape_decode(&s, bytes, len, &v, &e), 0);
                if (strcmp(value_as_text(a, &v), text_of(entry, "text")) != 0)
                        fail_msg("'%s': %s", value_as_text(a, &v), entry_text(a, entry));
                n++;
        }
        assert_int_equal(n, 229);
}

/* octopus 3.1 */
static void byte_orders_go_by_behaviour_not_by_name(void **state)
{
        (void)state;
        static const struct {
                enum shape_type type;
                uint16_t quantity;
                uint64_t value;
                const char *wire[4]; /* in the order of enum shape_order */
        } cases[] = {
                { TYPE_UINT16, 1, 0x0a0b, { "0a0b", "0a0b", "0b0a", "0b0a" } },
                { TYPE_UINT32, 2, 0x0a0b0c0d, { "0a0b0c0d", "0b0a0d0c", "0d0c0b0a", "0c0d0a0b" } },
                { TYPE_UINT64,
                  4,
                  0x0102030405060708,
                  { "0102030405060708", "0201040306050807", "0807060504030201",
                    "0708050603040102" } },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                for (unsigned order = 0; order < 4; order++) {
                        const struct shape s = {
                                .type = cases[i].type,
                                .area = AREA_HOLDING_REGISTER,
                                .order = (enum shape_order)order,
                                .quantity = cases[i].quantity,
                        };
                        const struct dl_value in = { .type = DL_UINT, .as.u = cases[i].value };
                        struct dl_value out;
                        uint8_t wire[8];
                        uint8_t written[DATA_MAX];
                        struct err e = { 0 };
                        size_t n = from_hex(cases[i].wire[order], wire);

                        assert_int_equal(shape_decode(&s, wire, n, &out, &e), 0);
                        assert_int_equal(out.as.u, in.as.u);
                        assert_int_equal(shape_encode(&s, &in, written, &e), 0);
                        assert_memory_equal(written, wire, n);
                }
        }
}

static void bits_in_the_middle_of_a_block_read_as_if_asked_for_alone(void **state)
{
        (void)state;
        const uint8_t block[] = { 0xcd, 0x6b, 0x05 }; /* coils 20..38 */
        uint8_t spare[DATA_MAX];
        size_t len = 0;

        for (uint16_t address = 20; address < 39; address++) {
                for (uint16_t quantity = 1; address + quantity <= 39; quantity++) {
                        const struct shape s = {
                                .type = quantity == 1 ? TYPE_BOOLEAN : TYPE_HEX_STRING,
                                .area = AREA_COIL,
                                .address = address,
                                .quantity = quantity,
                        };
                        const uint8_t *p = shape_slice(&s, 20, 19, block, spare, &len);
                        assert_int_equal(len, (quantity + 7) / 8);
                        for (unsigned i = 0; i < len * 8; i++) {
                                unsigned at = address - 20U + i;
                                int is = p[i / 8] >> i % 8 & 1;
                                int was = i < quantity ? block[at / 8] >> at % 8 & 1 : 0;
                                assert_int_equal(is, was);
                        }
                }
        }
}

static void a_block_of_one_point_is_taken_as_it_came(void **state)
{
        (void)state;
        const struct shape s = { .type = TYPE_BOOLEAN, .area = AREA_COIL, .quantity = 1 };
        const uint8_t odd = 0x80; /* some devices say true like this */
        uint8_t spare[DATA_MAX];
        size_t len = 0;
        struct dl_value v;
        struct err e = { 0 };

        const uint8_t *p = shape_slice(&s, 0, 1, &odd, spare, &len);
        assert_int_equal(shape_decode(&s, p, len, &v, &e), 0);
        assert_int_equal(v.as.i, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_recorded_reading_has_its_texts),
                cmocka_unit_test(every_recorded_real_has_its_text),
                cmocka_unit_test(byte_orders_go_by_behaviour_not_by_name),
                cmocka_unit_test(bits_in_the_middle_of_a_block_read_as_if_asked_for_alone),
                cmocka_unit_test(a_block_of_one_point_is_taken_as_it_came),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
