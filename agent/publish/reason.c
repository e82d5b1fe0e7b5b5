/* reason.c - return codes (MQTT 3.1.1, 3.2.2.3) and reason codes (MQTT 5, 2.4) in words. */
#include "publish/reason.h"

#include <stddef.h>

static const struct reason {
        int code;
        bool passing;
        const char *text;
} reasons[] = {
        { 1, false, "protocol version not accepted" },
        { 2, false, "client id not accepted" },
        { 3, true, "server unavailable" },
        { 4, false, "bad user name or password" },
        { 5, false, "not authorised" },
        { 0x80, true, "unspecified error" },
        { 0x81, false, "malformed packet" },
        { 0x82, false, "protocol error" },
        { 0x83, false, "implementation specific error" },
        { 0x84, false, "protocol version not accepted" },
        { 0x85, false, "client id not accepted" },
        { 0x86, false, "bad user name or password" },
        { 0x87, false, "not authorised" },
        { 0x88, true, "server unavailable" },
        { 0x89, true, "server busy" },
        { 0x8a, false, "banned" },
        { 0x8b, true, "server shutting down" },
        { 0x8c, false, "bad authentication method" },
        { 0x8d, true, "keep alive time-out" },
        { 0x8e, false, "session taken over by another client of the same id" },
        { 0x8f, false, "topic filter not accepted" },
        { 0x90, false, "topic not accepted" },
        { 0x91, false, "packet identifier in use" },
        { 0x92, false, "packet identifier not found" },
        { 0x93, true, "receive maximum exceeded" },
        { 0x94, false, "topic alias not accepted" },
        { 0x95, false, "packet too large" },
        { 0x96, true, "message rate too high" },
        { 0x97, true, "quota exceeded" },
        { 0x98, true, "administrative action" },
        { 0x99, false, "payload format not accepted" },
        { 0x9a, false, "retained messages not supported" },
        { 0x9b, false, "QoS not supported" },
        { 0x9c, false, "use another server" },
        { 0x9d, false, "server moved" },
        { 0x9f, true, "connection rate exceeded" },
        { 0xa0, true, "maximum connect time" },
};

static const struct reason *find(int code)
{
        for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
                if (reasons[i].code == code)
                        return &reasons[i];
        return NULL;
}

const char *reason_text(int code)
{
        const struct reason *r = find(code);

        return r ? r->text : "unknown reason";
}

bool reason_is_passing(int code)
{
        const struct reason *r = find(code);

        return r && r->passing;
}
