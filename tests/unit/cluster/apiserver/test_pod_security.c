/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of the Pod Security Standards: for each a pod that passes and one that does not, with
 * the whole sentence; the versions in which each holds; the order of several.
 */
#include "cluster/apiserver/admission/pod_security.h"

#include "sim/base/mem.h"

#include <CUnit/Basic.h>
#include <stdio.h>

struct row {
    enum security_level level;
    int64_t minor;
    const char *pod;
    const char *details; /* "": the pod passes */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct security_policy policy = {rows[i].level, rows[i].minor};
        AUTO(violations) struct violations bad = {0};
        struct value pod = value_pack(rows[i].pod);
        security_evaluate(&policy, VALUE_GET(pod, metadata), VALUE_GET(pod, spec), &bad);
        if (!str_equal(text_str(&bad.details), str_from(rows[i].details))) {
            printf("\n  %s\n  got  %s\n  want %s\n", rows[i].pod, text_c(&bad.details),
                   rows[i].details);
            CU_FAIL("another answer");
        }
        value_drop(pod);
    }
}

#define BASELINE(minor, pod, details)                                                              \
    {                                                                                              \
        SECURITY_BASELINE, minor, pod, details                                                     \
    }
#define RESTRICTED(minor, pod, details)                                                            \
    {                                                                                              \
        SECURITY_RESTRICTED, minor, pod, details                                                   \
    }
#define NOW SECURITY_LATEST
/* One container that says SECURITY of itself. */
#define SECURE(security) "{spec: {containers: [{name: a, securityContext: {" security "}}]}}"
#define SECURE_USER(security)                                                                      \
    "{spec: {" HARD_POD ", containers: [{name: a, securityContext: {" security "}}]}}"
/* What a pod has to say to pass the restricted level, and MORE. */
#define HARD_POD "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}"
#define HARD_CONTAINER "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}"
#define HARD(pod, container)                                                                       \
    "{spec: {" HARD_POD pod ", containers: [{name: a, securityContext: {" HARD_CONTAINER container \
    "}}]}}"

static void test_baseline(void)
{
    static const struct row rows[] = {
        BASELINE(NOW, "{spec: {containers: [{name: a}]}}", ""),
        /* AppArmor */
        BASELINE(NOW,
                 "{metadata: {annotations: {\"container.apparmor.security.beta.kubernetes.io/a\": "
                 "\"localhost/x\"}}, spec: {containers: [{name: a, securityContext: "
                 "{appArmorProfile: {type: RuntimeDefault}}}]}}",
                 ""),
        BASELINE(
            NOW, SECURE("appArmorProfile: {type: Unconfined}"),
            "forbidden AppArmor profile (container \"a\" must not set AppArmor profile type to "
            "\"Unconfined\")"),
        BASELINE(NOW,
                 "{metadata: {annotations: {\"container.apparmor.security.beta.kubernetes.io/b\": "
                 "unconfined, \"container.apparmor.security.beta.kubernetes.io/a\": \"\"}}, spec: "
                 "{securityContext: {appArmorProfile: {type: Unconfined}}, containers: [{name: a, "
                 "securityContext: {appArmorProfile: {type: Unconfined}}}]}}",
                 "forbidden AppArmor profiles (pod and container \"a\" and annotation must not set "
                 "AppArmor profile type to \"Unconfined\", "
                 "\"container.apparmor.security.beta.kubernetes.io/b=\"unconfined\"\")"),
        /* capabilities */
        BASELINE(NOW, SECURE("capabilities: {add: [NET_BIND_SERVICE, SYS_CHROOT]}"), ""),
        BASELINE(NOW,
                 "{spec: {initContainers: [{name: i, securityContext: {capabilities: {add: "
                 "[SYS_ADMIN]}}}], containers: [{name: a, securityContext: {capabilities: {add: "
                 "[SYS_ADMIN, NET_RAW, CHOWN]}}}], ephemeralContainers: [{name: e, "
                 "securityContext: {capabilities: {add: [ALL]}}}]}}",
                 "non-default capabilities (containers \"i\", \"a\", \"e\" must not include "
                 "\"ALL\", \"NET_RAW\", \"SYS_ADMIN\" in securityContext.capabilities.add)"),
        /* host namespaces, paths, ports */
        BASELINE(NOW, "{spec: {hostNetwork: true, hostPID: true, hostIPC: true}}",
                 "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)"),
        BASELINE(NOW, "{spec: {volumes: [{name: v, nfs: {server: x}}]}}", ""),
        BASELINE(NOW, "{spec: {volumes: [{name: v, hostPath: {path: x}}]}}",
                 "hostPath volumes (volume \"v\")"),
        BASELINE(NOW,
                 "{spec: {volumes: [{name: v, hostPath: {path: x}}, {name: w, hostPath: {}}]}}",
                 "hostPath volumes (volumes \"v\", \"w\")"),
        BASELINE(NOW, "{spec: {containers: [{name: a, ports: [{containerPort: 80}]}]}}", ""),
        BASELINE(NOW, "{spec: {containers: [{name: a, ports: [{hostPort: 80}]}]}}",
                 "hostPort (container \"a\" uses hostPort 80)"),
        BASELINE(NOW,
                 "{spec: {containers: [{name: a, ports: [{hostPort: 80}, {hostPort: 443}]}, "
                 "{name: b, ports: [{hostPort: 80}]}]}}",
                 "hostPort (containers \"a\", \"b\" use hostPorts 443, 80)"),
    };
    check(rows, ARRAY_COUNT(rows));
}

static void test_baseline_of_containers(void)
{
    static const struct row rows[] = {
        /* probes and hooks */
        BASELINE(NOW, "{spec: {containers: [{name: a, livenessProbe: {httpGet: {port: 80}}}]}}",
                 ""),
        BASELINE(33, "{spec: {containers: [{name: a, livenessProbe: {httpGet: {host: x}}}]}}", ""),
        BASELINE(34, "{spec: {containers: [{name: a, livenessProbe: {httpGet: {host: x}}}]}}",
                 "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"x\")"),
        BASELINE(NOW,
                 "{spec: {containers: [{name: b, startupProbe: {tcpSocket: {host: y}}, lifecycle: "
                 "{preStop: {httpGet: {host: z}}}}, {name: a, lifecycle: {postStart: {tcpSocket: "
                 "{host: x}}}, readinessProbe: {httpGet: {host: y}}}]}}",
                 "probe or lifecycle host (containers \"a\", \"b\" use probe or lifecycle hosts "
                 "\"x\", \"y\", \"z\")"),
        /* privileged, procMount, hostProcess */
        BASELINE(NOW, SECURE("privileged: false, procMount: Default"), ""),
        BASELINE(NOW, SECURE("privileged: true"),
                 "privileged (container \"a\" must not set securityContext.privileged=true)"),
        BASELINE(NOW, SECURE("procMount: Unmasked"),
                 "procMount (container \"a\" must not set securityContext.procMount to "
                 "\"Unmasked\")"),
        BASELINE(NOW, SECURE("windowsOptions: {hostProcess: false}"), ""),
        BASELINE(NOW,
                 "{spec: {securityContext: {windowsOptions: {hostProcess: true}}, containers: "
                 "[{name: a, securityContext: {windowsOptions: {hostProcess: true}}}]}}",
                 "hostProcess (pod and container \"a\" must not set "
                 "securityContext.windowsOptions.hostProcess=true)"),
        /* SELinux */
        BASELINE(NOW, SECURE("seLinuxOptions: {type: container_engine_t, level: x}"), ""),
        BASELINE(31, SECURE("seLinuxOptions: {type: container_engine_t}"), ""),
        BASELINE(30, SECURE("seLinuxOptions: {type: container_engine_t}"),
                 "seLinuxOptions (container \"a\" set forbidden securityContext.seLinuxOptions: "
                 "type \"container_engine_t\")"),
        BASELINE(NOW,
                 "{spec: {securityContext: {seLinuxOptions: {type: z, role: r}}, containers: "
                 "[{name: a, securityContext: {seLinuxOptions: {type: y, user: u}}}]}}",
                 "seLinuxOptions (pod and container \"a\" set forbidden "
                 "securityContext.seLinuxOptions: types \"y\", \"z\"; user may not be set; role "
                 "may not be set)"),
    };
    check(rows, ARRAY_COUNT(rows));
}

static void test_baseline_seccomp(void)
{
    static const struct row rows[] = {
        BASELINE(NOW, SECURE("seccompProfile: {type: Localhost}"), ""),
        BASELINE(NOW,
                 "{spec: {securityContext: {seccompProfile: {type: Unconfined}}, containers: "
                 "[{name: a, securityContext: {seccompProfile: {type: Unconfined}}}, {name: b, "
                 "securityContext: {seccompProfile: {type: Unconfined}}}]}}",
                 "seccompProfile (pod and containers \"a\", \"b\" must not set "
                 "securityContext.seccompProfile.type to \"Unconfined\")"),
        BASELINE(18, SECURE("seccompProfile: {type: Unconfined}"), ""),
        BASELINE(18,
                 "{metadata: {annotations: {\"seccomp.security.alpha.kubernetes.io/pod\": "
                 "unconfined, \"container.seccomp.security.alpha.kubernetes.io/a\": x, "
                 "\"container.seccomp.security.alpha.kubernetes.io/none\": x}}, spec: "
                 "{containers: [{name: a}]}}",
                 "seccompProfile (forbidden annotations "
                 "container.seccomp.security.alpha.kubernetes.io/a=\"x\", "
                 "seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")"),
        BASELINE(19,
                 "{metadata: {annotations: {\"seccomp.security.alpha.kubernetes.io/pod\": "
                 "unconfined}}, spec: {}}",
                 ""),
    };
    check(rows, ARRAY_COUNT(rows));
}

/* A sysctl is refused before its version, and passes from it on. */
static void test_sysctls(void)
{
    static const struct {
        const char *name;
        int64_t since;
    } sysctls[] = {{"net.ipv4.ip_local_reserved_ports", 27},
                   {"net.ipv4.tcp_keepalive_time", 29},
                   {"net.ipv4.tcp_fin_timeout", 29},
                   {"net.ipv4.tcp_keepalive_intvl", 29},
                   {"net.ipv4.tcp_keepalive_probes", 29},
                   {"net.ipv4.tcp_rmem", 32},
                   {"net.ipv4.tcp_wmem", 32}};
    for (size_t i = 0; i < ARRAY_COUNT(sysctls); i++) {
        struct value spec = value_pack("{securityContext: {sysctls: [{name: kernel.shm_rmid_forced"
                                       "}, {name: %s}]}}",
                                       sysctls[i].name);
        AUTO(violations) struct violations before = {0};
        AUTO(violations) struct violations then = {0};
        AUTO(text) struct text want = {0};
        text_printf(&want, "forbidden sysctls (%s)", sysctls[i].name);
        security_evaluate(&(struct security_policy){SECURITY_BASELINE, sysctls[i].since - 1},
                          VALUE_ABSENT, spec, &before);
        security_evaluate(&(struct security_policy){SECURITY_BASELINE, sysctls[i].since},
                          VALUE_ABSENT, spec, &then);
        CU_ASSERT_STRING_EQUAL(text_c(&before.details), text_c(&want));
        CU_ASSERT_STRING_EQUAL(text_c(&then.details), "");
        value_drop(spec);
    }
    static const struct row rows[] = {
        BASELINE(NOW, "{spec: {securityContext: {sysctls: [{name: z}, {name: a}]}}}",
                 "forbidden sysctls (z, a)"),
        BASELINE(0, "{spec: {securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies}]}}}", ""),
        /* Of a later release. */
        BASELINE(37, "{spec: {securityContext: {sysctls: [{name: net.ipv4.tcp_notsent_lowat}]}}}",
                 "forbidden sysctls (net.ipv4.tcp_notsent_lowat)")};
    check(rows, ARRAY_COUNT(rows));
}

static void test_restricted(void)
{
    static const struct row rows[] = {
        RESTRICTED(NOW, HARD("", ""), ""),
        RESTRICTED(NOW, HARD("", ", privileged: true"),
                   "privileged (container \"a\" must not set securityContext.privileged=true)"),
        RESTRICTED(NOW, "{spec: {" HARD_POD ", containers: [{name: a}]}}",
                   "allowPrivilegeEscalation != false (container \"a\" must set "
                   "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities "
                   "(container \"a\" must set securityContext.capabilities.drop=[\"ALL\"])"),
        RESTRICTED(NOW,
                   "{spec: {" HARD_POD ", containers: [{name: a, securityContext: "
                   "{allowPrivilegeEscalation: false, capabilities: {drop: [CHOWN], add: [CHOWN, "
                   "NET_BIND_SERVICE]}}}]}}",
                   "unrestricted capabilities (container \"a\" must set "
                   "securityContext.capabilities.drop=[\"ALL\"]; container \"a\" must not include "
                   "\"CHOWN\" in securityContext.capabilities.add)"),
        /* volumes: hostPath is told of once */
        RESTRICTED(NOW,
                   HARD(", volumes: [{name: v, image: {}}, {name: w, emptyDir: {}}, {name: x, "
                        "projected: {}}]",
                        ""),
                   ""),
        RESTRICTED(NOW, HARD(", volumes: [{name: v, hostPath: {}}]", ""),
                   "restricted volume types (volume \"v\" uses restricted volume type "
                   "\"hostPath\")"),
        RESTRICTED(NOW, HARD(", volumes: [{name: v, nfs: {}}, {name: u, gitRepo: {}}]", ""),
                   "restricted volume types (volumes \"v\", \"u\" use restricted volume types "
                   "\"gitRepo\", \"nfs\")"),
        /* users */
        RESTRICTED(NOW, HARD("", ", runAsNonRoot: false"),
                   "runAsNonRoot != true (container \"a\" must not set "
                   "securityContext.runAsNonRoot=false)"),
        RESTRICTED(NOW,
                   "{spec: {securityContext: {runAsNonRoot: false, seccompProfile: {type: "
                   "RuntimeDefault}}, containers: [{name: a, securityContext: {" HARD_CONTAINER
                   ", runAsNonRoot: true}}]}}",
                   "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"),
        RESTRICTED(NOW, HARD("", ", runAsUser: 0"),
                   "runAsUser=0 (container \"a\" must not set runAsUser=0)"),
        RESTRICTED(22, HARD("", ", runAsUser: 0"), ""),
        RESTRICTED(NOW, HARD("", ", runAsUser: 1"), ""),
        /* seccomp */
        RESTRICTED(NOW,
                   "{spec: {securityContext: {seccompProfile: {type: Localhost}}, "
                   "initContainers: [{name: i, securityContext: {" HARD_CONTAINER
                   "}}], containers: [{name: a, securityContext: {" HARD_CONTAINER
                   ", runAsNonRoot: true}}]}}",
                   "runAsNonRoot != true (pod or container \"i\" must set "
                   "securityContext.runAsNonRoot=true)"),
        RESTRICTED(NOW,
                   "{spec: {securityContext: {runAsNonRoot: true}, containers: [{name: a, "
                   "securityContext: {" HARD_CONTAINER "}}]}}",
                   "seccompProfile (pod or container \"a\" must set "
                   "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"),
        RESTRICTED(NOW, HARD("", ", seccompProfile: {type: Unconfined}"),
                   "seccompProfile (container \"a\" must not set "
                   "securityContext.seccompProfile.type to \"Unconfined\")"),
    };
    check(rows, ARRAY_COUNT(rows));
}

/* Whom a version spares, and what a version did not check yet. */
static void test_versions(void)
{
#define NO_SECCOMP                                                                                 \
    "{spec: {securityContext: {runAsNonRoot: true}, containers: [{name: a, securityContext: "      \
    "{allowPrivilegeEscalation: false}}]}}"
#define ROOT_IN_NAMESPACE HARD(", hostUsers: false", ", runAsNonRoot: false, runAsUser: 0")
    static const struct row rows[] = {
        {SECURITY_PRIVILEGED, NOW, SECURE("privileged: true"), ""},
        RESTRICTED(7, "{spec: {" HARD_POD ", containers: [{name: a}]}}", ""),
        RESTRICTED(21, "{spec: {" HARD_POD ", containers: [{name: a}]}}",
                   "allowPrivilegeEscalation != false (container \"a\" must set "
                   "securityContext.allowPrivilegeEscalation=false)"),
        RESTRICTED(8, SECURE_USER("privileged: false"),
                   "allowPrivilegeEscalation != false (container \"a\" must set "
                   "securityContext.allowPrivilegeEscalation=false)"),
        RESTRICTED(22, SECURE_USER("allowPrivilegeEscalation: false"),
                   "unrestricted capabilities (container \"a\" must set "
                   "securityContext.capabilities.drop=[\"ALL\"])"),
        RESTRICTED(18, NO_SECCOMP, ""),
        RESTRICTED(19, NO_SECCOMP,
                   "seccompProfile (pod or container \"a\" must set "
                   "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"),
        RESTRICTED(23, HARD("", ", runAsUser: 0"),
                   "runAsUser=0 (container \"a\" must not set runAsUser=0)"),
        /* Without restricted capabilities, those of the baseline count. */
        RESTRICTED(21,
                   SECURE_USER("allowPrivilegeEscalation: false, capabilities: {add: [NET_RAW]}"),
                   "non-default capabilities (container \"a\" must not include \"NET_RAW\" in "
                   "securityContext.capabilities.add)"),
        RESTRICTED(24, "{spec: {os: {name: windows}, containers: [{name: a}]}}",
                   "allowPrivilegeEscalation != false (container \"a\" must set "
                   "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities "
                   "(container \"a\" must set securityContext.capabilities.drop=[\"ALL\"]), "
                   "runAsNonRoot != true (pod or container \"a\" must set "
                   "securityContext.runAsNonRoot=true), seccompProfile (pod or container \"a\" "
                   "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or "
                   "\"Localhost\")"),
        RESTRICTED(25, "{spec: {os: {name: windows}, containers: [{name: a}]}}",
                   "runAsNonRoot != true (pod or container \"a\" must set "
                   "securityContext.runAsNonRoot=true)"),
        RESTRICTED(34, ROOT_IN_NAMESPACE,
                   "runAsNonRoot != true (container \"a\" must not set "
                   "securityContext.runAsNonRoot=false), runAsUser=0 (container \"a\" must not set "
                   "runAsUser=0)"),
        RESTRICTED(35, ROOT_IN_NAMESPACE, ""),
        BASELINE(34,
                 "{spec: {hostUsers: false, containers: [{name: a, securityContext: {procMount: "
                 "Unmasked}}]}}",
                 "procMount (container \"a\" must not set securityContext.procMount to "
                 "\"Unmasked\")"),
        BASELINE(35,
                 "{spec: {hostUsers: false, containers: [{name: a, securityContext: {procMount: "
                 "Unmasked}}]}}",
                 ""),
        RESTRICTED(NOW, HARD(", hostUsers: false", ", procMount: Unmasked"),
                   "procMount (container \"a\" must not set securityContext.procMount to "
                   "\"Unmasked\")"),
    };
    check(rows, ARRAY_COUNT(rows));
}

/* All of one pod, by the names of the checks: SELinux before seccomp. */
static void test_order(void)
{
    static const struct row rows[] = {BASELINE(
        NOW,
        "{spec: {hostPID: true, securityContext: {sysctls: [{name: x}]}, containers: [{name: a, "
        "ports: [{hostPort: 1}], securityContext: {privileged: true, seccompProfile: {type: "
        "Unconfined}, seLinuxOptions: {user: u}}}]}}",
        "host namespaces (hostPID=true), hostPort (container \"a\" uses hostPort 1), privileged "
        "(container \"a\" must not set securityContext.privileged=true), seLinuxOptions "
        "(container \"a\" set forbidden securityContext.seLinuxOptions: user may not be set), "
        "seccompProfile (container \"a\" must not set securityContext.seccompProfile.type to "
        "\"Unconfined\"), forbidden sysctls (x)")};
    const struct security_policy policy = {SECURITY_BASELINE, NOW};
    AUTO(violations) struct violations bad = {0};
    struct value pod = value_pack(rows[0].pod);
    security_evaluate(&policy, VALUE_ABSENT, VALUE_GET(pod, spec), &bad);
    CU_ASSERT_STRING_EQUAL(text_c(&bad.reasons),
                           "host namespaces, hostPort, privileged, seLinuxOptions, seccompProfile, "
                           "forbidden sysctls");
    value_drop(pod);
    check(rows, ARRAY_COUNT(rows));
}

int main(void)
{
    static CU_TestInfo tests[] = {{"baseline", test_baseline},
                                  {"baseline of containers", test_baseline_of_containers},
                                  {"baseline seccomp", test_baseline_seccomp},
                                  {"sysctls", test_sysctls},
                                  {"restricted", test_restricted},
                                  {"versions", test_versions},
                                  {"order", test_order},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"pod security", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    return CU_get_number_of_failures() != 0;
}
