/* paho_write.c - writev() as the MQTT library sees it: a line that has broken takes bytes, and
 * ends.
 *
 * When a PUBLISH of QoS 1 or 2 cannot be written, paho.mqtt.c 1.3.12 frees its topic and payload
 * but keeps the message: with a kept session it sends freed memory on the next connection, without
 * one it frees what may be another message's by then.  Under load every broker that dies ends in
 * this. So its writes do not fail: the socket is shut down instead, and the library's reading
 * thread finds the end of the connection, which it handles well.  Nothing is pretended that TCP
 * does not pretend itself: bytes that were taken may never arrive.
 *
 * The definition here comes before libc's for all libraries of the process, so it lets everybody
 * else through untouched.  1.3.14 does not need it and is not harmed. */
#include "publish/paho.h"

#include <MQTTAsync.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const void *library; /* where it is loaded; set before its threads are there */

static const void *base_of(const void *address)
{
        Dl_info info;

        return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

void paho_guard_writes(void)
{
        library = base_of(dlsym(RTLD_DEFAULT, "MQTTAsync_createWithOptions"));
}

static bool is_passing(int error)
{
        return error == EAGAIN || error == EINTR;
}

static ssize_t total(const struct iovec *list, int n)
{
        size_t sum = 0;

        for (int i = 0; i < n; i++)
                sum += list[i].iov_len;
        return (ssize_t)sum;
}

__attribute__((visibility("default"), noinline)) ssize_t writev(int fd, const struct iovec *list,
                                                                int n)
{
        ssize_t written = syscall(SYS_writev, fd, list, n);

        if (written >= 0 || is_passing(errno) || !library ||
            base_of(__builtin_return_address(0)) != library)
                return written;
        (void)shutdown(fd, SHUT_RDWR);
        return total(list, n);
}
