/* agent_options.c - see agent_options.h */
#include "agent_options.h"

#include "options.h"
#include "verbs.h"

#include "base/clock.h"
#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char verb[] = "agent";

static const char usage[] =
        "usage: devicelink agent [OPTION...]                      DeviceLinks of a cluster\n"
        "       devicelink agent --manifests DIR [OPTION...]      DeviceLinks of a folder\n\n"
        "Drives the devices that DeviceLinks describe, and publishes their status.\n\n"
        "  --manifests DIR     folder of YAML or JSON manifests; changes take effect at once\n"
        "  --kubeconfig FILE   how to reach the API server (default: $KUBECONFIG, the Pod's\n"
        "                      service account, ~/.kube/config)\n"
        "  --node-name NAME    only links of this node (default: $NODE_NAME; needed in a cluster,\n"
        "                      else links of every node)\n"
        "  --namespace NAME    only links of this namespace (default: all)\n"
        "  --lease-namespace NAME  where the agent's Lease is (default: the agent's namespace)\n"
        "  --adaptors DIRS     where adaptors are, DIR[:DIR] (default: those of this "
        "installation)\n"
        "  --state DIR         what outlives the process; one agent per directory\n"
        "                      (default: $STATE_DIRECTORY, /var/lib/devicelink or "
        "~/.local/state/devicelink)\n"
        "  --metrics-addr ADDR /healthz, /readyz and /metrics: PORT or HOST:PORT, 0 = none\n"
        "                      (default: 8080 in a cluster, else none)\n"
        "  --status-interval D least time between two writes of one device's status to the API\n"
        "                      server (default: 5s)\n"
        "  --status-refresh D  times of values that do not change are refreshed there this often\n"
        "                      at most, 0 = never (default: 10m)\n"
        "  --cleanup-limit D   a deleted link waits this long for its device to close "
        "(default: 30s)\n"
        "  --keep-on-loss D    when all links (10 or more) vanish at once with their CRD, devices\n"
        "                      run on this long (default: 10m)\n"
        "  --start-jitter D    wait up to this long before the first request (default: 0s)\n"
        "  --log-level LEVEL   error, warning, info or debug (default: info)\n"
        "  --log-format FORM   text or json (default: text)\n"
        "  --v N               4 and above: as --log-level debug\n"
        "  --version           print the version\n"
        "  --help              this text\n\n"
        "Ends quietly on SIGTERM and SIGINT within 5 s.  Exit code: 0 ended as asked, 1 could not "
        "start\n"
        "or could not end in time, 2 usage.\n";

void agent_options_init(struct agent_options *o)
{
        *o = (struct agent_options){
                .status_interval_ns = 5 * NS_PER_S,
                .status_refresh_ns = 600 * NS_PER_S,
                .cleanup_ns = 30 * NS_PER_S,
                .keep_ns = 600 * NS_PER_S,
                .level = LOG_INFO,
                .format = LOG_FORMAT_TEXT,
        };
}

enum option_id {
        OPTION_TEXTS = 256,
        OPTION_KUBECONFIG,
        OPTION_SPACE,
        OPTION_LEASE_SPACE,
        OPTION_DURATIONS = 300,
        OPTION_LEVEL = 350,
        OPTION_FORMAT,
        OPTION_VERBOSITY,
        OPTION_VERSION,
        OPTION_HELP,
};

static const struct option longs[] = {
        { "manifests", required_argument, NULL, OPTION_TEXTS },
        { "kubeconfig", required_argument, NULL, OPTION_KUBECONFIG },
        { "namespace", required_argument, NULL, OPTION_SPACE },
        { "lease-namespace", required_argument, NULL, OPTION_LEASE_SPACE },
        { "node-name", required_argument, NULL, OPTION_TEXTS + 4 },
        { "adaptors", required_argument, NULL, OPTION_TEXTS + 5 },
        { "state", required_argument, NULL, OPTION_TEXTS + 6 },
        { "metrics-addr", required_argument, NULL, OPTION_TEXTS + 7 },
        { "status-interval", required_argument, NULL, OPTION_DURATIONS },
        { "status-refresh", required_argument, NULL, OPTION_DURATIONS + 1 },
        { "cleanup-limit", required_argument, NULL, OPTION_DURATIONS + 2 },
        { "keep-on-loss", required_argument, NULL, OPTION_DURATIONS + 3 },
        { "start-jitter", required_argument, NULL, OPTION_DURATIONS + 4 },
        { "log-level", required_argument, NULL, OPTION_LEVEL },
        { "log-format", required_argument, NULL, OPTION_FORMAT },
        { "v", required_argument, NULL, OPTION_VERBOSITY },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "help", no_argument, NULL, OPTION_HELP },
        { 0 },
};

/* In the order of the table above. */
static const char **text_of(struct agent_options *o, int c)
{
        const char **texts[] = { &o->manifests, &o->kubeconfig, &o->space, &o->lease_space,
                                 &o->node,      &o->adaptors,   &o->state, &o->metrics };

        return texts[c - OPTION_TEXTS];
}

static int64_t *duration_of(struct agent_options *o, int c)
{
        int64_t *durations[] = { &o->status_interval_ns, &o->status_refresh_ns, &o->cleanup_ns,
                                 &o->keep_ns, &o->start_jitter_ns };

        return durations[c - OPTION_DURATIONS];
}

/* NULL, or what was expected. */
static const char *take(struct agent_options *o, int c, const char *value)
{
        if (c == OPTION_LEVEL)
                return options_level(value, &o->level);
        if (c == OPTION_FORMAT)
                return options_format(value, &o->format);
        if (c == OPTION_VERBOSITY)
                return options_verbosity(value, &o->level);
        if (c >= OPTION_DURATIONS)
                return options_duration(value, duration_of(o, c));
        *text_of(o, c) = value;
        return NULL;
}

/* Options that mean nothing to a folder. */
static bool is_for_cluster(int c)
{
        return (c >= OPTION_KUBECONFIG && c <= OPTION_LEASE_SPACE) ||
               (c >= OPTION_DURATIONS && c < OPTION_LEVEL);
}

/* cluster_option: one that was given, or NULL. */
static int check(const struct agent_options *o, const char *cluster_option)
{
        if (o->manifests && cluster_option) {
                auto_free char *what =
                        xasprintf("--%s is for a cluster: not with --manifests", cluster_option);
                return options_error(verb, what, NULL);
        }
        if (o->node && o->node[0] == '\0')
                return options_error(verb, "--node-name is empty", NULL);
        if (!o->manifests && !o->node)
                return options_error(verb,
                                     "--node-name (or $NODE_NAME) is missing: which node's "
                                     "DeviceLinks?  Without a cluster: --manifests DIR",
                                     NULL);
        int rc = options_check_namespace(verb, "namespace", o->space);
        return rc >= 0 ? rc : options_check_namespace(verb, "lease-namespace", o->lease_space);
}

int agent_options_parse(int argc, char **argv, struct agent_options *o)
{
        const char *cluster_option = NULL;
        int at = 0;

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
                if (is_for_cluster(c))
                        cluster_option = longs[at].name;
                const char *wrong = take(o, c, optarg);
                if (wrong && c >= OPTION_DURATIONS && c < OPTION_LEVEL) {
                        auto_free char *what = xasprintf("--%s: %s", longs[at].name, wrong);
                        return options_error(verb, what, optarg);
                }
                if (wrong)
                        return options_error(verb, wrong, optarg);
        }
        if (optind < argc)
                return options_error(verb, "unexpected argument", argv[optind]);
        return check(o, cluster_option);
}
