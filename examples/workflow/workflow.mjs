/**
 * A workflow that reports its progress to the topic `workflow.<id>`: `node examples/workflow/workflow.mjs 42`.
 *
 * Each report has a key. A report that is sent twice, by a retry or because the whole workflow runs again, is stored once.
 */
import { setTimeout as work } from 'node:timers/promises';
import { ask } from '../ask.mjs';

const PUBLISH = `mutation ($topic: String!, $payload: JSON!, $key: ID!) {
  publish(topic: $topic, payload: $payload, idempotencyKey: $key) { position }
}`;

const id = process.argv[2] ?? '42';
const steps = ['download', 'convert', 'upload'];

async function report(name, payload) {
  await ask(PUBLISH, { topic: `workflow.${id}`, payload, key: `${id}:${name}` });
  console.log(name, JSON.stringify(payload));
}

await report('begin', { status: 'RUNNING', progress: 0 });
for (const [index, step] of steps.entries()) {
  await work(100);
  await report(step, { status: 'RUNNING', step, progress: (index + 1) / steps.length });
}
await report('end', { status: 'DONE', progress: 1 });
