// The few shims that need GNU declarations; the others are header-only.
#define _GNU_SOURCE 1
#include "CLinux.h"

_Static_assert(sizeof(struct portico_message) == sizeof(struct mmsghdr), "struct mmsghdr");
_Static_assert(offsetof(struct portico_message, length) == offsetof(struct mmsghdr, msg_len), "struct mmsghdr");
_Static_assert(sizeof(struct portico_ipv6_source) == sizeof(struct in6_pktinfo), "struct in6_pktinfo");

int portico_receive_messages(int fd, struct portico_message *messages, unsigned count) {
    return recvmmsg(fd, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
}

int portico_send_messages(int fd, struct portico_message *messages, unsigned count) {
    return sendmmsg(fd, (struct mmsghdr *)messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t portico_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}
