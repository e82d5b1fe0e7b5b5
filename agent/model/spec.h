/* spec.h - the desired state: one struct link_spec per link, immutable once made, counted.
 *
 * Made by the room that reads the source (kube: API server or folder); looked at by link and
 * publish.
 * Threads: the loop holds the references; what a spec points to may be read from any thread while
 * a reference is held.
 */
#ifndef MODEL_SPEC_H
#define MODEL_SPEC_H

#include "base/decode.h"

#include <devicelink/adaptor.h>

struct link_spec {
        unsigned refs;
        struct arena *arena; /* holds all below */
        const char *key;     /* "namespace/name": unique */
        const char *space;   /* namespace */
        const char *name;
        const char *uid;
        const char *node;        /* "" = none */
        const char *adaptor;     /* spec.adaptor.name; for a device given directly: "" = by kind */
        const char *api_version; /* of the device */
        const char *kind;
        const struct tree *spec; /* of the device, with its lines; NULL: see link_spec_tree() */
        const char *spec_json;   /* the same, canonical */
        size_t spec_json_len;
        const struct dl_reference *references; /* resolved items */
        size_t n_references;
        const char *reference_error; /* NULL, or why the references cannot be resolved now */
        bool has_references;         /* the link has spec.references at all */
        const char *file;            /* where it came from, NULL = API server */
        const char *spec_path;       /* path of .spec within its document: "spec.template.spec" */
        int adaptor_line;            /* of spec.adaptor.name and the kind; 0 = unknown */
        int kind_line;
        /* Whose .spec_json is, where it is not in the arena; told when the spec goes.  NULL: none.
         */
        void *owner;
        void (*owner_done)(void *owner);
};

/* With an arena and one reference; all other members are the maker's. */
struct link_spec *link_spec_new(void);
struct link_spec *link_spec_ref(struct link_spec *s);
void link_spec_unref(struct link_spec *s);                                  /* NULL is fine */
bool link_spec_equal(const struct link_spec *a, const struct link_spec *b); /* all that matters */
/* .spec, or .spec_json read into the arena; never NULL, maybe an empty map. */
const struct tree *link_spec_tree(const struct link_spec *s, struct arena *a);
/* The line of the deepest node on the path that exists; 0 = unknown. */
int link_spec_line(const struct link_spec *s, const char *path);
/* The item, or NULL: unknown or empty (blank). */
const struct dl_reference *link_spec_reference(const struct link_spec *s, const char *name,
                                               const char *item);

/* The whole desired set, sorted by key, keys unique. */
struct desired {
        struct link_spec **links;
        size_t n;
};

void desired_done(struct desired *d); /* drops its references */
/* Takes over one reference; DL_CONFIG: the key is there already. */
int desired_add(struct desired *d, struct link_spec *s, struct err *e);

/* {name, item} of a `...Ref` field: decode table shared by all that have credentials. */
struct reference_pick {
        const char *name;
        const char *item;
};
extern const struct field reference_pick_fields[];

#endif
