/* main.c - the verbs and what is common to them. */
#include "verbs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
        const char *name;
        const char *help;
        int (*run)(int argc, char **argv);
} verbs[] = {
        { "agent", "drive the devices of this node", verb_agent },
        { "operator", "check nodes and models for a cluster", verb_operator },
        { "get", "show links and devices of this machine's agent", verb_get },
        { "validate", "check manifests offline, as the agent would", verb_validate },
};

static void print_help(FILE *out)
{
        (void)fprintf(out, "usage: devicelink VERB [OPTION...]\n\n"
                           "Connects field devices to Kubernetes and MQTT.\n\n");
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
                (void)fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
        (void)fprintf(out, "\n  --version  print the version\n"
                           "  --help     this text; 'devicelink VERB --help' tells more\n");
}

/* What is closed would become a socket or a lock, and output would go there. */
static void open_standard_streams(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open): a stream stays */
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void)close(fd);
}

int main(int argc, char **argv)
{
        const char *name = argc > 1 ? argv[1] : "";

        open_standard_streams();

        if (strcmp(name, "--version") == 0) {
                (void)printf("devicelink %s\n", DEVICELINK_VERSION);
                return EXIT_OK;
        }
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
                print_help(stdout);
                return EXIT_OK;
        }
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
                if (strcmp(name, verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
        if (name[0] == '\0')
                (void)fprintf(stderr, "devicelink: a verb is missing\n\n");
        else
                (void)fprintf(stderr, "devicelink: unknown verb '%s'\n\n", name);
        print_help(stderr);
        return EXIT_USAGE;
}
