/* modbus.c - the adaptor's table: adaptors.edge.cattle.io/modbus, event-driven. */
#include "modbus/engine.h"

static const struct dl_host *host;

static int modbus_compile(const struct dl_request *r, struct dl_device **ret, struct dl_error *err)
{
        struct err e = { 0 };

        int rc = spec_compile(r, ret, &e);
        if (rc < 0)
                engine_error(err, &e);
        return rc;
}

static const struct dl_info *modbus_describe(const struct dl_device *d)
{
        return &d->info;
}

static int modbus_open(const struct dl_device *d, struct dl_sink *sink, struct dl_link **ret,
                       struct dl_error *err)
{
        (void)err;
        *ret = engine_new(host, sink, d);
        return DL_OK;
}

static int modbus_update(struct dl_link *l, const struct dl_device *d, struct dl_error *err)
{
        (void)err;
        engine_update(l, d);
        return DL_OK;
}

static int modbus_check(const struct dl_device *d, uint32_t point, const struct dl_value *v,
                        struct dl_error *err)
{
        uint8_t data[DATA_MAX];
        struct err e = { 0 };
        int rc;

        if (point >= d->info.n_points)
                rc = err_set(&e, DL_BUG, "no such point");
        else if (!d->properties[point].writable)
                rc = err_set(&e, DL_REFUSED, "the property is read-only");
        else
                rc = shape_encode(&d->properties[point].shape, v, data, &e);
        if (rc < 0)
                engine_error(err, &e);
        return rc;
}

__attribute__((visibility("default"))) const struct dl_adaptor *
dl_adaptor_v1(const struct dl_host *table)
{
        static const char *const kinds[] = { "ModbusDevice", NULL };
        static const struct dl_adaptor modbus = {
                .size = sizeof(modbus),
                .name = "adaptors.edge.cattle.io/modbus",
                .version = DEVICELINK_VERSION,
                .kinds = kinds,
                .compile = modbus_compile,
                .describe = modbus_describe,
                .discard = spec_free,
                .open = modbus_open,
                .update = modbus_update,
                .begin_read = engine_read,
                .begin_write = engine_write,
                .close = engine_free,
                .check = modbus_check,
        };

        if (table->size < sizeof(*table))
                return NULL;
        host = table;
        return &modbus;
}
