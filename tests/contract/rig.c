/* rig.c - the process of a device, and the wire to it. */
#include "contract/rig.h"

#include "base/mem.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASK_CONTACTS = RIG_MODES };

struct rig {
        const struct rig_kind *kind;
        pid_t pid;
        int wire;
        char address[256];
};

static bool serve_wire(const struct rig_kind *kind, int wire)
{
        uint8_t ask;
        uint32_t answer = 0;

        if (recv(wire, &ask, 1, 0) != 1)
                return false;
        if (ask == ASK_CONTACTS)
                answer = kind->contacts();
        else
                kind->set((enum rig_mode)ask);
        return send(wire, &answer, sizeof(answer), 0) == sizeof(answer);
}

static void live(const struct rig_kind *kind, int wire)
{
        struct pollfd list[RIG_FDS_MAX + 1];

        for (;;) {
                size_t n = kind->fds(list + 1);

                list[0] = (struct pollfd){ .fd = wire, .events = POLLIN };
                (void)poll(list, n + 1, 10);
                if (list[0].revents && !serve_wire(kind, wire))
                        return;
                for (size_t i = 1; i <= n && !list[0].revents; i++)
                        if (list[i].revents)
                                kind->ready(&list[i]);
                kind->tick();
        }
}

static _Noreturn void child(const struct rig_kind *kind, int wire)
{
        char address[sizeof(((struct rig *)NULL)->address)] = "";

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        kind->start(address, sizeof(address));
        kind->set(RIG_HEALTHY);
        if (send(wire, address, sizeof(address), 0) == sizeof(address))
                live(kind, wire);
        kind->stop();
        _exit(0);
}

struct rig *rig_start(const struct rig_kind *kind)
{
        struct rig *r = xcalloc(1, sizeof(*r));
        int wire[2];

        r->kind = kind;
        r->wire = -1;
        if (!kind->start)
                return r;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wire) < 0)
                abort();
        r->pid = fork();
        if (r->pid < 0)
                abort();
        if (r->pid == 0) {
                (void)close(wire[0]);
                child(kind, wire[1]);
        }
        (void)close(wire[1]);
        r->wire = wire[0];
        if (recv(r->wire, r->address, sizeof(r->address), 0) != sizeof(r->address)) {
                (void)fprintf(stderr, "contract: the device '%s' does not start\n", kind->name);
                abort();
        }
        return r;
}

const char *rig_address(const struct rig *r)
{
        return r->address;
}

bool rig_can(const struct rig *r, enum rig_mode mode)
{
        return r->kind->modes & (1U << mode);
}

static uint32_t ask(struct rig *r, unsigned what)
{
        uint8_t byte = (uint8_t)what;
        uint32_t answer = 0;

        if (r->wire < 0)
                return 0;
        if (send(r->wire, &byte, 1, 0) != 1 ||
            recv(r->wire, &answer, sizeof(answer), 0) != sizeof(answer)) {
                (void)fprintf(stderr, "contract: the device '%s' is gone\n", r->kind->name);
                abort();
        }
        return answer;
}

void rig_set(struct rig *r, enum rig_mode mode)
{
        (void)ask(r, mode);
}

bool rig_contacts(struct rig *r, unsigned *ret)
{
        if (!r->kind->counts_contacts)
                return false;
        *ret = ask(r, ASK_CONTACTS);
        return true;
}

void rig_stop(struct rig *r)
{
        if (r->pid > 0) {
                (void)close(r->wire);
                (void)waitpid(r->pid, NULL, 0);
        }
        free(r);
}

const struct rig_kind rig_none = { .name = "none", .modes = 1U << RIG_HEALTHY };
