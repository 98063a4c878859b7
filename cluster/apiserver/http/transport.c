/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing a connection through GnuTLS or not.
 *
 * A TLS session that could not send all of a record keeps it; the next call must let it go on with
 * that, and then says how many bytes were taken the first time. Callers offer the same bytes again
 * until they are taken, so that this fits.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/transport.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

static long outcome(long n)
{
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? TRANSPORT_AGAIN
                                                                                : TRANSPORT_ENDED;
}

static long tls_outcome(long n)
{
    if (n > 0)
        return n;
    return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? TRANSPORT_AGAIN : TRANSPORT_ENDED;
}

long transport_receive(struct transport *t, void *buffer, size_t size)
{
    if (t->tls)
        return tls_outcome(gnutls_record_recv(t->tls, buffer, size));
    return outcome(recv(t->fd, buffer, size, MSG_DONTWAIT));
}

long transport_send(struct transport *t, const void *bytes, size_t size)
{
    if (size == 0)
        return TRANSPORT_AGAIN;
    if (!t->tls)
        return outcome(send(t->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    long n = tls_outcome(t->has_held ? gnutls_record_send(t->tls, NULL, 0)
                                     : gnutls_record_send(t->tls, bytes, size));
    t->has_held = n == TRANSPORT_AGAIN;
    return n;
}
