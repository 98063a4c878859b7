/* SPDX-License-Identifier: Apache-2.0
 *
 * Event recorder: writes Event objects through a client, with client-go's correlation (count on
 * repeats, merging of similar ones, spam filter of burst 25 per source and object). Two shapes:
 * core/v1 (kubelet, controllers) and events.k8s.io/v1 (scheduler).
 *
 *     recorder_event(recorder, step, replicaset, "Normal", "SuccessfulCreate", "Created pod: %.*s",
 *     STR_ARG(name));
 *
 * Source: k8s.io/client-go/tools/record, tools/events.
 */
#ifndef CLUSTER_CLIENT_RECORDER_H
#define CLUSTER_CLIENT_RECORDER_H

#include "cluster/client/client.h"

struct recorder;
/* component: "deployment-controller"; host: "" or the node's name (source.host). */
struct recorder *recorder_new(struct client *client, struct str component, struct str host);
void recorder_free(struct recorder *r);
/* `object` is borrowed: kind, apiVersion, metadata (name, namespace, uid, resourceVersion) name
 * what it is about. */
void recorder_event(struct recorder *r, struct step *step, struct value object, const char *type,
                    const char *reason, const char *format, ...) PRINTF_LIKE(6, 7);
/* With involvedObject.fieldPath: "spec.containers{nginx}". */
void recorder_event_at(struct recorder *r, struct step *step, struct value object,
                       struct str field_path, const char *type, const char *reason,
                       const char *format, ...) PRINTF_LIKE(7, 8);
/* events.k8s.io/v1 with an action; related may be absent. */
void recorder_event_v1(struct recorder *r, struct step *step, struct value regarding,
                       struct value related, const char *type, const char *reason,
                       const char *action, const char *format, ...) PRINTF_LIKE(8, 9);

#endif
