import { expect, test } from 'vitest';
import { formatProblem, sortProblems } from '../problems/index.js';
import { checkWorkflowCode } from './check-workflow-code.js';

function check(files: Record<string, string>): string[] {
  const { problems } = checkWorkflowCode(['demo/workflow.ts'], 'demo/activities.ts', (file) => files[file]);
  return sortProblems(problems).map(formatProblem);
}

test('what Temporal allows is allowed', () => {
  const workflow = `
    import { sleep, uuid4, proxyActivities, log } from '@temporalio/workflow';
    import { defineWorkflow } from 'pegasus-workflows-sdk/workflow';
    import * as assert from 'assert';
    import { URL } from 'url';
    import type { Stats } from 'node:fs';
    import type * as activities from './activities.js';
    import * as elided from './activities.js';
    import { type A, type B } from './activities.js';
    import { Kind } from './activities.js';
    import { z } from 'zod';
    import data from './data.json';
    import { plain } from './plain.js';
    const { greet } = proxyActivities<typeof elided>({ startToCloseTimeout: 1 });
    const kinds: Kind[] = [];
    export async function demo(process: string, fetch: () => void) {
      fetch(); log.info(process); assert.ok(true); new URL('http://x');
      setTimeout(() => undefined, Math.random() * Date.now());
      await sleep(1);
      const clean = { crypto: 1, fetch: 2 }; const { crypto } = clean; const own = clean.fetch + crypto;
      if (typeof Buffer !== 'undefined') return plain + data.x + z + uuid4() + own + defineWorkflow;
      return greet();
    }
    interface Performance { performance: number }
    export const mode = process.env.NODE_ENV;
  `;
  expect(
    check({
      'demo/workflow.ts': workflow,
      'demo/plain.ts': 'export const plain = 1;',
      'demo/data.json': '{}',
      'demo/activities.ts': '',
    }),
  ).toEqual([]);
});

test('what cannot run in a workflow is listed, with file, line and remedy', () => {
  const files = {
    'demo/workflow.ts': `import { readFile } from 'node:fs/promises';
import { randomUUID } from 'crypto';
import { setTimeout as wait } from 'node:timers/promises';
import axios from 'axios';
import { S3 } from '@aws-sdk/client-s3';
import { Context } from '@temporalio/activity';
import { greet } from './activities.js';
import { ok } from 'node:assert';
import './effects';
export * from './more.js';
export { helper } from './helper/index.js';
import { absent } from './absent.js';
import { PegasusClient } from 'pegasus-workflows-sdk/client';

export async function demo() {
  await fetch('https://example.com');
  const home = process.env.HOME;
  setInterval(() => readFile(home), 1000);
  const http = require('http');
  const late = await import('./late.js');
  globalThis.setImmediate(() => performance.now());
  class Mine extends Context {}
  return [randomUUID(), wait, axios, S3, greet(), ok, absent, PegasusClient, http, late, Mine];
}
`,
    'demo/activities.ts': `import { readFile } from 'fs';\nexport const greet = () => readFile;\n`,
    'demo/effects.js': `const net = require('net');\nexports.x = Buffer.from('');\n`,
    'demo/more.ts': `export { request } from 'undici';\nexport type { X } from 'pg';\n`,
    'demo/helper/index.ts': `import { Pool } from 'pg';\nexport function helper() { return new Pool(); }\n`,
  };
  expect(check(files)).toMatchInlineSnapshot(`
    [
      "demo/effects.js:1:21 workflow code imports "net", a Node module — do it in an activity and call that through proxyActivities()",
      "demo/effects.js:2:13 workflow code uses \`Buffer\` — use Uint8Array, TextEncoder and TextDecoder, or an activity",
      "demo/helper/index.ts:1:22 workflow code imports "pg", a package that does I/O — do it in an activity and call that through proxyActivities()",
      "demo/more.ts:1:25 workflow code imports "undici", a package that does I/O — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:1:26 workflow code imports "node:fs/promises", a Node module — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:2:28 workflow code imports "crypto", a Node module — use uuid4() of @temporalio/workflow for ids; do other cryptography in an activity",
      "demo/workflow.ts:3:36 workflow code imports "node:timers/promises", a Node module — use sleep() of @temporalio/workflow, a durable timer",
      "demo/workflow.ts:4:19 workflow code imports "axios", a package that does I/O — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:5:20 workflow code imports "@aws-sdk/client-s3", a package that does I/O — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:6:25 workflow code imports "@temporalio/activity", a package for code outside of workflows — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:7:23 workflow code imports the activities "./activities.js" as values — write \`import type * as activities\` and call them through proxyActivities()",
      "demo/workflow.ts:8:20 workflow code imports "node:assert", a Node module by its "node:" name — import it as "assert", which the sandbox provides",
      "demo/workflow.ts:12:24 "./absent.js" does not exist — correct the path of the import",
      "demo/workflow.ts:13:31 workflow code imports "pegasus-workflows-sdk/client", a package for code outside of workflows — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:16:9 workflow code uses \`fetch\` — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:17:16 workflow code uses \`process\` — pass the value in as input, or read it in an activity",
      "demo/workflow.ts:18:3 workflow code uses \`setInterval\` — loop with sleep() of @temporalio/workflow",
      "demo/workflow.ts:19:24 workflow code imports "http", a Node module — do it in an activity and call that through proxyActivities()",
      "demo/workflow.ts:20:29 workflow code loads "./late.js" with import() — import it at the top of the file: a workflow is one bundle",
      "demo/workflow.ts:21:14 workflow code uses \`setImmediate\` — await sleep() of @temporalio/workflow, or a resolved promise",
      "demo/workflow.ts:21:33 workflow code uses \`performance\` — use Date.now(), which is deterministic in a workflow",
    ]
  `);
});

test('a module that does not parse is a problem at its line', () => {
  expect(check({ 'demo/workflow.ts': 'export async function demo() {\n  return (;\n}\n' })).toEqual([
    'demo/workflow.ts:2:11 does not parse: Expression expected. — correct the syntax',
  ]);
});
