/* auto.h - what an auto_ variable holds is released at the end of its scope.
 *
 * Ownership moves out visibly: return steal(&p), steal_fd(&fd).
 * AUTO_DEFINE(buf, struct buf, buf_done) defines auto_of(buf) for a struct held by value,
 * AUTO_DEFINE_PTR(arena, struct arena *, arena_free) defines auto_of(arena) for a pointer.
 */
#ifndef BASE_AUTO_H
#define BASE_AUTO_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_freep(void *p)
{
        free(*(void **)p);
}

static inline void auto_closep(const int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

static inline void auto_fclosep(FILE **f)
{
        if (*f)
                (void)fclose(*f);
}

static inline int steal_fd(int *fd)
{
        int r = *fd;

        *fd = -1;
        return r;
}

#define auto_free __attribute__((cleanup(auto_freep)))
#define auto_close __attribute__((cleanup(auto_closep)))
#define auto_fclose __attribute__((cleanup(auto_fclosep)))

#define steal(p)                                                                                   \
        ({                                                                                         \
                __typeof__(*(p)) stolen_ = *(p);                                                   \
                *(p) = NULL;                                                                       \
                stolen_;                                                                           \
        })

/* A destructor that takes NULL: `AUTO_DEFINE_PTR(tree, struct tree *, tree_free)`. */
#define AUTO_DEFINE_PTR(name, type, release)                                                       \
        static inline void auto_##name##_p(__typeof__(type) *p)                                    \
        {                                                                                          \
                release(*p);                                                                       \
        }

/* For a struct held by value: `AUTO_DEFINE(buf, struct buf, buf_done)`. */
#define AUTO_DEFINE(name, type, release)                                                           \
        static inline void auto_##name##_p(__typeof__(type) *p)                                    \
        {                                                                                          \
                release(p);                                                                        \
        }

#define auto_of(name) __attribute__((cleanup(auto_##name##_p)))

#endif
