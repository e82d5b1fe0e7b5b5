/* paho_write.c - writev() as the MQTT library sees it.
 *
 * A line that has broken takes bytes, and ends.
 *
 * When a PUBLISH of QoS 1 or 2 cannot be written, paho.mqtt.c 1.3.12 frees its topic and payload
 * but keeps the message: with a kept session it sends freed memory on the next connection, without
 * one it frees what may be another message's by then.  Under load every broker that dies ends in
 * this. So its writes do not fail: the socket is shut down instead, and the library's reading
 * thread finds the end of the connection, which it handles well.  Nothing is pretended that TCP
 * does not pretend itself: bytes that were taken may never arrive.
 *
 * No Nagle.  The library gives no way to its sockets, and leaves an algorithm on that makes a
 * message wait up to 40 ms for the one before it when the broker delays its acknowledgement.  The
 * first thing it writes to a socket is a CONNECT, so that is where the algorithm is turned off.
 *
 * The definition here comes before libc's for all libraries of the process, so it lets everybody
 * else through untouched.  1.3.14 does not need it and is not harmed. */
#include "publish/paho.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_passing(int error)
{
        return error == EAGAIN || error == EINTR;
}

/* By name: the library gives its two threads one that begins so. */
static bool is_library_thread(void)
{
        static const char prefix[] = "MQTTAsync_";
        char name[16] = "";

        return prctl(PR_GET_NAME, name) == 0 && strncmp(name, prefix, sizeof(prefix) - 1) == 0;
}

static ssize_t total(const struct iovec *list, int n)
{
        size_t sum = 0;

        for (int i = 0; i < n; i++)
                sum += list[i].iov_len;
        return (ssize_t)sum;
}

static bool begins_connection(const struct iovec *list, int n)
{
        enum { CONNECT = 0x10 };

        return n > 0 && list[0].iov_len > 0 && *(const unsigned char *)list[0].iov_base == CONNECT;
}

static void no_delay(int fd)
{
        int on = 1;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved names */
__attribute__((visibility("default"))) ssize_t writev(int fd, const struct iovec *list, int n)
{
        if (begins_connection(list, n) && is_library_thread())
                no_delay(fd);

        ssize_t written = syscall(SYS_writev, fd, list, n);
        int error = errno;

        if (written >= 0 || is_passing(error) || !is_library_thread()) {
                errno = error;
                return written;
        }
        (void)shutdown(fd, SHUT_RDWR);
        return total(list, n);
}

/* Called so that the linker takes this file. */
void paho_guard_writes(void) {}
