/* agent_options.c - see agent_options.h */
#include "agent_options.h"

#include "verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
        "usage: devicelink agent --manifests DIR [OPTION...]\n\n"
        "Drives the devices that the DeviceLinks of a folder describe, and publishes their "
        "status.\n\n"
        "  --manifests DIR     folder of YAML or JSON manifests; changes take effect at once\n"
        "  --node-name NAME    only links of this node (default: $NODE_NAME, else all links)\n"
        "  --adaptors DIRS     where adaptors are, DIR[:DIR] (default: those of this "
        "installation)\n"
        "  --state DIR         what outlives the process; one agent per directory\n"
        "                      (default: $STATE_DIRECTORY, /var/lib/devicelink or "
        "~/.local/state/devicelink)\n"
        "  --log-level LEVEL   error, warning, info or debug (default: info)\n"
        "  --log-format FORM   text or json (default: text)\n"
        "  --help              this text\n\n"
        "Ends quietly on SIGTERM and SIGINT within 5 s.  Exit code: 0 ended as asked, 1 could not "
        "start\n"
        "or could not end in time, 2 usage.\n";

static int usage_error(const char *what, const char *value)
{
        (void)fprintf(stderr, "devicelink agent: %s%s%s%s\nTry 'devicelink agent --help'.\n", what,
                      value ? " '" : "", value ? value : "", value ? "'" : "");
        return EXIT_USAGE;
}

static const struct {
        const char *name;
        enum log_level level;
} levels[] = {
        { "error", LOG_ERROR },
        { "warning", LOG_WARNING },
        { "info", LOG_INFO },
        { "debug", LOG_DEBUG },
};

static bool parse_level(const char *s, enum log_level *ret)
{
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                if (strcmp(s, levels[i].name) == 0) {
                        *ret = levels[i].level;
                        return true;
                }
        return false;
}

static bool parse_format(const char *s, enum log_format *ret)
{
        if (strcmp(s, "json") == 0)
                *ret = LOG_FORMAT_JSON;
        else if (strcmp(s, "text") == 0)
                *ret = LOG_FORMAT_TEXT;
        else
                return false;
        return true;
}

int agent_options_parse(int argc, char **argv, struct agent_options *o)
{
        static const struct option longs[] = {
                { "manifests", required_argument, NULL, 'm' },
                { "node-name", required_argument, NULL, 'n' },
                { "adaptors", required_argument, NULL, 'a' },
                { "state", required_argument, NULL, 's' },
                { "log-level", required_argument, NULL, 'l' },
                { "log-format", required_argument, NULL, 'f' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };

        /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
        for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
                if (c == 'h') {
                        (void)fputs(usage, stdout);
                        return EXIT_OK;
                }
                if (c == 'm')
                        o->manifests = optarg;
                else if (c == 'n')
                        o->node = optarg;
                else if (c == 'a')
                        o->adaptors = optarg;
                else if (c == 's')
                        o->state = optarg;
                else if (c == 'l' && !parse_level(optarg, &o->level))
                        return usage_error(
                                "--log-level: expected error, warning, info or debug, got", optarg);
                else if (c == 'f' && !parse_format(optarg, &o->format))
                        return usage_error("--log-format: expected text or json, got", optarg);
                else if (c == '?')
                        return usage_error("unknown option or missing value", NULL);
        }
        if (optind < argc)
                return usage_error("unexpected argument", argv[optind]);
        if (!o->manifests)
                return usage_error("--manifests is missing", NULL);
        if (o->node && o->node[0] == '\0')
                return usage_error("--node-name is empty", NULL);
        return -1;
}
