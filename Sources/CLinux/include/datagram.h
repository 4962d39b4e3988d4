// Datagram sockets: control messages (cmsg(3) is all macros), batched calls, and the reuseport filter.
#pragma once
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

// Room for all control messages of one datagram, in either direction.
#define PORTICO_CONTROL_SIZE 192

// GNU's struct mmsghdr under a name of our own: CLinux.h tells why.
struct portico_message {
    struct msghdr header;
    unsigned int length; // bytes received or sent
};

// Linux's struct in6_pktinfo, likewise.
struct portico_ipv6_source {
    uint8_t address[16];
    uint32_t interface;
};

// What the control messages of a received datagram say.
struct portico_received {
    uint32_t segment_size; // UDP_GRO: the message holds several datagrams of this size; 0 when it is one
    uint32_t overflowed;   // SO_RXQ_OVFL: datagrams that the socket lost so far, when has_overflowed is set
    uint8_t has_overflowed;
    uint8_t ecn;
    uint8_t local_family; // AF_INET or AF_INET6 when the destination address is known, else AF_UNSPEC
    uint8_t local[16];
};

static inline void portico_read_control(const struct portico_message *message, struct portico_received *to) {
    struct msghdr *header = (struct msghdr *)&message->header;
    memset(to, 0, sizeof *to);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        const unsigned char *data = CMSG_DATA(c);
        size_t size = c->cmsg_len - CMSG_LEN(0);
        if (c->cmsg_level == IPPROTO_IP) {
            if (c->cmsg_type == IP_TOS && size >= 1) {
                to->ecn = data[0] & 3;
            } else if (c->cmsg_type == IP_PKTINFO && size >= sizeof(struct in_pktinfo)) {
                to->local_family = AF_INET;
                memcpy(to->local, data + offsetof(struct in_pktinfo, ipi_addr), 4);
            }
        } else if (c->cmsg_level == IPPROTO_IPV6) {
            if (c->cmsg_type == IPV6_TCLASS && size >= sizeof(int)) {
                int class;
                memcpy(&class, data, sizeof class);
                to->ecn = (uint8_t)(class & 3);
            } else if (c->cmsg_type == IPV6_PKTINFO && size >= sizeof(struct portico_ipv6_source)) {
                to->local_family = AF_INET6;
                memcpy(to->local, data + offsetof(struct portico_ipv6_source, address), 16);
            }
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO && size >= sizeof(int)) {
            int segment;
            memcpy(&segment, data, sizeof segment);
            to->segment_size = segment > 0 ? (uint32_t)segment : 0;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL && size >= sizeof(uint32_t)) {
            to->has_overflowed = 1;
            memcpy(&to->overflowed, data, sizeof to->overflowed);
        }
    }
}

static inline unsigned char *portico_add_control(
    unsigned char *at, int level, int type, const void *data, size_t size) {
    struct cmsghdr *c = (struct cmsghdr *)at;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    return at + CMSG_SPACE(size);
}

// Writes the control messages of a datagram to send into `room` (PORTICO_CONTROL_SIZE bytes, zeroed before the first
// use) and returns their size. `ecn` 0 and `segment` 0 need none. `local` is the source address of `local_family`, or
// NULL to let the kernel choose; `to_ipv6` tells the family on the wire, which names the ECN option.
static inline size_t portico_write_control(
    unsigned char *room, uint8_t ecn, int to_ipv6, int local_family, const uint8_t *local, uint16_t segment) {
    unsigned char *at = room;
    if (ecn != 0) {
        int class = ecn;
        at = portico_add_control(
            at, to_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, to_ipv6 ? IPV6_TCLASS : IP_TOS, &class, sizeof class);
    }
    if (local != NULL && local_family == AF_INET) {
        struct in_pktinfo source;
        memset(&source, 0, sizeof source);
        memcpy(&source.ipi_spec_dst, local, 4);
        at = portico_add_control(at, IPPROTO_IP, IP_PKTINFO, &source, sizeof source);
    } else if (local != NULL && local_family == AF_INET6) {
        struct portico_ipv6_source source;
        memset(&source, 0, sizeof source);
        memcpy(source.address, local, 16);
        at = portico_add_control(at, IPPROTO_IPV6, IPV6_PKTINFO, &source, sizeof source);
    }
    if (segment != 0) at = portico_add_control(at, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    return (size_t)(at - room);
}

// recvmmsg and sendmmsg, without waiting.
int portico_receive_messages(int fd, struct portico_message *messages, unsigned count);
int portico_send_messages(int fd, struct portico_message *messages, unsigned count);

// Gives a reuseport group its choosing program (SO_ATTACH_REUSEPORT_CBPF).
static inline int portico_attach_reuseport_filter(int fd, struct sock_filter *program, uint16_t count) {
    struct sock_fprog filter = {count, program};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter);
}
