/* api_answer.h - what an answer of the API server means.
 *
 * Bodies are a Status, an object, plain text (429 of the flow control, 404 of a resource that is
 * not there) or what some proxy says.  Messages are one line of UTF-8, at most 1,024 bytes, and
 * hold nothing of a body that is neither a Status nor plain text.
 * Pure; threads: none shared.
 */
#ifndef KUBE_API_ANSWER_H
#define KUBE_API_ANSWER_H

#include "kube/api.h"

enum { ANSWER_MESSAGE_MAX = 1024, ANSWER_BODY_MAX = 4 << 20, ANSWER_LIST_MAX = 32 << 20 };

struct answer_in {
        long status; /* HTTP */
        const char *content_type;
        const char *body;
        size_t len;
        bool raw; /* leave the body of a 2xx as it is, when it is JSON */
};

/* Texts and tree live in the arena of the answer, which is new.  retry_after_ns is left -1. */
void answer_read(const struct answer_in *in, struct kube_answer *ret);
/* None came: class KUBE_AWAY, or what is said. */
void answer_none(enum kube_class class, const char *why, struct kube_answer *ret);
/* The object of an ERROR event in a watch: a Status, with the HTTP code it stands for. */
void answer_of_status(const struct tree *status, struct arena *a, struct kube_answer *ret);
void answer_done(struct kube_answer *r, bool wipe);

#endif
