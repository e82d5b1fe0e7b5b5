/* address.c - addresses and endpoints as text. */
#include "loop/address.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

void resolve_set_port(struct resolve_address *a, uint16_t port)
{
        if (a->sa.ss_family == AF_INET)
                ((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
        else
                ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
}

/* fe80::1%eth0 or %2 */
static bool split_scope(char *text, uint32_t *ret)
{
        char *mark = strchr(text, '%');
        uint64_t number;

        *ret = 0;
        if (!mark)
                return true;
        *mark = '\0';
        *ret = if_nametoindex(mark + 1);
        if (*ret)
                return true;
        if (text_parse_uint(mark + 1, strlen(mark + 1), UINT32_MAX, &number, NULL) < 0)
                return false;
        *ret = (uint32_t)number;
        return true;
}

bool resolve_literal(const char *host, struct resolve_address *ret)
{
        char text[INET6_ADDRSTRLEN + 2 + IF_NAMESIZE];
        size_t n = strlen(host);
        struct in_addr v4;
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

        if (inet_pton(AF_INET, host, &v4) == 1) {
                struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = v4 };

                *ret = (struct resolve_address){ .len = sizeof(in) };
                memcpy(&ret->sa, &in, sizeof(in));
                return true;
        }
        if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
                host++;
                n -= 2;
        }
        if (n >= sizeof(text))
                return false;
        memcpy(text, host, n);
        text[n] = '\0';
        if (!split_scope(text, &v6.sin6_scope_id) || inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
                return false;
        *ret = (struct resolve_address){ .len = sizeof(v6) };
        memcpy(&ret->sa, &v6, sizeof(v6));
        return true;
}

int resolve_split(const char *endpoint, char *host, size_t host_size, uint16_t *ret_port,
                  struct err *e)
{
        const char *colon = strrchr(endpoint, ':');
        const char *begin = endpoint;
        const char *end = colon;
        uint64_t port;

        if (!colon)
                goto wrong;
        if (*begin == '[') {
                begin++;
                end--;
                if (end <= begin || *end != ']')
                        goto wrong;
        } else if (memchr(begin, ':', (size_t)(end - begin))) {
                goto wrong;
        }
        size_t n = (size_t)(end - begin);
        if (n == 0 || n >= host_size || memchr(begin, '[', n) || memchr(begin, ']', n))
                goto wrong;
        if (text_parse_uint(colon + 1, strlen(colon + 1), UINT16_MAX, &port, NULL) < 0 || port == 0)
                goto wrong;
        memcpy(host, begin, n);
        host[n] = '\0';
        *ret_port = (uint16_t)port;
        return 0;
wrong:
        return err_set(e, DL_CONFIG, "expected host:port or [address]:port, got '%s'", endpoint);
}
