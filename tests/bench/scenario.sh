#!/bin/sh
# Writes a scenario of NODES nodes and DEPLOYMENTS Deployments of REPLICAS pods, all of which must become ready, then time
# goes on for SECONDS, if given after SETTLE more. Usage: tests/bench/scenario.sh NODES DEPLOYMENTS REPLICAS SECONDS [SETTLE]
set -eu
nodes=$1
deployments=$2
replicas=$3
seconds=$4
total=$((deployments * replicas))
cat <<EOF
apiVersion: wavetank.dev/v1alpha1
kind: Scenario
metadata: {name: bench-$nodes-$total}
spec:
  cluster:
    etcd: {members: 3}
    nodes:
    - count: $nodes
      name: node-{i}
      zones: [zone-a, zone-b, zone-c]
      capacity: {cpu: "32", memory: 256Gi, pods: "110"}
    flags:
      kube-controller-manager: {kube-api-qps: 5000, kube-api-burst: 5000}
      kube-scheduler: {kube-api-qps: 5000, kube-api-burst: 5000}
  steps:
  - name: nodes are ready
    try:
    - count: {apiVersion: v1, kind: Node, jq: '.status.conditions | any(.type == "Ready" and .status == "True")', equals: $nodes, timeout: 10m}
EOF
[ "$deployments" = 0 ] || printf '  - name: pods are ready\n    try:\n'
i=0
while [ $i -lt "$deployments" ]; do
    cat <<EOF
    - create:
        resource:
          apiVersion: apps/v1
          kind: Deployment
          metadata: {name: web-$i, namespace: default}
          spec:
            replicas: $replicas
            selector: {matchLabels: {app: web-$i}}
            template:
              metadata: {labels: {app: web-$i}}
              spec:
                containers:
                - name: web
                  image: nginx:1.27
                  readinessProbe: {httpGet: {path: /, port: 80}}
                  resources: {requests: {cpu: 100m, memory: 64Mi}}
EOF
    i=$((i + 1))
done
i=0
while [ $i -lt "$deployments" ]; do
    printf '    - assert: {timeout: 60m, resource: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web-%s}, status: {readyReplicas: %s}}}\n' "$i" "$replicas"
    i=$((i + 1))
done
[ "${5:-0}" = 0 ] || printf '  - name: settled\n    try:\n    - sleep: %ss\n' "$5"
[ "$seconds" = 0 ] || printf '  - name: settle # the Events of the start are still being written\n    try:\n    - sleep: 300s\n  - name: steady\n    try:\n    - sleep: %ss\n' "$seconds"
