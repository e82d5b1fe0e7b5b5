/* cluster_chain.h - what is to be done with one link, from what is known of it (octopus 1.2, 1.3).
 *
 * The whole order of an agent's work on a link in one function: deletion, adaptor, finalizer,
 * instance, references, device.  At most one request follows from it, and the list of conditions as
 * it should stand.
 * An instance that cannot be written does not stop a device that runs: it is driven on from what
 * was accepted last.  Only the operator's verdict, a missing adaptor, an instance that belongs to
 * somebody else or that another node holds, and deletion stop it.
 * Pure; threads: none shared.
 */
#ifndef KUBE_CLUSTER_CHAIN_H
#define KUBE_CLUSTER_CHAIN_H

#include "kube/link_status.h"

/* As last seen. */
enum chain_instance {
        CHAIN_UNSEEN, /* no list has told of one */
        CHAIN_UNSURE, /* there may be one: an answer was lost, or it was there already */
        CHAIN_ABSENT,
        CHAIN_FOREIGN, /* of the same name, but not ours */
        CHAIN_HELD,    /* by another node */
        CHAIN_GOING,   /* being deleted */
        CHAIN_DIFFERS,
        CHAIN_RIGHT,
};

/* Of the last attempt on the link as it is now. */
enum chain_refusal {
        CHAIN_REFUSED_NOTHING,
        CHAIN_REFUSED_MODEL,  /* the API server does not know the kind */
        CHAIN_REFUSED_CREATE, /* or to set the finalizer, or to look */
        CHAIN_REFUSED_UPDATE,
};

/* What the link room said last. */
enum chain_device {
        CHAIN_SILENT,
        CHAIN_CONNECTING,
        CHAIN_HEALTHY,
        CHAIN_UNHEALTHY,
};

struct chain_input {
        const char *node; /* ours */
        const char *spec_node, *spec_adaptor, *spec_api_version, *spec_kind;
        const struct link_status *status;
        bool deleted, finalizer;
        bool wrong;      /* the object cannot be read as a link */
        bool has_plugin; /* the adaptor is loaded */
        enum chain_instance instance;
        bool looking; /* the first list of the instances is under way */
        enum chain_refusal refused;
        bool resting;      /* an attempt failed; the next one is not due */
        bool refs_unknown; /* content of references is being read for the first time */
        bool accepted;     /* there is something that was right once */
        bool busy;         /* the device is not closed yet */
        enum chain_device device;
        const char *device_message; /* of CHAIN_UNHEALTHY */
};

enum chain_step {
        CHAIN_NONE,
        CHAIN_LOOK, /* GET the instance; make it right when it differs */
        CHAIN_CREATE,
        CHAIN_FINALIZE,
        CHAIN_UNFINALIZE,
};

struct chain_verdict {
        enum chain_step step; /* to be done now; CHAIN_NONE also while resting */
        bool handled;         /* the operator found node and model: ours to do */
        bool accept;          /* what the link says now is right: drive that */
        bool drive;           /* from what is accepted */
        bool speak;           /* .now should stand; false: not before the step was tried */
        bool hurry;           /* it says more than that something is under way */
        struct link_status now;
};

void chain_decide(const struct chain_input *in, int64_t wall_ns, struct chain_verdict *ret);

#endif
