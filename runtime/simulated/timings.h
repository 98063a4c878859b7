/* SPDX-License-Identifier: Apache-2.0
 *
 * How long the runtime takes, in one place. Chosen so that a pod whose image is present is Running
 * about 300 ms after its binding, as containerd on a quiet machine does (runc's own share is 30-60
 * ms a container).
 * Each is drawn from [base, base + spread].
 */
#ifndef RUNTIME_SIMULATED_TIMINGS_H
#define RUNTIME_SIMULATED_TIMINGS_H

#define TIMING_SANDBOX_RUN_MS 120 /* network namespace, CNI, pause container */
#define TIMING_SANDBOX_RUN_SPREAD_MS 50
#define TIMING_SANDBOX_STOP_MS 30
#define TIMING_CONTAINER_CREATE_MS 25 /* snapshot, spec */
#define TIMING_CONTAINER_CREATE_SPREAD_MS 15
#define TIMING_CONTAINER_START_MS 45
#define TIMING_CONTAINER_START_SPREAD_MS 30
#define TIMING_KILL_MS 2           /* SIGKILL to the end of the process */
#define TIMING_EXEC_MS 25          /* start of a process in a container */
#define TIMING_PULL_RESOLVE_MS 400 /* name look-up, token, manifest */
#define TIMING_PULL_RESOLVE_SPREAD_MS 200
#define TIMING_PULL_FAIL_MS 900
#define TIMING_PULL_DIAL_TIMEOUT_MS 30000
#define TIMING_PULL_BYTES_PER_S (INT64_C(50) << 20)
#define TIMING_UNPACK_BYTES_PER_S (INT64_C(120) << 20)

#endif
