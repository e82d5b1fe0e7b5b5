/* operator_options.c - see operator_options.h */
#include "operator/operator_options.h"

#include "options.h"
#include "verbs.h"

#include "base/clock.h"
#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char verb[] = "operator";

enum { IDENTITY_MAX = 127 }; /* as others read it */

static const char usage[] =
        "usage: devicelink operator [OPTION...]\n\n"
        "Checks nodes and models of all DeviceLinks of a cluster, and does what no agent can "
        "do.\n\n"
        "  --kubeconfig FILE   how to reach the API server (default: $KUBECONFIG, the Pod's\n"
        "                      service account, ~/.kube/config)\n"
        "  --leader-elect[=B]  true: of several operators one works; false: there is no other\n"
        "                      (default: true; --enable-leader-election is the same)\n"
        "  --lease-namespace NAME  where the operator's and the agents' Leases are (default: the\n"
        "                      operator's namespace)\n"
        "  --identity NAME     in the Lease; unique per start (default: host name and a random "
        "part)\n"
        "  --agent-grace D     a deleted link goes without its agent when that has been silent "
        "this\n"
        "                      long, beyond its Lease (default: 5m)\n"
        "  --metrics-addr ADDR /healthz, /readyz and /metrics: PORT or HOST:PORT, 0 = none\n"
        "                      (default: 8080)\n"
        "  --log-level LEVEL   error, warning, info or debug (default: info)\n"
        "  --log-format FORM   text or json (default: text)\n"
        "  --v N               4 and above: as --log-level debug\n"
        "  --version           print the version\n"
        "  --help              this text\n\n"
        "Ends quietly on SIGTERM and SIGINT within 5 s.  Exit code: 0 ended as asked, 1 could not "
        "start,\n"
        "lost the Lease or could not end in time, 2 usage.\n";

enum option_id {
        OPTION_TEXTS = 256,
        OPTION_ELECT = 300,
        OPTION_GRACE,
        OPTION_LEVEL,
        OPTION_FORMAT,
        OPTION_VERBOSITY,
        OPTION_VERSION,
        OPTION_HELP,
};

static const struct option longs[] = {
        { "kubeconfig", required_argument, NULL, OPTION_TEXTS },
        { "metrics-addr", required_argument, NULL, OPTION_TEXTS + 1 },
        { "lease-namespace", required_argument, NULL, OPTION_TEXTS + 2 },
        { "identity", required_argument, NULL, OPTION_TEXTS + 3 },
        { "leader-elect", optional_argument, NULL, OPTION_ELECT },
        { "enable-leader-election", optional_argument, NULL, OPTION_ELECT },
        { "agent-grace", required_argument, NULL, OPTION_GRACE },
        { "log-level", required_argument, NULL, OPTION_LEVEL },
        { "log-format", required_argument, NULL, OPTION_FORMAT },
        { "v", required_argument, NULL, OPTION_VERBOSITY },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "help", no_argument, NULL, OPTION_HELP },
        { 0 },
};

static const char *take_bool(const char *s, bool *ret)
{
        if (!s || strcmp(s, "true") == 0)
                *ret = true;
        else if (strcmp(s, "false") == 0)
                *ret = false;
        else
                return "expected true or false, got";
        return NULL;
}

/* NULL, or what was expected. */
static const char *take(struct operator_options *o, int c, const char *value)
{
        const char **texts[] = { &o->kubeconfig, &o->metrics, &o->lease_space, &o->identity };

        switch (c) {
        case OPTION_ELECT:
                return take_bool(value, &o->elect);
        case OPTION_GRACE:
                return options_duration(value, &o->grace_ns);
        case OPTION_LEVEL:
                return options_level(value, &o->level);
        case OPTION_FORMAT:
                return options_format(value, &o->format);
        case OPTION_VERBOSITY:
                return options_verbosity(value, &o->level);
        default:
                *texts[c - OPTION_TEXTS] = value;
                return NULL;
        }
}

static int check(const struct operator_options *o)
{
        if (o->identity && (o->identity[0] == '\0' || strlen(o->identity) > IDENTITY_MAX))
                return options_error(verb, "--identity: expected 1..127 characters, got",
                                     o->identity);
        return options_check_namespace(verb, "lease-namespace", o->lease_space);
}

int operator_options_parse(int argc, char **argv, struct operator_options *o)
{
        int at = 0;

        *o = (struct operator_options){
                .metrics = "8080",
                .elect = true,
                .grace_ns = 300 * NS_PER_S,
                .level = LOG_INFO,
                .format = LOG_FORMAT_TEXT,
        };
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
        for (int c; (c = getopt_long(argc, argv, "", longs, &at)) != -1;) {
                if (c == OPTION_HELP || c == OPTION_VERSION) {
                        (void)fputs(c == OPTION_HELP ? usage
                                                     : "devicelink " DEVICELINK_VERSION "\n",
                                    stdout);
                        return EXIT_OK;
                }
                if (c == '?')
                        return options_error(verb, "unknown option or missing value", NULL);
                const char *wrong = take(o, c, optarg);
                if (wrong && wrong[0] != '-') { /* it does not say which */
                        auto_free char *what = xasprintf("--%s: %s", longs[at].name, wrong);
                        return options_error(verb, what, optarg);
                }
                if (wrong)
                        return options_error(verb, wrong, optarg);
        }
        if (optind < argc)
                return options_error(verb, "unexpected argument", argv[optind]);
        return check(o);
}
