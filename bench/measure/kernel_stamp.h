/* Clocks, and reads that come with the kernel's receive time on CLOCK_MONOTONIC. */
#ifndef KERNEL_STAMP_H
#define KERNEL_STAMP_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define OFFSET_TRIES 64

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* What to add to CLOCK_REALTIME to have CLOCK_MONOTONIC: from the tightest of some readings, for a preemption widens one. */
static inline int64_t monotonic_minus_realtime_ns(void)
{
    int64_t tightest = INT64_MAX, offset = 0;
    for (int i = 0; i < OFFSET_TRIES; i++) {
        int64_t before = clock_ns(CLOCK_MONOTONIC);
        int64_t wall = clock_ns(CLOCK_REALTIME);
        int64_t after = clock_ns(CLOCK_MONOTONIC);
        if (after - before < tightest) {
            tightest = after - before;
            offset = before + (after - before) / 2 - wall;
        }
    }
    return offset;
}

static inline int ask_for_stamps(int fd)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

/* As recv; *wall_ns is CLOCK_REALTIME when the newest segment of the read came in, 0 when the kernel gave no stamp. */
static inline ssize_t receive_stamped(int fd, char *into, size_t room, int64_t *wall_ns)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = into, .iov_len = room};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    *wall_ns = 0;
    if (got <= 0)
        return got;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(head), sizeof stamp);
            *wall_ns = stamp.tv_sec * INT64_C(1000000000) + stamp.tv_nsec;
        }
    return got;
}

#endif
