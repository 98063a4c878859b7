// SPDX-License-Identifier: Apache-2.0
// @kubernetes/client-node against `wavetank serve`: what its users do. Usage: node client.mjs KUBECONFIG CONTEXT
// Prints a line for each thing that is not as it should be; exit status 0: none.
import { PassThrough } from 'node:stream';
import * as k8s from '@kubernetes/client-node';

const [kubeconfig, context] = process.argv.slice(2);
let checks = 0;
let failures = 0;
const check = (what, isTrue, found) => {
    checks++;
    if (isTrue) return;
    failures++;
    console.log(`client-node: ${what}: found ${typeof found === 'string' ? found : JSON.stringify(found)}`);
};
const code = async (promise) => {
    try {
        await promise;
        return 200;
    } catch (e) {
        return e.code ?? String(e);
    }
};
const until = async (what, condition, ms = 20000) => {
    for (const end = Date.now() + ms; Date.now() < end; ) {
        if (await condition()) return check(what, true);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    check(what, false, 'nothing in time');
};
const patchAs = (type) => k8s.setHeaderOptions('Content-Type', type);
const namespace = 'default';

async function objects(core, apps, who) {
    const name = `node-${who}`;
    const made = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { a: '1' } } });
    check('create gives a uid', made.metadata.uid?.length === 36, made);
    check('create twice', (await code(core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } }))) === 409);
    const got = await core.readNamespacedConfigMap({ namespace, name });
    check('creationTimestamp is a date', got.metadata.creationTimestamp instanceof Date, got.metadata);
    got.data.b = '2';
    const put = await core.replaceNamespacedConfigMap({ namespace, name, body: got });
    check('replace', put.data.b === '2', put);
    check('replace of an old version', (await code(core.replaceNamespacedConfigMap({ namespace, name, body: { ...got, data: { c: '3' } } }))) === 409);
    check('not found', (await code(core.readNamespacedConfigMap({ namespace, name: 'nobody' }))) === 404);

    let patched = await core.patchNamespacedConfigMap({ namespace, name, body: [{ op: 'replace', path: '/data/a', value: 'j' }] },
        patchAs(k8s.PatchStrategy.JsonPatch));
    check('JSON patch', patched.data.a === 'j', patched);
    patched = await core.patchNamespacedConfigMap({ namespace, name, body: { data: { a: null, m: 'm' } } }, patchAs(k8s.PatchStrategy.MergePatch));
    check('merge patch', patched.data.a === undefined && patched.data.m === 'm', patched);
    const deployment = { metadata: { name }, spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: {
        metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } } } };
    await apps.createNamespacedDeployment({ namespace, body: deployment });
    const strategic = await apps.patchNamespacedDeployment({ namespace, name,
        body: { spec: { template: { spec: { containers: [{ name: 'side', image: 'busybox' }] } } } } }, patchAs(k8s.PatchStrategy.StrategicMergePatch));
    check('strategic merge patch', strategic.spec.template.spec.containers.length === 2, strategic.spec.template.spec);
    const apply = (manager, force, value) => core.patchNamespacedConfigMap({ namespace, name: `${name}-applied`, fieldManager: manager, force,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-applied` }, data: { k: value } } },
        patchAs(k8s.PatchStrategy.ServerSideApply));
    const applied = await apply('one', false, 'v');
    check('server-side apply', applied.data.k === 'v' && applied.metadata.managedFields?.[0].manager === 'one', applied);
    check('apply of a field of another', (await code(apply('two', false, 'w'))) === 409);
    check('apply with force', (await apply('two', true, 'w')).data.k === 'w');
    check('delete', (await code(core.deleteNamespacedConfigMap({ namespace, name: `${name}-applied` }))) === 200);

    const scale = await apps.readNamespacedDeploymentScale({ namespace, name });
    check('scale', scale.spec.replicas === 2, scale);
    await until('two pods run', async () => {
        const list = await core.listNamespacedPod({ namespace, labelSelector: `app=${name}`, fieldSelector: 'status.phase=Running' });
        return list.items.length >= 2;
    });
    const first = await core.listNamespacedPod({ namespace, limit: 1 });
    const second = await core.listNamespacedPod({ namespace, limit: 1, _continue: first.metadata._continue });
    check('paging', second.items[0].metadata.name !== first.items[0].metadata.name, second.metadata);
    await apps.deleteNamespacedDeployment({ namespace, name, propagationPolicy: 'Foreground' });
    await core.deleteNamespacedConfigMap({ namespace, name });
}

// list and watch with an informer, which begins again when the server closes, and lists anew after 410.
async function informer(config, core) {
    const seen = { add: [], update: [], delete: [], connect: 0, error: [] };
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'informer=yes' });
    const i = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, list, 'informer=yes');
    for (const verb of ['add', 'update', 'delete']) i.on(verb, (o) => seen[verb].push(o.metadata.name));
    i.on('connect', () => seen.connect++);
    i.on('error', (e) => {
        seen.error.push(e);
        setTimeout(() => i.start(), 100);
    });
    const labels = { informer: 'yes' };
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'before', labels } } });
    await i.start();
    await until('an informer has what was there', () => i.get('before', namespace));
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'during', labels } } });
    await until('an informer hears of one more', () => seen.add.includes('during'));
    await core.patchNamespacedConfigMap({ namespace, name: 'during', body: { data: { a: 'b' } } }, patchAs(k8s.PatchStrategy.MergePatch));
    await until('an informer hears of a change', () => seen.update.includes('during'));
    await core.deleteNamespacedConfigMap({ namespace, name: 'during' });
    await until('an informer hears of an end', () => seen.delete.includes('during'));
    check('an informer lists what it has', i.list(namespace).length === 1, i.list(namespace));
    await i.stop();

    // A watch that the server ends after a second, and one from a version that never was.
    const watch = new k8s.Watch(config);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const ended = await new Promise((resolve, reject) => {
        watch.watch(path, { timeoutSeconds: 1, allowWatchBookmarks: true }, () => {}, (e) => resolve(e ?? 'in order')).catch(reject);
    });
    check('a watch ends when its time is over', ended === 'in order', String(ended));
    const gone = await new Promise((resolve) => {
        watch.watch(path, { resourceVersion: '1', timeoutSeconds: 2 }, (type, o) => type === 'ERROR' && resolve(o.code), (e) => resolve(e?.statusCode ?? 'in order'))
            .catch(resolve);
    });
    check('a watch from before the history is told so, or is served from it', [410, 'in order'].includes(gone), gone);
    await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
}

async function containers(config, core) {
    const name = 'shell';
    await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec: { containers: [
        { name: 'web', image: 'busybox', command: ['sh', '-c', 'echo hello; sleep 3600'] }] } } });
    await until('a pod runs', async () => (await core.readNamespacedPod({ namespace, name })).status.phase === 'Running');
    await until('logs', async () => (await core.readNamespacedPodLog({ namespace, name })) === 'hello\n');
    const text = (stream) => new Promise((resolve) => {
        let all = '';
        stream.on('data', (block) => (all += block));
        stream.on('end', () => resolve(all));
    });
    const out = new PassThrough();
    const error = new PassThrough();
    const output = text(out);
    const status = await new Promise((resolve, reject) => {
        new k8s.Exec(config).exec(namespace, name, 'web', ['sh', '-c', 'echo to you'], out, error, null, false, resolve).catch(reject);
    });
    out.end();
    check('exec ends well', status.status === 'Success', status);
    check('exec says what it printed', (await output) === 'to you\n', await output);
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
}

// The same with a token in place of a certificate.
async function tokenConfig(config, core) {
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
    const rbac = config.makeApiClient(k8s.RbacAuthorizationV1Api);
    await rbac.createClusterRoleBinding({ body: { metadata: { name: 'robot' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
        subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace }] } });
    const { status } = await core.createNamespacedServiceAccountToken({ namespace, name: 'robot', body: { spec: { expirationSeconds: 3600 } } });
    const made = new k8s.KubeConfig();
    made.loadFromClusterAndUser(config.getCurrentCluster(), { name: 'robot', token: status.token });
    return made;
}

const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
config.setCurrentContext(context);
const core = config.makeApiClient(k8s.CoreV1Api);
const nodes = await core.listNode();
check('nodes', nodes.items.length === 3, nodes.items.length);
check('the version', (await config.makeApiClient(k8s.VersionApi).getCode()).gitVersion.startsWith('v1.36.'));
const part = async (name, run) => {
    try {
        await run();
    } catch (e) {
        check(name, false, String(e.stack ?? e));
    }
};
await part('objects', () => objects(core, config.makeApiClient(k8s.AppsV1Api), 'admin'));
await part('informer', () => informer(config, core));
await part('containers', () => containers(config, core));
await part('token', async () => {
    const robot = await tokenConfig(config, core);
    const robotCore = robot.makeApiClient(k8s.CoreV1Api);
    check('a token may not read nodes', (await code(robotCore.listNode())) === 403);
    await objects(robotCore, robot.makeApiClient(k8s.AppsV1Api), 'robot');
    await containers(robot, robotCore);
});
console.log(`client-node: ${checks} checks, ${failures} failures`);
process.exit(failures ? 1 : 0);
