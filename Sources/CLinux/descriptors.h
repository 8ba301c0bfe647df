// SPDX-License-Identifier: Apache-2.0
#ifndef IES_DESCRIPTORS_H
#define IES_DESCRIPTORS_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

// Receives one descriptor, close-on-exec, that the other end of a socket sent with one byte (unix(7), SCM_RIGHTS).
// -1 and errno when there is none; ECONNRESET when the other end was closed.
static inline int ies_receive_descriptor(int socket) {
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t count;
    do count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -1;
    struct cmsghdr *header = count == 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        errno = ECONNRESET;
        return -1;
    }
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}

#endif
