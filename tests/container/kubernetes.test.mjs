// docker/kubernetes.yaml without a cluster: each object by the schema of its kind, the whole by the API's types, which
// know no key that is not there (what `kubectl --validate=strict` refuses), and by what the gateway makes of its
// configuration. Run: kubernetes.test.mjs, with the folder of the programs in IMSGW_BUILD.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import yaml from 'js-yaml';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Secret, Service } from 'kubernetes-models/v1';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const kinds = { 'apps/v1': { Deployment }, 'policy/v1': { PodDisruptionBudget }, v1: { ConfigMap, Secret, Service } };
const objects = yaml.loadAll(readFileSync(at('../../docker/kubernetes.yaml'), 'utf8'));
const of = (kind, list = objects) => list.filter((o) => o.kind === kind);
const modelOf = (o) => kinds[o.apiVersion]?.[o.kind] ?? assert.fail(`${o.apiVersion} ${o.kind}: no schema for it`);
const [deployment] = of('Deployment');
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const [{ data: config }] = of('ConfigMap');
const dir = mkdtempSync(path.join(at('.'), 'node_modules', '.judge-')); // from here the compiler finds the types
after(() => rmSync(dir, { recursive: true }));

// What the compiler says of these objects as literals of their types.
function typed(list) {
  const lines = list.map((o, i) => `export const o${i}: import('kubernetes-models/${o.apiVersion}').I${o.kind} = ` +
    `${JSON.stringify(o)};\n`);
  const file = path.join(dir, 'objects.ts');
  writeFileSync(file, lines.join(''));
  const tsc = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler',
    '--target', 'es2022', file];
  return spawnSync(at('../../web/node_modules/.bin/tsc'), tsc, { encoding: 'utf8' }).stdout;
}

test('every object is as its schema says', () => {
  for (const o of objects) new (modelOf(o))(o).validate();
});

test('there is no key that the API does not know', () => assert.equal(typed(objects), ''));

test('these judges find faults', () => {
  const bad = structuredClone(deployment);
  bad.spec.replicas = 'one';
  assert.throws(() => new Deployment(bad).validate(), /replicas/);
  const misspelt = structuredClone(deployment);
  misspelt.spec.template.spec.containers[0].readynessProbe = {};
  assert.match(typed([misspelt]), /readynessProbe/);
});

test('a Service for the UDP port of every worker, and media of a draining gateway goes on', () => {
  const first = Number(config.IMSGW_ACCESS_PORT);
  for (let i = 0; i < Number(config.IMSGW_WORKERS); i++) {
    const port = container.ports.find((p) => p.containerPort === first + i && p.protocol === 'UDP');
    const found = of('Service').filter((s) => s.spec.ports.some((p) => p.targetPort === port.name));
    assert.equal(found.length, 1, `worker ${i}`);
    const [{ spec }] = found;
    assert.deepEqual(spec.ports.map((p) => [p.port, p.protocol]), [[first + i, 'UDP']]);
    assert.ok(spec.publishNotReadyAddresses);
    assert.equal(spec.loadBalancerIP, config.IMSGW_ACCESS_ADVERTISE);
  }
});

test('every selector and every reference finds something', () => {
  const { labels } = deployment.spec.template.metadata;
  const has = (selector) => Object.entries(selector).every(([k, v]) => labels[k] === v);
  for (const s of of('Service')) {
    assert.ok(has(s.spec.selector), s.metadata.name);
    for (const p of s.spec.ports)
      assert.ok(container.ports.some((c) => c.name === p.targetPort && c.protocol === p.protocol), p.name);
  }
  for (const o of [deployment, ...of('PodDisruptionBudget')]) assert.ok(has(o.spec.selector.matchLabels), o.kind);
  for (const { configMapRef, secretRef } of container.envFrom)
    assert.ok(configMapRef ? of('ConfigMap').some((o) => o.metadata.name === configMapRef.name)
      : of('Secret').some((o) => o.metadata.name === secretRef.name));
  for (const m of container.volumeMounts) assert.ok(pod.volumes.some((v) => v.name === m.name), m.name);
});

test('the image may be run as it says, and is given time to drain', () => {
  const { runAsUser } = pod.securityContext;
  assert.match(readFileSync(at('../../docker/Dockerfile'), 'utf8'), new RegExp(`^USER ${runAsUser}:`, 'm'));
  assert.ok(pod.terminationGracePeriodSeconds > Number(config.IMSGW_DRAIN_TIMEOUT));
});

test('the gateway takes the configuration', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'imsgw-kubernetes-'));
  const [crt, key] = ['tls.crt', 'tls.key'].map((f) => path.join(scratch, f));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=x', '-keyout', key, '-out', crt], { stdio: 'ignore' });
  const env = { ...config, ...of('Secret')[0].stringData };
  for (const { name, value } of container.env)
    if (value) env[name] = value.replace('$(POD_IP)', '127.0.0.1').replace(/^\/etc\/imsgw-tls/, scratch);
  const r = spawnSync(path.join(process.env.IMSGW_BUILD, 'imsgw'), ['--check'], { env, encoding: 'utf8' });
  rmSync(scratch, { recursive: true });
  assert.equal(r.status, 0, r.stderr);
  assert.doesNotMatch(r.stderr, /unknown key/);
});
