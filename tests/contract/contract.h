/* contract.h - what the parts of the suite share: the subject, and the state of one test. */
#ifndef CONTRACT_CONTRACT_H
#define CONTRACT_CONTRACT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "contract/host.h"
#include "contract/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct subject {
        const struct dl_adaptor *adaptor;
        const char *kind;
        char *spec;    /* with the device's address in it */
        char *changed; /* another spec of equal channel and connection, or NULL */
        struct rig *rig;
};

extern struct subject subject;

/* A device of the spec, or of another one; fails the test when it does not compile. */
struct dl_device *device_of(const char *spec);
struct dl_device *device_new(void);
void device_end(struct dl_device *d);
/* A link; fails the test when it does not open. */
struct seat *seat_of(const struct dl_device *d);

void nap_ms(long ms);
/* The device in a mode, or the test is skipped. */
void rig_must(enum rig_mode mode);
/* Reads until it works, as the agent would, but not for long. */
void reads_again(struct seat *s);
void all_points_good(struct seat *s, const struct dl_device *d);
void describe_is_sane(const struct dl_device *d);

int test_begin(void **state);
int test_end(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_begin, test_end)

/* The suite's parts; each gives the number of failed tests. */
int run_life(void);
int run_trouble(void);
int run_specs(void);

#endif
