/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib behind one adapter: bodies in gzip for clients that ask for it.
 */
#ifndef CLUSTER_APISERVER_HTTP_GZIP_H
#define CLUSTER_APISERVER_HTTP_GZIP_H

#include "sim/base/text.h"

#define GZIP_FROM_BYTES ((size_t)128 * 1024) /* what a real server begins with */

/* Replaces the text by its compressed form; false: it stays. */
bool gzip(struct text *body);

#endif
