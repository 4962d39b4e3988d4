// The parts of the Linux interface that Swift cannot import from glibc's module: header-only, where it can be.
//
// No _GNU_SOURCE in here: Swift's own module of glibc is built without it, and glibc then names the parts of fd_set in
// another way; a target that sees both definitions does not compile. What needs a GNU declaration makes its own (as
// accept4 below), or goes to a C file, which may define _GNU_SOURCE.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "datagram.h"
#include "handover.h"
#include "process.h"

// Moves bytes between a socket and a pipe without a copy to user space (splice(2)); never waits.
ssize_t portico_splice(int from, int to, size_t count);

// epoll_pwait2 waits with nanosecond precision (Linux 5.11); where the kernel lacks it, milliseconds rounded up.
// nanoseconds < 0 waits for ever.
static inline int portico_epoll_wait(int epoll, struct epoll_event *events, int count, int64_t nanoseconds) {
    static int has_pwait2 = 1;
    if (nanoseconds < 0) return epoll_wait(epoll, events, count, -1);
    if (nanoseconds == 0) return epoll_wait(epoll, events, count, 0);
    if (__atomic_load_n(&has_pwait2, __ATOMIC_RELAXED)) {
        struct timespec span = {nanoseconds / 1000000000, nanoseconds % 1000000000};
        int ready = epoll_pwait2(epoll, events, count, &span, NULL);
        if (ready >= 0 || errno != ENOSYS) return ready;
        __atomic_store_n(&has_pwait2, 0, __ATOMIC_RELAXED);
    }
    int64_t milliseconds = (nanoseconds + 999999) / 1000000;
    return epoll_wait(epoll, events, count, milliseconds > 3600000 ? 3600000 : (int)milliseconds);
}

// The 64 bits of user data of an event; Swift imports the union awkwardly.
static inline void *portico_event_pointer(const struct epoll_event *event) { return event->data.ptr; }
static inline uint32_t portico_event_mask(const struct epoll_event *event) { return event->events; }
static inline int portico_epoll_set(int epoll, int operation, int fd, uint32_t mask, void *pointer) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = mask;
    event.data.ptr = pointer;
    return epoll_ctl(epoll, operation, fd, &event);
}

// A Unix address; a leading zero byte in `path` makes it abstract, padded with zero bytes to the full length when
// `pad` is set (as HAProxy's abns@). Returns its length, 0 when the path is too long.
static inline socklen_t portico_unix_address(struct sockaddr_un *address, const char *path, size_t length, int pad) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length >= sizeof address->sun_path) return 0;
    memcpy(address->sun_path, path, length);
    if (length > 0 && path[0] == 0)
        return pad ? (socklen_t)sizeof *address : (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

// glibc declares these with a transparent union, which Swift cannot pass.
extern int accept4(int fd, struct sockaddr *restrict peer, socklen_t *restrict length, int flags);
static inline int portico_accept(int fd, struct sockaddr_storage *peer, socklen_t *length, int flags) {
    return accept4(fd, (struct sockaddr *)peer, length, flags);
}
static inline int portico_socket_name(int fd, struct sockaddr_storage *name, socklen_t *length, int of_peer) {
    return of_peer ? getpeername(fd, (struct sockaddr *)name, length) : getsockname(fd, (struct sockaddr *)name, length);
}
static inline ssize_t portico_send_to(
    int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t length) {
    return sendto(fd, bytes, count, flags, to, length);
}

/// Writes a number as printf's "%g" does; the length of the text, which may be more than `size`.
static inline int portico_format_double(void *text, size_t size, double value) {
    return snprintf((char *)text, size, "%g", value);
}

// What the kernel knows of a TCP connection: round-trip time and its variation in microseconds, then packets that are
// unacknowledged, selectively acknowledged, lost, sent again, acknowledged ahead, and the reordering. 0 for other sockets.
static inline int portico_tcp_statistics(int fd, uint32_t *figures) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
    figures[0] = info.tcpi_rtt;
    figures[1] = info.tcpi_rttvar;
    figures[2] = info.tcpi_unacked;
    figures[3] = info.tcpi_sacked;
    figures[4] = info.tcpi_lost;
    figures[5] = info.tcpi_retrans;
    figures[6] = info.tcpi_fackets;
    figures[7] = info.tcpi_reordering;
    return 1;
}
