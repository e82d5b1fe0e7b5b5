/* decide.h - what the operator does about one link: the contract's node and model (octopus 1.2), an
 * agent that is silent, an instance of a former kind, deletion (octopus 1.3).
 *
 * Pure: no I/O and no clock; the same facts give the same answer, and what was done already gives
 * nothing to do.  Texts are borrowed from the view and the facts.
 */
#ifndef OPERATOR_DECIDE_H
#define OPERATOR_DECIDE_H

#include "operator/link_view.h"

struct node_view { /* of a Node that is there; no member is NULL, "" = none */
        const char *host_name, *internal_ip, *internal_dns, *external_ip, *external_dns;
};

/* The addresses of a Node object; of several of one type the last.  Texts of the object. */
void node_view_read(const struct tree *object, struct node_view *ret);
bool node_view_equal(const struct node_view *a, const struct node_view *b);

enum model_state {
        MODEL_PENDING, /* being read for the first time */
        MODEL_UNKNOWN, /* cannot be read */
        MODEL_MISSING,
        MODEL_UNSERVED, /* not in this version */
        MODEL_SERVED,
};

enum agent_state {
        AGENT_UNSEEN, /* no sign of it, but not for long enough to say */
        AGENT_ALIVE,
        AGENT_SILENT,
        AGENT_GONE, /* silent beyond the grace */
};

/* The instance of a kind that the link had before. */
enum old_state {
        OLD_NONE,
        OLD_UNKNOWN, /* there may be one */
        OLD_HELD,    /* by a node other than the link's, whose agent lives */
};

struct decide_facts {
        const struct node_view *node; /* of the link; NULL: none, or it is being deleted */
        enum model_state model;
        enum agent_state agent; /* of the link's node */
        bool told; /* that it is silent stood in the link before: what is there now is newer */
        enum old_state old;
        int64_t now_ns; /* wall */
};

enum decision {
        DECIDE_WAIT,       /* for a fact */
        DECIDE_STATUS,     /* *ret is what the status should be; maybe it is */
        DECIDE_REMOVE_OLD, /* the old instance, and decide again */
        DECIDE_LET_GO,     /* the link is deleted and nobody drives it: drop its finalizer */
        DECIDE_ABANDON,    /* the same, but nobody knows how the device was left */
};

enum decision decide(const struct link_view *v, const struct decide_facts *f,
                     struct link_status *ret);

#define AGENT_LOST_REASON "AgentLost"
#define AGENT_LOST_MESSAGE "the agent of the node is silent"
bool says_agent_lost(const struct link_status *s);

/* Whose is the instance of a link? */
enum holder {
        HOLDER_FOREIGN, /* it is not the link's instance */
        HOLDER_FREE,    /* nobody's, or the link's own node's */
        HOLDER_OTHER,   /* *ret_node's */
};
enum holder holder_of(const struct link_view *v, const struct tree *object, struct arena *a,
                      const char **ret_node);

#endif
