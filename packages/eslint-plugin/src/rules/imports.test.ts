import { javascript, ts, typescript } from '../testing/rule-tester.js';
import { noActivityValueImport } from './no-activity-value-import.js';
import { noDynamicImport } from './no-dynamic-import.js';
import { noNodeImports } from './no-node-imports.js';

typescript.run('no-node-imports', noNodeImports, {
  valid: [
    "import { sleep } from 'pegasus-workflows-sdk/workflow'; sleep(1);",
    "import * as assert from 'assert'; import { URL } from 'url'; assert.ok(new URL('http://x'));",
    "import type { Stats } from 'node:fs'; export const size = (stats: Stats) => stats.size;",
    "import { type Stats } from 'node:fs'; export const size = (stats: Stats) => stats.size;",
    // Dropped by TypeScript: only a type uses it.
    "import { Stats } from 'node:fs'; export const size = (stats: Stats) => stats.size;",
    "export type { Pool } from 'pg';",
    "import { z } from 'zod'; export const schema = z.string();",
    "import { plain } from './plain.js'; export { plain };",
  ].map((code) => ts({ code })),
  invalid: [
    ts({
      code: "import { readFile } from 'node:fs/promises';\nexport const read = () => readFile('x');",
      errors: [
        {
          message:
            'Workflow code cannot import "node:fs/promises", a Node module: do it in an activity and call that through proxyActivities().',
          line: 1,
          column: 26,
        },
      ],
    }),
    ts({ code: "import { randomUUID } from 'crypto'; randomUUID();", errors: [{ messageId: 'forbidden' }] }),
    ts({ code: "import { test } from 'node:test'; test();", errors: [{ messageId: 'forbidden' }] }),
    ts({ code: "import axios from 'axios'; axios.get('/');", errors: [{ messageId: 'forbidden' }] }),
    ts({ code: "import { S3 } from '@aws-sdk/client-s3'; new S3();", errors: [{ messageId: 'forbidden' }] }),
    ts({
      code: "import { PegasusClient } from 'pegasus-workflows-sdk/client'; new PegasusClient();",
      errors: 1,
    }),
    ts({ code: "import 'dotenv/config';", errors: [{ messageId: 'forbidden' }] }),
    ts({ code: "export { Pool } from 'pg'; export * from 'undici';", errors: 2 }),
    ts({
      code: "import { ok } from 'node:assert'; ok(1);",
      output: "import { ok } from 'assert'; ok(1);",
      errors: [{ messageId: 'forbidden' }],
    }),
  ],
});

javascript.run('no-node-imports in JavaScript, which drops nothing', noNodeImports, {
  valid: ["import { sleep } from '@temporalio/workflow';"],
  invalid: [{ code: "import { readFile } from 'fs';", errors: [{ messageId: 'forbidden' }] }],
});

typescript.run('no-activity-value-import', noActivityValueImport, {
  valid: [
    "import type * as activities from './activities.js'; export type A = typeof activities;",
    "import { type Receipt } from './activities.js'; export const r = (x: Receipt) => x;",
    "export type { Receipt } from './activities/index.js';",
    "import { LIMIT } from './activities-shared.js'; export const x = LIMIT;",
    "import { charge } from 'activities'; charge();",
  ].map((code) => ts({ code })),
  invalid: [
    ts({
      code: "import { charge } from './activities.js';\nexport const pay = () => charge();",
      errors: [{ messageId: 'value', line: 1, column: 24 }],
    }),
    ts({ code: "export * from '../activities/index.ts';", errors: [{ messageId: 'value' }] }),
    ts({ code: "export { charge } from './activities';", errors: [{ messageId: 'value' }] }),
    ts({ code: "import './activities.js';", errors: [{ messageId: 'value' }] }),
    ts({
      code: "import * as activities from './activities.js';\nexport type A = typeof activities;",
      errors: [{ messageId: 'value' }],
    }),
    ts({
      code: "import { Receipt } from './activities.js';\nexport const r = (x: Receipt) => x;",
      output: "import type { Receipt } from './activities.js';\nexport const r = (x: Receipt) => x;",
      errors: [{ messageId: 'unmarked' }],
    }),
  ],
});

typescript.run('no-dynamic-import', noDynamicImport, {
  valid: [
    "import { helper } from './helper.js'; helper();",
    'export const call = (require: (x: string) => void) => require("x");',
    "export type Helper = typeof import('./helper.js');",
  ].map((code) => ts({ code })),
  invalid: [
    ts({
      code: "export async function demo() {\n  return import('./late.js');\n}",
      errors: [{ messageId: 'dynamic', line: 2, column: 10 }],
    }),
    ts({ code: "const fs = require('fs');", errors: [{ messageId: 'dynamic' }] }),
  ],
});
