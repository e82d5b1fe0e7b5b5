/* devicelink/adaptor.h - the contract between the agent and an adaptor plugin.
 *
 * A plugin is a shared object that exports one function, dl_adaptor_v1().  It links to nothing in
 * the agent: all it may call arrives in struct dl_host.
 *
 * Versions    The symbol's name is the major version.  Structs grow only at the end; `size` is the
 *             number of bytes their author knew of, and what lies beyond it is taken as zero.
 *             In an array all elements have the same `size`, and it is the distance between them.
 * Life        compile() -> describe() -> open() -> { read, write, update } -> close() ->
 *             discard().  A device (what compile() made) is immutable, outlives the links opened
 *             from it, and may be looked at from any thread.  A link belongs to one thread.
 * Threads     All calls on links of one channel come from one thread at a time.  compile(),
 *             describe(), check(), status() and discard() do no I/O and may come from any thread.
 *             interrupt() comes from another thread than the call it ends.  emit(), state() and
 *             log() may be called from any thread that the plugin owns until close() returns;
 *             the rest of the host table only on the thread that called the plugin.
 * Ownership   What is passed in, either way, is borrowed for the length of the call.
 * Units       Times are nanoseconds; wall times since 1970-01-01 UTC, others monotonic.
 * Errors      Results are named for what the agent does next.  The agent owns back-off, conditions
 *             and reporting: a plugin only classifies, and never retries by itself.
 * Models      A blocking adaptor fills read/write and may sleep in them until interrupt(); the
 *             agent runs its channels on a small pool of threads.  An event-driven adaptor fills
 *             begin_read/begin_write, never sleeps, creates no thread, and lives on a reactor of
 *             the agent (watches, timers, names, completions in the host table).  One or the
 *             other.
 *
 * Limits (enforced by the agent; more is cut or refused with a message): 65,535 points per device,
 * 64 KiB per text or bytes value, 4,096 array elements and 1 MiB of their bytes, 255 bytes per
 * error text.
 */
#ifndef DEVICELINK_ADAPTOR_H
#define DEVICELINK_ADAPTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dl_rc {
        DL_OK = 0,
        DL_RETRY = -1,   /* line or device away: back off, try again */
        DL_REFUSED = -2, /* the device said no: report, keep the link */
        DL_CONFIG = -3,  /* the spec is wrong: wait until it changes */
        DL_BUG = -4,     /* cannot happen: report, close the link */
};

struct dl_error {
        char path[192]; /* where in the spec, "properties[3].visitor.offset"; "" = nowhere */
        char text[256]; /* for the operator; with the path it becomes a condition's cause */
};

/* --- values ------------------------------------------------------------------------------- */

enum dl_type {
        DL_NONE = 0, /* no value */
        DL_BOOL,     /* as.i: 0 or 1 */
        DL_INT,      /* as.i */
        DL_UINT,     /* as.u */
        DL_REAL32,   /* as.r, which a float holds exactly: printed with a float's digits */
        DL_REAL,     /* as.r */
        DL_TEXT,     /* as.data: UTF-8, not NUL-terminated, len bytes */
        DL_BYTES,    /* as.data: len bytes */
        DL_JSON,     /* as.data: one JSON value, len bytes; for shapes that have no type here */
        DL_ARRAY,    /* as.items: len values of one type, no arrays among them */
};

struct dl_value {
        uint32_t type; /* enum dl_type */
        uint32_t len;
        union {
                int64_t i;
                uint64_t u;
                double r;
                const void *data;
                const struct dl_value *items;
        } as;
};

enum dl_quality { DL_GOOD = 0, DL_UNCERTAIN, DL_BAD };

enum { DL_SAMPLE_SCALED = 1 }; /* dl_sample.flags: .scaled holds a number */

/* One reading of one point.  With DL_BAD the value is ignored: the last good one stays. */
struct dl_sample {
        uint32_t size;
        uint32_t point;   /* index into dl_info.points */
        uint32_t quality; /* enum dl_quality */
        uint32_t code;    /* the protocol's own (Modbus exception, OPC UA status), 0 = none */
        uint32_t flags;
        uint32_t reserved;  /* 0 */
        int64_t source_ns;  /* the device's own time, 0 = it told none */
        int64_t arrival_ns; /* wall time at which the answer was complete, 0 = now */
        struct dl_value value;
        double scaled;     /* value after the operations of the spec */
        const char *error; /* not DL_GOOD: why, for the operator; else NULL */
};

/* --- what compile() finds out ------------------------------------------------------------- */

enum { DL_READ = 1, DL_WRITE = 2, DL_PUSH = 4 }; /* dl_point.access */

enum dl_encoding { /* how a value stands in the status document */
                   DL_AS_TEXT =
                           0,    /* a JSON string: numbers in decimal, reals in their shortest form,
                                    booleans true/false, bytes as they are when UTF-8, else Base64 */
                   DL_AS_HEX,    /* a JSON string: bytes as lower-case hexadecimal digits */
                   DL_AS_BASE64, /* a JSON string: text or bytes as Base64 */
                   DL_AS_JSON,   /* JSON's own types; bytes as Base64 */
};

struct dl_point {
        uint32_t size;
        uint32_t type;     /* enum dl_type of its samples, DL_NONE = what the device sends */
        uint32_t access;   /* DL_READ | DL_WRITE | DL_PUSH */
        uint32_t encoding; /* enum dl_encoding */
        const char *name;  /* unique within the device */
        const char
                *members; /* constant members, JSON without braces: "\"name\":\"t\",..."; or "" */
        int64_t interval_ns;     /* poll interval, 0 = the device's */
        struct dl_value desired; /* DL_NONE: nothing is to be written */
};

/* The first shows quality and error of points that are not good, the others have no place for it.
 */
enum dl_layout {
        DL_LAYOUT_PROPERTIES = 0, /* {"properties":[{<members>,"value":..,"operatedValue":..,
                                     "<time_key>":..},..]} */
        DL_LAYOUT_MAP,            /* {"properties":{"<name>":<value>,..}} in the order of points */
        DL_LAYOUT_FLAT, /* {"<name>":<value>,..}; a zero, false or empty value is left out */
};

struct dl_info {
        uint32_t size;
        uint32_t layout;        /* enum dl_layout; status() wins where it is given */
        const char *channel;    /* links with equal text share one thread: "10.0.0.7:502",
                                   "/dev/ttyUSB0"; never NULL */
        const char *connection; /* equal text = update() may keep the connection; never NULL */
        const char *time_key;   /* NULL = "updatedAt"; "" = no time in the document */
        const struct dl_point *points;
        size_t n_points;
        int64_t interval_ns; /* poll interval, at least 5 ms; 0 = points are read once after each
                                start, change and outage */
        int64_t timeout_ns;  /* what one request may take, 0 = 10 s; the agent interrupts a blocking
                                call after three of them + 1 s, and gives a request that is never
                                done() up after ten of them + 120 s */
};

struct dl_reference {     /* one item of a Secret, ConfigMap or downward field, already fetched */
        const char *name; /* of the reference in the spec */
        const char *item; /* key within it */
        const void *data;
        size_t len;
};

enum dl_severity { DL_WARNING = 1, DL_ERROR = 2 };

struct dl_request { /* what compile() is given */
        uint32_t size;
        uint32_t reserved;
        const char *api_version; /* "devices.edge.cattle.io/v1alpha1" */
        const char *kind;        /* "ModbusDevice" */
        const char *space;       /* namespace of the link */
        const char *name;        /* name of the link */
        const char *spec; /* the device's spec: a JSON object, NUL-terminated.  Its `extension` is
                             the publishing side's; that it changed is told to nobody else */
        size_t spec_len;
        const struct dl_reference *references;
        size_t n_references;
        /* Say everything that is wrong, not only the first: path as in dl_error. */
        void (*report)(void *ctx, enum dl_severity, const char *path, const char *text);
        void *report_ctx;
};

/* --- the agent's side --------------------------------------------------------------------- */

struct dl_sink;   /* the agent's side of one link */
struct dl_ticket; /* one begun request of an event-driven adaptor */
struct dl_watch;  /* one watched descriptor */
struct dl_timer;
struct dl_out; /* a status document being written */

enum dl_scope { DL_SCOPE_CHANNEL, DL_SCOPE_THREAD };

enum { DL_READABLE = 1, DL_WRITABLE = 2, DL_HANGUP = 4 }; /* events of a descriptor */

struct dl_address {
        uint32_t size;
        uint32_t length;          /* of .bytes in use */
        unsigned char bytes[128]; /* a struct sockaddr_in or sockaddr_in6 */
};

struct dl_host {
        uint32_t size;
        uint32_t reserved;

        /* Samples of n points; copied.  Any time between open() and close(), asked for or not.
         * What is emitted from within read() counts when it returns. */
        void (*emit)(struct dl_sink *, const struct dl_sample *, size_t n);
        /* Outcome of one point's write, within write() or between begin_write() and done(). */
        void (*wrote)(struct dl_sink *, uint32_t point, int rc, uint32_t code, const char *text);
        /* The line came (DL_OK) or went (anything else: back off, read) outside of any request. */
        void (*state)(struct dl_sink *, int rc, const struct dl_error *);
        /* level as in syslog(3): 3 error, 4 warning, 6 info, 7 debug */
        void (*log)(struct dl_sink *, int level, const char *text);
        /* A pointer that all links of this channel, or (event-driven only) of this adaptor on this
         * thread, share; NULL at first.  The plugin counts its users and clears it. */
        void **(*local)(struct dl_sink *, enum dl_scope);

        /* The rest is for event-driven adaptors, on the link's reactor. */

        /* Ends the request.  The ticket is dead afterwards.  err may be NULL. */
        void (*done)(struct dl_ticket *, int rc, const struct dl_error *);
        /* Monotonic time of this turn of the reactor. */
        int64_t (*now)(struct dl_sink *);
        /* fd stays the plugin's; end the watch before closing it.  NULL: not watchable. */
        struct dl_watch *(*watch)(struct dl_sink *, int fd, unsigned events,
                                  void (*ready)(void *ctx, unsigned events), void *ctx);
        void (*watch_set)(struct dl_watch *, unsigned events); /* 0 = pause */
        void (*watch_end)(struct dl_watch *);                  /* also from within ready() */
        /* A timer fires once, up to a tick (at most 20 ms) late; fired, it can be set again. */
        struct dl_timer *(*timer)(struct dl_sink *, void (*fired)(void *ctx), void *ctx);
        void (*timer_set)(struct dl_timer *, int64_t after_ns); /* negative = stop */
        void (*timer_end)(struct dl_timer *);                   /* also from within fired() */
        /* Find the addresses of a host name or literal; found() is called once on the reactor,
         * perhaps before this returns, with n = 0 and a reason when there is none.  Not called
         * after close() of the sink's link. */
        void (*resolve)(struct dl_sink *, const char *host, uint16_t port,
                        void (*found)(void *ctx, const struct dl_address *, size_t n,
                                      const char *reason),
                        void *ctx);
        /* Random number for transaction ids, jitter. */
        uint32_t (*random)(void);
        /* For status(): add bytes, a JSON string, a value in an encoding. */
        void (*put)(struct dl_out *, const char *, size_t);
        void (*put_string)(struct dl_out *, const char *, size_t);
        void (*put_value)(struct dl_out *, const struct dl_value *, enum dl_encoding);
};

/* --- the plugin's side -------------------------------------------------------------------- */

struct dl_device; /* a compiled spec */
struct dl_link;   /* a device being driven */

struct dl_write {
        uint32_t size;
        uint32_t point;
        struct dl_value value;
};

/* The last known state of one point, for status(). */
struct dl_state {
        uint32_t size;
        uint32_t quality; /* enum dl_quality; DL_BAD keeps the last good value below */
        uint32_t code;
        uint32_t flags;        /* DL_SAMPLE_SCALED */
        struct dl_value value; /* DL_NONE: never read */
        double scaled;
        int64_t source_ns;
        int64_t arrival_ns; /* of .value */
        const char *error;  /* NULL when all is well */
};

struct dl_adaptor {
        uint32_t size;
        uint32_t reserved;
        const char *name;         /* as in spec.adaptor.name: "adaptors.edge.cattle.io/modbus" */
        const char *version;      /* for the log */
        const char *const *kinds; /* kinds of devices, NULL-terminated */

        /* Check and translate a spec; no I/O.  On DL_OK *ret is a device for discard(); DL_CONFIG:
         * the spec is wrong; anything else is taken for a bug. */
        int (*compile)(const struct dl_request *, struct dl_device **ret, struct dl_error *);
        const struct dl_info *(*describe)(const struct dl_device *); /* valid until discard() */
        void (*discard)(struct dl_device *);

        /* Make a link; no I/O, no waiting: connecting belongs to read and write. */
        int (*open)(const struct dl_device *, struct dl_sink *, struct dl_link **ret,
                    struct dl_error *);
        /* Optional: go on with another device of equal channel and connection, keeping the line;
         * no request is under way, and point indexes mean the new device's from this call on.
         * Not DL_OK, or no such slot: the agent closes and opens. */
        int (*update)(struct dl_link *, const struct dl_device *, struct dl_error *);
        /* Blocking: connect where needed, read n points (0: no more than that), emit() each: one
         * that the device refuses as DL_BAD.  Not DL_OK means the device as a whole: all its points
         * become bad. */
        int (*read)(struct dl_link *, const uint32_t *points, size_t n, struct dl_error *);
        /* Blocking, optional: write in order, wrote() for each; what it is not called for has the
         * result that is returned. */
        int (*write)(struct dl_link *, const struct dl_write *, size_t n, struct dl_error *);
        /* Event-driven: the same, ended by done().  One request at a time per link. */
        void (*begin_read)(struct dl_link *, struct dl_ticket *, const uint32_t *points, size_t n);
        void (*begin_write)(struct dl_link *, struct dl_ticket *, const struct dl_write *,
                            size_t n);
        /* Blocking only: make the call under way return soon.  Must not block; may come when
         * no call is under way; calls that follow must work again. */
        void (*interrupt)(struct dl_link *);
        /* Never blocks longer than a moment.  Tickets under way are forgotten, not done(). */
        void (*close)(struct dl_link *);

        /* Optional: may this value be written to that point?  No I/O. */
        int (*check)(const struct dl_device *, uint32_t point, const struct dl_value *,
                     struct dl_error *);
        /* Optional: write the status document, one JSON object, in place of dl_info.layout. */
        int (*status)(const struct dl_device *, const struct dl_state *, size_t n, struct dl_out *);
};

/* NULL: this host is too old for the plugin. */
const struct dl_adaptor *dl_adaptor_v1(const struct dl_host *);

#ifdef __cplusplus
}
#endif

#endif
