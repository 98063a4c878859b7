/* SPDX-License-Identifier: Apache-2.0
 *
 * The set "slides" (slides.h): one row a kind, its schema in relaxed JSON. The schemas are our own:
 * the fields that a person sets or reads, open where the real one is large.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/slides.h"

#define TEXT "{type: string}"
#define NUMBER "{type: integer}"
#define FLAG "{type: boolean}"
#define TIME "{type: string, format: \"date-time\"}"
#define OPEN "{type: object, \"x-kubernetes-preserve-unknown-fields\": true}"
#define LIST(item) "{type: array, items: " item "}"
#define MAP "{type: object, additionalProperties: " TEXT "}"
#define OBJECT(members) "{type: object, properties: {" members "}}"
#define REQUIRED(names, members)                                                                   \
    "{type: object, required: [" names "], properties: {" members "}}"
#define OPEN_OBJECT(members)                                                                       \
    "{type: object, \"x-kubernetes-preserve-unknown-fields\": true, properties: {" members "}}"

#define CONDITIONS                                                                                 \
    "{type: array, \"x-kubernetes-list-type\": map, \"x-kubernetes-list-map-keys\": [type], "      \
    "items: {type: object, required: [type, status], properties: {type: " TEXT                     \
    ", status: {type: string, enum: [\"True\", \"False\", Unknown]}, reason: " TEXT                \
    ", message: " TEXT ", lastTransitionTime: " TIME ", lastUpdateTime: " TIME                     \
    ", observedGeneration: " NUMBER "}}}"
#define ISSUER_REF REQUIRED("name", "name: " TEXT ", kind: " TEXT ", group: " TEXT)
#define SECRET_KEY REQUIRED("name", "name: " TEXT ", key: " TEXT)
#define ACME                                                                                       \
    "{type: object, required: [server, privateKeySecretRef], \"x-kubernetes-preserve-unknown-"     \
    "fields\": true, properties: {server: " TEXT ", email: " TEXT                                  \
    ", privateKeySecretRef: " SECRET_KEY ", skipTLSVerify: " FLAG ", solvers: " LIST(OPEN) "}}"
#define ISSUER                                                                                     \
    OBJECT("acme: " ACME ", ca: " REQUIRED("secretName", "secretName: " TEXT)                      \
           ", selfSigned: " OPEN ", vault: " OPEN ", venafi: " OPEN)
#define ISSUER_STATUS OBJECT("acme: " OPEN ", conditions: " CONDITIONS)
#define IDENTITY REQUIRED("kind, name", "kind: " TEXT ", name: " TEXT ", namespace: " TEXT)
#define DESTINATION OBJECT("server: " TEXT ", namespace: " TEXT ", name: " TEXT)
#define GROUP_KIND REQUIRED("group, kind", "group: " TEXT ", kind: " TEXT)

#define AGE "{name: Age, type: date, jsonPath: \".metadata.creationTimestamp\"}"
#define COLUMN(name, path) "{name: " name ", type: string, jsonPath: \"" path "\"}"
#define WIDE(name, path) "{name: " name ", type: string, priority: 1, jsonPath: \"" path "\"}"
#define IS(type) ".status.conditions[?(@.type=='" type "')].status"
#define SAYS(type) ".status.conditions[?(@.type=='" type "')].message"

struct definition_row {
    const char *group, *version, *plural, *singular, *kind, *short_names, *categories;
    bool is_namespaced, has_status;
    const char *columns, *spec, *status, *required;
};

static const struct definition_row rows[] = {
    {"access.smi-spec.io", "v1alpha2", "traffictargets", "traffictarget", "TrafficTarget", "[tt]",
     "[]", true, false, "[]",
     REQUIRED("destination, sources",
              "destination: " IDENTITY ", sources: " LIST(IDENTITY) ", rules: " LIST(
                  REQUIRED("kind, name",
                           "kind: " TEXT ", name: " TEXT ", matches: " LIST(TEXT)))),
     NULL, "[]"},
    {"acme.cert-manager.io", "v1", "challenges", "challenge", "Challenge", "[]",
     "[\"cert-manager\", \"cert-manager-acme\"]", true, true,
     "[" COLUMN("State", ".status.state") ", " COLUMN("Domain", ".spec.dnsName") ", " WIDE(
         "Reason", ".status.reason") ", " AGE "]",
     "{type: object, required: [authorizationURL, dnsName, issuerRef, key, solver, token, type, "
     "url], properties: {authorizationURL: " TEXT ", dnsName: " TEXT ", issuerRef: " ISSUER_REF
     ", key: " TEXT ", solver: " OPEN ", token: " TEXT
     ", type: {type: string, enum: [\"HTTP-01\", \"DNS-01\"]}, url: " TEXT ", wildcard: " FLAG "}}",
     OBJECT("state: {type: string, enum: [valid, ready, pending, processing, invalid, expired, "
            "errored]}, presented: " FLAG ", processing: " FLAG ", reason: " TEXT),
     "[metadata, spec]"},
    {"acme.cert-manager.io", "v1", "orders", "order", "Order", "[]",
     "[\"cert-manager\", \"cert-manager-acme\"]", true, true,
     "[" COLUMN("State", ".status.state") ", " WIDE("Issuer", ".spec.issuerRef.name") ", " WIDE(
         "Reason", ".status.reason") ", " AGE "]",
     REQUIRED("issuerRef, request", "commonName: " TEXT ", dnsNames: " LIST(TEXT)
                                    ", duration: " TEXT ", ipAddresses: " LIST(TEXT)
                                    ", issuerRef: " ISSUER_REF
                                    ", request: {type: string, format: byte}"),
     OBJECT("state: {type: string, enum: [valid, ready, pending, processing, invalid, expired, "
            "errored]}, reason: " TEXT ", url: " TEXT ", finalizeURL: " TEXT
            ", failureTime: " TIME ", certificate: {type: string, format: byte}, "
            "authorizations: " LIST(OPEN)),
     "[metadata, spec]"},
    {"argoproj.io", "v1alpha1", "applications", "application", "Application", "[app, apps]", "[]",
     true, false,
     "[" COLUMN("\"Sync Status\"", ".status.sync.status") ", " COLUMN(
         "\"Health Status\"", ".status.health.status") ", " WIDE(
         "Revision", ".status.sync.revision") ", " WIDE("Project", ".spec.project") "]",
     REQUIRED("destination, project",
              "project: " TEXT ", destination: " DESTINATION
              ", source: " OPEN_OBJECT("repoURL: " TEXT ", path: " TEXT ", targetRevision: " TEXT
                                       ", chart: " TEXT ", helm: " OPEN ", kustomize: " OPEN
                                       ", directory: " OPEN) ", sources: " LIST(OPEN)
              ", syncPolicy: " OBJECT("automated: " OBJECT("prune: " FLAG ", selfHeal: " FLAG
                                                           ", allowEmpty: " FLAG)
                                      ", syncOptions: " LIST(TEXT) ", retry: " OPEN)
              ", ignoreDifferences: " LIST(OPEN) ", info: " LIST(OPEN)
              ", revisionHistoryLimit: " NUMBER),
     OPEN_OBJECT("sync: " OPEN_OBJECT("status: " TEXT ", revision: " TEXT)
                 ", health: " OPEN_OBJECT("status: " TEXT ", message: " TEXT)),
     "[metadata, spec]"},
    {"argoproj.io", "v1alpha1", "appprojects", "appproject", "AppProject", "[appproj, appprojs]",
     "[]", true, false, "[]",
     OPEN_OBJECT("description: " TEXT ", sourceRepos: " LIST(TEXT) ", destinations: " LIST(
                     DESTINATION) ", clusterResourceWhitelist: " LIST(GROUP_KIND)
                 ", clusterResourceBlacklist: " LIST(GROUP_KIND)
                 ", namespaceResourceWhitelist: " LIST(GROUP_KIND)
                 ", namespaceResourceBlacklist: " LIST(GROUP_KIND) ", roles: " LIST(OPEN)
                 ", sourceNamespaces: " LIST(TEXT)),
     OPEN, "[metadata, spec]"},
    {"bitnami.com", "v1alpha1", "sealedsecrets", "sealedsecret", "SealedSecret", "[]", "[]", true,
     true,
     "[" COLUMN("Status", SAYS("Synced")) ", " COLUMN("Synced", IS("Synced")) ", " AGE "]",
     REQUIRED("encryptedData",
              "encryptedData: " MAP ", data: " TEXT
              ", template: " OPEN_OBJECT("type: " TEXT ", immutable: " FLAG ", data: " MAP
                                         ", metadata: " OPEN)),
     OBJECT("observedGeneration: " NUMBER ", conditions: " CONDITIONS), "[spec]"},
    {"cert-manager.io", "v1", "certificaterequests", "certificaterequest", "CertificateRequest",
     "[cr, crs]", "[\"cert-manager\"]", true, true,
     "[" COLUMN("Approved", IS("Approved")) ", " COLUMN("Denied", IS("Denied")) ", " COLUMN(
         "Ready", IS("Ready")) ", " COLUMN("Issuer", ".spec.issuerRef.name") ", " COLUMN(
         "Requester", ".spec.username") ", " WIDE("Status", SAYS("Ready")) ", " AGE "]",
     REQUIRED("issuerRef, request",
              "duration: " TEXT ", extra: {type: object, additionalProperties: " LIST(TEXT)
              "}, groups: " LIST(TEXT) ", isCA: " FLAG ", issuerRef: " ISSUER_REF
              ", request: {type: string, format: byte}, uid: " TEXT ", usages: " LIST(TEXT)
              ", username: " TEXT),
     OBJECT("ca: {type: string, format: byte}, certificate: {type: string, format: byte}, "
            "conditions: " CONDITIONS ", failureTime: " TIME),
     "[]"},
    {"cert-manager.io", "v1", "certificates", "certificate", "Certificate", "[cert, certs]",
     "[\"cert-manager\"]", true, true,
     "[" COLUMN("Ready", IS("Ready")) ", " COLUMN("Secret", ".spec.secretName") ", " WIDE(
         "Issuer", ".spec.issuerRef.name") ", " WIDE("Status", SAYS("Ready")) ", " AGE "]",
     "{type: object, required: [issuerRef, secretName], properties: {commonName: " TEXT
     ", dnsNames: " LIST(TEXT) ", duration: " TEXT ", emailAddresses: " LIST(TEXT)
     ", ipAddresses: " LIST(TEXT) ", isCA: " FLAG ", issuerRef: " ISSUER_REF ", keystores: " OPEN
     ", privateKey: " OBJECT("algorithm: {type: string, enum: [RSA, ECDSA, Ed25519]}, encoding: "
                             "{type: string, enum: [PKCS1, PKCS8]}, rotationPolicy: {type: string, "
                             "enum: [Never, Always]}, size: " NUMBER)
     ", renewBefore: " TEXT ", revisionHistoryLimit: {type: integer, minimum: 1}, secretName: " TEXT
     ", secretTemplate: " OBJECT("annotations: " MAP ", labels: " MAP) ", subject: " OPEN
     ", uris: " LIST(TEXT) ", usages: " LIST(TEXT) "}}",
     OBJECT("conditions: " CONDITIONS ", failedIssuanceAttempts: " NUMBER ", lastFailureTime: " TIME
            ", nextPrivateKeySecretName: " TEXT ", notAfter: " TIME ", notBefore: " TIME
            ", renewalTime: " TIME ", revision: " NUMBER),
     "[]"},
    {"cert-manager.io", "v1", "clusterissuers", "clusterissuer", "ClusterIssuer", "[]",
     "[\"cert-manager\"]", false, true,
     "[" COLUMN("Ready", IS("Ready")) ", " WIDE("Status", SAYS("Ready")) ", " AGE "]", ISSUER,
     ISSUER_STATUS, "[spec]"},
    {"cert-manager.io", "v1", "issuers", "issuer", "Issuer", "[]", "[\"cert-manager\"]", true, true,
     "[" COLUMN("Ready", IS("Ready")) ", " WIDE("Status", SAYS("Ready")) ", " AGE "]", ISSUER,
     ISSUER_STATUS, "[spec]"},
    {"helm.cattle.io", "v1", "helmchartconfigs", "helmchartconfig", "HelmChartConfig", "[]", "[]",
     true, false, "[]",
     OBJECT("valuesContent: " TEXT ", failurePolicy: {type: string, enum: [abort, reinstall]}, "
            "valuesSecrets: " LIST(OPEN)),
     OPEN, "[]"},
};

size_t definitions_count(struct str set)
{
    return str_equal(set, S("slides")) ? ARRAY_COUNT(rows) : 0;
}

static struct value schema_of(const struct definition_row *r)
{
    struct value properties = value_set(value_object(), ATOM_spec, value_pack(r->spec));
    if (r->status)
        properties = value_set(properties, ATOM_status, value_pack(r->status));
    properties = value_set(properties, ATOM_metadata, value_pack("{type: object}"));
    struct value schema = value_pack("{type: object, properties: %v}", properties);
    struct value required = value_pack(r->required);
    if (value_count(required) > 0)
        return value_set(schema, ATOM_required, required);
    value_drop(required);
    return schema;
}

static struct value with_list(struct value own, atom key, const char *list)
{
    struct value v = value_pack(list);
    if (value_count(v) > 0)
        return value_set(own, key, v);
    value_drop(v);
    return own;
}

struct value definitions_at(struct str set, size_t i)
{
    CHECK(i < definitions_count(set));
    const struct definition_row *r = &rows[i];
    struct value version =
        value_pack("{name: %s, served: true, storage: true, schema: {openAPIV3Schema: %v}}",
                   r->version, schema_of(r));
    struct value names =
        value_pack("{plural: %s, singular: %s, kind: %s}", r->plural, r->singular, r->kind);
    version = with_list(version, ATOM_additionalPrinterColumns, r->columns);
    if (r->has_status)
        version = value_set(version, ATOM_subresources, value_pack("{status: {}}"));
    names = with_list(names, ATOM_shortNames, r->short_names);
    names = with_list(names, ATOM_categories, r->categories);
    return value_pack(
        "{apiVersion: \"apiextensions.k8s.io/v1\", kind: CustomResourceDefinition, metadata: "
        "{name: %v}, spec: {group: %s, scope: %s, names: %v, versions: [%v]}}",
        value_printf("%s.%s", r->plural, r->group), r->group,
        r->is_namespaced ? "Namespaced" : "Cluster", names, version);
}
