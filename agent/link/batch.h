/* batch.h - what happens on a link's thread crosses to the loop in batches of records.
 *
 * One block of memory holds all records of a turn, samples with their bytes; delivered blocks go
 * back to their sender to be filled again, so a steady state allocates nothing.
 * Threads   An outbox is filled by one thread at a time; records are read on the loop.
 * Limits    A block is handed on early when it passes 256 KiB.
 */
#ifndef LINK_BATCH_H
#define LINK_BATCH_H

#include "loop/loop.h"

#include <devicelink/adaptor.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct links;
struct batch;

/* The way to the loop.  Shut, nothing passes any more: what is stuck in a plugin when the agent
 * ends may come back to a loop that is gone. */
struct gate {
        pthread_mutex_t lock;
        bool shut;
        struct loop *loop;
        struct links *links;
        void (*take)(struct links *, struct batch *); /* on the loop; borrowed */
};

bool gate_post(struct gate *g, struct loop_message *m); /* false: shut, the message is untouched */

struct outbox {
        struct gate *gate;
        struct batch *batch;
        _Atomic(struct batch *) spare;
        bool recycles; /* outlives its batches */
};

enum record_kind {
        RECORD_SAMPLE,
        RECORD_POLLED,  /* a read has ended; rc, text */
        RECORD_STATE,   /* the line came or went by itself; rc, text */
        RECORD_WRITTEN, /* a write has ended: id, results */
        RECORD_ADOPTED, /* from here on indexes mean the points of this device */
        RECORD_STUCK,   /* the plugin does not return, not even interrupted */
        RECORD_CLOSED,  /* the last one of a sink */
};

struct record {
        uint32_t kind;
        uint32_t bytes; /* with the head; a multiple of 8 */
        struct dl_sink *sink;
};

struct record_sample {
        struct record head;
        bool asked;              /* part of a read whose RECORD_POLLED will follow */
        struct dl_sample sample; /* array items, value bytes, error text follow */
};

struct record_result {
        struct record head;
        int64_t took_ns; /* RECORD_POLLED: the request; -1 = unknown */
        int32_t rc;
        char text[];
};

struct record_write {
        uint32_t point;
        int32_t rc;
        uint32_t code;
        char text[256];
};

struct record_written {
        struct record head;
        uint64_t id;
        size_t n;
        struct record_write list[];
};

struct record_adopted {
        struct record head;
        struct device *device; /* a reference that goes to the reader */
};

/* The value was checked: value_check(). */
void outbox_sample(struct outbox *o, struct dl_sink *s, const struct dl_sample *sample, bool asked);
struct record_result *outbox_result(struct outbox *o, struct dl_sink *s, enum record_kind kind,
                                    int rc, const char *text);
struct record_written *outbox_written(struct outbox *o, struct dl_sink *s, uint64_t id, size_t n);
void outbox_adopted(struct outbox *o, struct dl_sink *s, struct device *device);
void outbox_flush(struct outbox *o); /* nothing in it: nothing happens */
void outbox_done(struct outbox *o);  /* flushes, frees the spare */

/* Walk the records: start with NULL; NULL at the end. */
const struct record *batch_next(const struct batch *b, const struct record *r);
/* The sample with its pointers put right; lives as long as the batch. */
const struct dl_sample *record_sample_open(const struct record *head, bool *ret_asked);

#endif
