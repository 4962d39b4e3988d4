// Descriptors over Unix sockets (SCM_RIGHTS; cmsg(3) is all macros).
#pragma once
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

// Most descriptors in one message.
#define PORTICO_MAX_DESCRIPTORS 252

// Sends bytes, and descriptors with them. What sendmsg() returns.
static inline ssize_t portico_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, int count) {
    struct iovec piece = {(void *)bytes, length};
    union { char bytes[CMSG_SPACE(sizeof(int) * PORTICO_MAX_DESCRIPTORS)]; struct cmsghdr align; } control;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > PORTICO_MAX_DESCRIPTORS) count = PORTICO_MAX_DESCRIPTORS;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

// Receives bytes, and at most PORTICO_MAX_DESCRIPTORS descriptors with them. What recvmsg() returns.
static inline ssize_t portico_receive_descriptors(int fd, void *bytes, size_t length, int *descriptors, int *count) {
    struct iovec piece = {bytes, length};
    union { char bytes[CMSG_SPACE(sizeof(int) * PORTICO_MAX_DESCRIPTORS)]; struct cmsghdr align; } control;
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    *count = 0;
    // MSG_CMSG_CLOEXEC: nothing of this is for programs that are started.
    ssize_t got = recvmsg(fd, &message, 0x40000000);
    if (got < 0) return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t size = c->cmsg_len - CMSG_LEN(0);
        int some = (int)(size / sizeof(int));
        if (some > PORTICO_MAX_DESCRIPTORS - *count) some = PORTICO_MAX_DESCRIPTORS - *count;
        memcpy(descriptors + *count, CMSG_DATA(c), sizeof(int) * (size_t)some);
        *count += some;
    }
    return got;
}
