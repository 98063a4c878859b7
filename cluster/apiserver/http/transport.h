/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a connection that has been taken over from the HTTP library: through its TLS session,
 * or bare. Nothing here blocks.
 */
#ifndef CLUSTER_APISERVER_HTTP_TRANSPORT_H
#define CLUSTER_APISERVER_HTTP_TRANSPORT_H

#include "sim/base/base.h"

struct transport {
    int fd;
    void *tls;     /* a gnutls_session_t; NULL: none */
    bool has_held; /* TLS holds bytes that it has taken and not sent */
};
enum { TRANSPORT_AGAIN = -1, TRANSPORT_ENDED = -2 };
/* Bytes, or one of the constants above. */
long transport_receive(struct transport *t, void *buffer, size_t size);
long transport_send(struct transport *t, const void *bytes, size_t size);

#endif
