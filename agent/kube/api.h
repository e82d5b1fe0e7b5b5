/* api.h - requests to the API server: paths, budget, retries, and what an answer means.
 *
 * Budget     A token bucket for work, another for leases, so that heartbeats never queue behind
 *            work; watches are outside both.  At most 32 requests are under way beside watches and
 *            leases; the rest waits in order, what is urgent first.
 * Retries    Inside: no answer, 429, and 5xx with Retry-After, for requests that may be repeated
 *            (reads, PATCH and PUT with a guard, DELETE; POST only after 429, else it may have
 *            arrived), at most 10 times within 60 s, waiting at least what the server says.
 *            401: once with new credentials.  Everything else is the caller's: his class says how.
 * Writes     Carry fieldManager, and fieldValidation=Warn; warnings are logged once per text.
 * Limits     30 s per attempt, 10 s to connect, bodies 32 MiB unpacked for lists, 4 MiB else.
 * Metrics    Counters by verb, resource and code.
 * Secrets    Bodies are wiped when freed where the caller says so; never logged.
 * Threads    The loop.
 */
#ifndef KUBE_API_H
#define KUBE_API_H

#include "base/histogram.h"
#include "base/tree.h"
#include "kube/access.h"

struct kube_api;

struct kube_api_config {
        struct loop *loop;
        const char *kubeconfig; /* as in access.h */
        const char *agent;      /* User-Agent: "devicelink/1.0 (agent; node-1)" */
        const char *manager;    /* fieldManager of writes: "devicelink-agent" */
        double rate;            /* requests a second for work; 0 = 100 */
        unsigned burst;         /* 0 = 200 */
        /* Asked when a request that is no read is about to be sent, again for each attempt, but not
         * for leases; false: it ends with KUBE_AWAY.  NULL = always. */
        bool (*may_write)(void *ctx);
        void *ctx;
};

int kube_api_open(const struct kube_api_config *, struct kube_api **ret, struct err *e);
void kube_api_close(struct kube_api *a); /* cancels; NULL is fine */
struct loop *kube_api_loop(const struct kube_api *a);
const char *kube_api_space(const struct kube_api *a); /* own namespace */
const char *kube_api_server(const struct kube_api *a);

/* --- where: "/apis/edge.cattle.io/v1alpha1/namespaces/default/devicelinks/pump/status" */

struct kube_resource {
        const char *group; /* "" = core */
        const char *version;
        const char *plural;
};

extern const struct kube_resource kube_devicelinks, kube_nodes, kube_secrets, kube_config_maps,
        kube_leases, kube_events, kube_crds;

/* Of a device kind: plural is the lower-case kind and "s" (octopus 1.2).  api_version:
 * "group/version".  The texts live in the arena. */
struct kube_resource kube_resource_of(const char *api_version, const char *kind, struct arena *a);

/* The resource of that name in an APIResourceList; NULL: it is not served. */
const struct tree *kube_discovered(const struct tree *list, const char *plural);

/* Segments are percent-encoded; space NULL = cluster-wide, name NULL = the collection, sub NULL =
 * none.  What no name can be ("", ".", "..", or too long) becomes "-", which names nothing.  For
 * free(). */
char *kube_path(const struct kube_resource *r, const char *space, const char *name,
                const char *sub);
/* Add "&key=value", or "?key=value" as the first; the value is percent-encoded. */
void kube_query(struct buf *path, const char *key, const char *value);

/* --- what an answer means: named for what the caller does next */

enum kube_class {
        KUBE_OK,
        KUBE_MISSING,      /* 404: no such object, or no such resource (.no_resource) */
        KUBE_CONFLICT,     /* 409: resourceVersion or uid is not the one now: read again */
        KUBE_EXISTS,       /* 409 AlreadyExists */
        KUBE_EXPIRED,      /* 410; 504 with ResourceVersionTooLarge */
        KUBE_REFUSED,      /* 400, 413, 415, 422, and 500 of a typed patch: this body never works */
        KUBE_FORBIDDEN,    /* 403: RBAC or policy: minutes */
        KUBE_UNAUTHORIZED, /* 401, also with new credentials: minutes */
        KUBE_AWAY,         /* no answer, 429, other 5xx: back off and try again */
};

struct kube_answer {
        enum kube_class class;
        long status;               /* HTTP; 0 = none */
        const struct tree *object; /* the body when it is JSON, also of errors; else NULL */
        struct arena *arena;       /* holds all texts here; steal it (set NULL) to keep it */
        const char *body;          /* of KUBE_OK where it was asked for raw: for the call */
        size_t body_len;
        const char *reason;     /* of a Status: "NotFound"; "" = none */
        const char *message;    /* for people: the Status' message, the text body, or why none;
                                   "" with KUBE_OK */
        bool no_resource;       /* 404 of the resource itself: its CRD is not there */
        int64_t retry_after_ns; /* -1 = none said */
};

enum kube_lane { KUBE_WORK, KUBE_URGENT, KUBE_LEASE };

struct kube_request {
        const char *method;       /* "GET" "POST" "PUT" "PATCH" "DELETE" */
        const char *path;         /* from kube_path(), with its query */
        const char *resource;     /* for metrics and logs: "devicelinks/status"; a literal */
        const char *content_type; /* of the body; NULL = application/json; a literal */
        const char *accept;       /* NULL = application/json; a literal */
        const char *body;         /* copied */
        size_t body_len;
        enum kube_lane lane;
        bool raw;    /* do not parse the answer, leave it in .body; the limit is that of lists */
        bool once;   /* the caller has a pause of his own: no retries inside but after 401 */
        bool secret; /* wipe what was received */
        /* Of the whole, from now on; 0 = 60 s from the first attempt, however long it waits for its
         * turn before. */
        int64_t limit_ns;
        void *ctx;
        void (*done)(void *ctx, struct kube_answer *); /* once, not from within kube_start() */
};

struct kube_call;
struct kube_call *kube_start(struct kube_api *a, const struct kube_request *r);
void kube_cancel(struct kube_call *c); /* no done(); NULL is fine */

/* Values of .accept for metadata alone: of an object or a watch, and of a list. */
#define KUBE_METADATA                                                                              \
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
#define KUBE_METADATA_LIST                                                                         \
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

#define KUBE_MERGE_PATCH "application/merge-patch+json"
#define KUBE_JSON_PATCH "application/json-patch+json"

/* --- a watch: one line is one JSON document */

struct kube_watch_request {
        const char *path;
        const char *resource;
        const char *accept; /* as above */
        void *ctx;
        void (*began)(void *ctx); /* 200 */
        /* One line without its end, at most 3 MiB (what is longer ends the watch). */
        void (*line)(void *ctx, const char *text, size_t n);
        /* Once.  class KUBE_OK: it ended in order; KUBE_REFUSED with status 0: the line was too
         * long. */
        void (*done)(void *ctx, struct kube_answer *);
};
/* Never calls back from within; all but done() may kube_cancel() it. */
struct kube_call *kube_watch(struct kube_api *a, const struct kube_watch_request *r);

/* --- metrics */

struct kube_count {
        const char *method; /* "WATCH" for watches */
        const char *resource;
        int code; /* 0 = no answer */
        uint64_t n;
};
/* A snapshot; the list lives until the next request ends.  At most 256 rows, then code and
 * resource become "other". */
size_t kube_api_counts(const struct kube_api *a, const struct kube_count **ret);
/* The time of each answered request: from its turn to the whole answer, of a watch to its begin. */
struct kube_latency {
        const char *method; /* "WATCH" for watches */
        struct histogram times;
};
size_t kube_api_latencies(const struct kube_api *a, const struct kube_latency **ret);
/* Since when the API server has not answered at all (monotonic ns); 0 = it answers. */
int64_t kube_api_away_since(const struct kube_api *a);

#endif
