import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { JSON_OUTPUTS } from '../../packages/cli/dist/json/index.js';
import { leavesOf, program } from './commands.js';
import { checkDocument } from './documents.js';

/** It speaks a protocol of its own on standard output. */
const WITHOUT = ['mcp'];

describe('the published shapes of --json', () => {
  it('are there for every command, and for no other', () => {
    const leaves = leavesOf(program()).map((words) => words.join(' '));
    const wanted = [...leaves.filter((leaf) => !WITHOUT.includes(leaf)), 'error'];
    expect(Object.keys(JSON_OUTPUTS).sort()).toEqual(wanted.sort());
  });

  it.each(Object.entries(JSON_OUTPUTS))('of %s can be written as JSON Schema', (_name, schema) => {
    expect(z.toJSONSchema(schema, { io: 'output' })).toMatchObject({
      $schema: expect.stringContaining('json-schema.org'),
    });
  });

  it('notice a field that is not published, and one that is missing', () => {
    const profile = { name: 'local', apiRoot: 'http://127.0.0.1:4800' };
    checkDocument(['profile', 'list'], JSON.stringify([profile]));
    checkDocument(['profile', 'list'], JSON.stringify({ error: 'No.', code: 'NOT_FOUND' }));
    for (const wrong of [{ ...profile, key: 'x' }, { name: 'local' }])
      expect(() => checkDocument(['profile', 'list'], JSON.stringify([wrong]))).toThrow();
  });
});
