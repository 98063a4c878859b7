# The commands of the introduction that this program is made for, word for word. Sourced by tests/kubectl.sh.
# Where the words are older than today's kubectl, what it really says is expected, and then the command that is meant.
deck=scenarios/library/deck
serve --nodes 5 --speed 10

# kubectl api-resources: each of the table's rows that Kubernetes itself serves.
expect 0 '^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND' api-resources
for row in bindings:Binding componentstatuses:ComponentStatus configmaps:ConfigMap endpoints:Endpoints events:Event limitranges:LimitRange \
    namespaces:Namespace nodes:Node persistentvolumeclaims:PersistentVolumeClaim persistentvolumes:PersistentVolume pods:Pod \
    podtemplates:PodTemplate replicationcontrollers:ReplicationController resourcequotas:ResourceQuota secrets:Secret \
    serviceaccounts:ServiceAccount services:Service mutatingwebhookconfigurations:MutatingWebhookConfiguration \
    validatingwebhookconfigurations:ValidatingWebhookConfiguration customresourcedefinitions:CustomResourceDefinition apiservices:APIService \
    controllerrevisions:ControllerRevision daemonsets:DaemonSet deployments:Deployment replicasets:ReplicaSet statefulsets:StatefulSet \
    tokenreviews:TokenReview localsubjectaccessreviews:LocalSubjectAccessReview selfsubjectaccessreviews:SelfSubjectAccessReview \
    selfsubjectrulesreviews:SelfSubjectRulesReview subjectaccessreviews:SubjectAccessReview horizontalpodautoscalers:HorizontalPodAutoscaler \
    cronjobs:CronJob jobs:Job certificatesigningrequests:CertificateSigningRequest leases:Lease endpointslices:EndpointSlice \
    flowschemas:FlowSchema prioritylevelconfigurations:PriorityLevelConfiguration ingressclasses:IngressClass ingresses:Ingress \
    networkpolicies:NetworkPolicy runtimeclasses:RuntimeClass poddisruptionbudgets:PodDisruptionBudget \
    clusterrolebindings:ClusterRoleBinding clusterroles:ClusterRole rolebindings:RoleBinding roles:Role priorityclasses:PriorityClass \
    csidrivers:CSIDriver csinodes:CSINode csistoragecapacities:CSIStorageCapacity storageclasses:StorageClass \
    volumeattachments:VolumeAttachment; do
    printf '%s\n' "$output" | grep -qE "^${row%:*} .* ${row#*:}$" || { echo "kubectl api-resources: no $row"; failed=1; }
done

# kubectl run makes a Pod since 1.18, so there is no Deployment to expose.
expect 0 '^pod/ghost created$' run ghost --image=ghost:0.9
expect 1 'Error from server \(NotFound\): deployments.apps "ghost" not found' expose deployment ghost --port=2368 --type=NodePort
expect 0 '^deployment.apps/ghost created$' create deployment ghost --image=ghost:0.9
expect 0 '^service/ghost exposed$' expose deployment ghost --port=2368 --type=NodePort
expect 0 '^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE' get svc
expect 0 '^ghost +NodePort +10\.[0-9.]+ +<none> +2368:3[0-2][0-9]{3}/TCP +[0-9]+s' get svc
expect 0 '^kubernetes +ClusterIP +10\.96\.0\.1 +<none> +443/TCP' get svc
expect 0 'successfully rolled out' rollout status deploy ghost --timeout=60s
expect 0 '^NAME +READY +STATUS +RESTARTS +AGE' get pods
expect 0 '^ghost-[0-9a-z]+-[0-9a-z]{5} +1/1 +Running +0 +[0-9]+s' get pods
expect 0 '^NAME +READY +UP-TO-DATE +AVAILABLE +AGE' get deploy
expect 0 '^ghost +1/1 +1 +1 +[0-9]+s' get deploy
KUBE_EDITOR="sed -i s/replicas:.1/replicas:\ 3/" expect 0 '^deployment.apps/ghost edited$' edit deploy ghost
KUBE_EDITOR=true expect 0 'Edit cancelled, no changes made' edit deploy ghost
expect 0 'successfully rolled out' rollout status deploy ghost --timeout=60s
expect 0 '^ghost +3/3 +3 +3 +' get deploy
expect 0 '^3$' get endpointslices -l kubernetes.io/service-name=ghost -o 'go-template={{range .items}}{{len .endpoints}}{{"\n"}}{{end}}'
ghost=$(kubectl --context wavetank get pods -l app=ghost -o 'jsonpath={.items[0].metadata.name}')
expect 0 '' logs "$ghost"
expect 0 '^hello$' exec "$ghost" -- sh -c 'echo hello'
expect 0 '^deployment.apps "ghost" deleted' delete deploy ghost
expect 0 '^pod "ghost" deleted' delete pod ghost
expect 0 'No resources found in default namespace' get deploy

# The manifests as they are written, and mended.
expect 1 'Error from server \(BadRequest\): error when creating ".*deck-deployment.yaml": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.spec", unknown field "spec.volumes"|unknown field "spec" in io.k8s.api.apps.v1.DeploymentSpec' \
    apply -f "$deck/deck-deployment.yaml"
expect 0 '^service/static created$' apply -f "$deck/deck-service.yaml"
expect 0 '^configmap/nginx created$' apply -f "$deck/deck-configmap.yaml"
expect 1 'error converting YAML to JSON: yaml: line 22: did not find expected key' apply -f "$deck/deck-ingress.yaml"
expect 1 'unknown field "spec.template.spec.ports"|unknown field "ports" in io.k8s.api.core.v1.PodSpec' apply -f "$deck/dep-s1.yaml"
expect 1 'unknown field "spec.template.spec.ports"|unknown field "ports" in io.k8s.api.core.v1.PodSpec' apply -f "$deck/dep-s2.yaml"
expect 1 'unknown field' apply -f "$deck/ing-v1.yaml"
expect 0 '^deployment.apps/nginx created$' apply -f "$deck/fixed-deployment.yaml"
expect 0 '^ingress.networking.k8s.io/static created$' apply -f "$deck/ing-fixed.yaml"
expect 0 '^static +<none> +static.domain.lan,static.domain.site .*80, 443' get ing
expect 0 'deployment.apps/nginx unchanged' apply -f "$deck/fixed-deployment.yaml"
# No such NFS server is there: the pod waits for its volumes.
expect 0 '^nginx-[0-9a-z]+-[0-9a-z]+ +0/1 +ContainerCreating' get pods -l app=nginx
expect 0 'static +<none> +80/TCP|static +ClusterIP' get svc static
expect 0 'static-cert terminates static.domain.lan,static.domain.site' describe ing static
expect 0 'deleted' delete -f "$deck/fixed-deployment.yaml" -f "$deck/ing-fixed.yaml" -f "$deck/deck-service.yaml" -f "$deck/deck-configmap.yaml"
