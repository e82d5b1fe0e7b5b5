/* mqtt_latency.c - how old are the values that arrive?  A subscriber that reads the wall clock
 * (microseconds) out of each payload and compares it with its own.
 *
 * usage: mqtt_latency --port N --topic FILTER --key TEXT [--warm SECONDS] [--seconds SECONDS]
 * The clock is the number behind the first TEXT of a payload, quoted or not.  Prints one line:
 * messages=N per_s=N topics=N clocks=N p50_ms=N p99_ms=N max_ms=N   Exit 1: no broker, no clock.
 */
/* libs: PkgConfig::MOSQUITTO */
#include <getopt.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define HASH_FUNCTION HASH_FNV /* the default falls through its switch, which clang rejects */
#include <uthash.h>

struct topic {
        UT_hash_handle hh;
        char name[];
};

struct tally {
        const char *key;
        bool counting;
        uint64_t messages;
        struct topic *topics;
        uint64_t *age_us;
        size_t n, cap;
};

struct options {
        int port;
        const char *topic, *key;
        uint64_t warm_s, seconds;
};

static uint64_t wall_us(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

static void add_age(struct tally *t, uint64_t us)
{
        if (t->n == t->cap) {
                t->cap = t->cap ? 2 * t->cap : 65536;
                t->age_us = reallocarray(t->age_us, t->cap, sizeof(*t->age_us));
                if (!t->age_us)
                        abort();
        }
        t->age_us[t->n++] = us;
}

static void add_topic(struct tally *t, const char *name)
{
        struct topic *known = NULL;
        size_t len = strlen(name);

        HASH_FIND(hh, t->topics, name, len, known);
        if (known)
                return;
        known = calloc(1, sizeof(*known) + len + 1);
        if (!known)
                abort();
        memcpy(known->name, name, len + 1);
        HASH_ADD_KEYPTR(hh, t->topics, known->name, len, known);
}

/* The number behind the key, 0 when there is none. */
static uint64_t clock_in(const char *payload, size_t len, const char *key)
{
        const char *p = memmem(payload, len, key, strlen(key)), *end = payload + len;
        uint64_t us = 0;

        if (!p)
                return 0;
        p += strlen(key);
        while (p < end && (*p == ' ' || *p == ':' || *p == '"'))
                p++;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
                us = us * 10 + (uint64_t)(*p - '0');
        return us;
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *message)
{
        struct tally *t = ctx;
        uint64_t now = wall_us();

        (void)m;
        if (!t->counting || message->retain)
                return;
        t->messages++;
        add_topic(t, message->topic);
        uint64_t then = clock_in(message->payload, (size_t)message->payloadlen, t->key);
        if (then > 0 && then <= now)
                add_age(t, now - then);
}

static int by_age(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

/* The age that this part of the sorted ages does not pass. */
static double age_ms(const struct tally *t, size_t percent)
{
        size_t at = t->n * percent / 100;

        return (double)t->age_us[at < t->n ? at : t->n - 1] / 1e3;
}

static void run_for(struct mosquitto *m, uint64_t seconds)
{
        uint64_t end = wall_us() + seconds * 1000000U;

        while (wall_us() < end) {
                int rc = mosquitto_loop(m, 50, 100);
                if (rc != MOSQ_ERR_SUCCESS) {
                        (void)fprintf(stderr, "mqtt_latency: %s\n", mosquitto_strerror(rc));
                        exit(1);
                }
        }
}

static struct options parse_options(int argc, char **argv)
{
        static const struct option options[] = {
                { "port", required_argument, NULL, 'p' },
                { "topic", required_argument, NULL, 't' },
                { "key", required_argument, NULL, 'k' },
                { "warm", required_argument, NULL, 'w' },
                { "seconds", required_argument, NULL, 's' },
                { 0 },
        };
        struct options o = { .seconds = 10 };
        bool good = true;

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                char *end = NULL;
                if (c == 't')
                        o.topic = optarg;
                else if (c == 'k')
                        o.key = optarg;
                else if (c == 'p')
                        o.port = (int)strtoul(optarg, &end, 10);
                else if (c == 'w')
                        o.warm_s = strtoul(optarg, &end, 10);
                else if (c == 's')
                        o.seconds = strtoul(optarg, &end, 10);
                else
                        good = false;
                good = good && (!end || *end == '\0');
        }
        if (!good || !o.port || !o.topic || !o.key || !o.seconds) {
                (void)fputs("usage: mqtt_latency --port N --topic FILTER --key TEXT "
                            "[--warm SECONDS] [--seconds SECONDS]\n",
                            stderr);
                exit(2);
        }
        return o;
}

int main(int argc, char **argv)
{
        struct options o = parse_options(argc, argv);
        struct tally t = { .key = o.key };

        (void)mosquitto_lib_init();
        struct mosquitto *m = mosquitto_new(NULL, true, &t);
        mosquitto_message_callback_set(m, on_message);
        if (mosquitto_connect(m, "127.0.0.1", o.port, 60) != MOSQ_ERR_SUCCESS ||
            mosquitto_subscribe(m, NULL, o.topic, 0) != MOSQ_ERR_SUCCESS) {
                (void)fprintf(stderr, "mqtt_latency: no broker at port %d\n", o.port);
                return 1;
        }
        run_for(m, o.warm_s);
        t.counting = true;
        run_for(m, o.seconds);

        if (t.n == 0) {
                (void)fprintf(stderr, "mqtt_latency: %" PRIu64 " messages, none with a clock\n",
                              t.messages);
                return 1;
        }
        qsort(t.age_us, t.n, sizeof(*t.age_us), by_age);
        (void)printf("messages=%" PRIu64 " per_s=%.1f topics=%u clocks=%zu p50_ms=%.3f p99_ms=%.3f "
                     "max_ms=%.3f\n",
                     t.messages, (double)t.messages / (double)o.seconds, HASH_COUNT(t.topics), t.n,
                     age_ms(&t, 50), age_ms(&t, 99), age_ms(&t, 100));
        return 0;
}
