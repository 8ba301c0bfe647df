// SPDX-License-Identifier: Apache-2.0
#ifndef IES_PEER_H
#define IES_PEER_H

#include <sys/socket.h>
#include <sys/types.h>

// accept4(2)
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

// The user of the process at the other end of a Unix socket (unix(7), SO_PEERCRED); (uid_t)-1 and errno when it cannot be
// told. struct ucred is declared here because the library hides it behind _GNU_SOURCE.
static inline uid_t ies_peer_user(int socket) {
    struct { pid_t process; uid_t user; gid_t group; } peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return (uid_t)-1;
    return peer.user;
}

#endif
