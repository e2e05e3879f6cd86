import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guidePages } from '../../scripts/mcp-guide/pages.mjs';
import { Session } from './support/session.js';

const GENERATED = path.resolve(import.meta.dirname, '../../packages/cli/guide/generated');

const RESOURCES = [
  'pegasus://guide/authoring',
  'pegasus://guide/input-contract',
  'pegasus://guide/secrets-config',
  'pegasus://guide/changes',
  'pegasus://reference/manifest',
  'pegasus://reference/api',
];

let session: Session;
beforeAll(async () => {
  session = await Session.open();
});
afterAll(() => session[Symbol.asyncDispose]());

async function textOf(uri: string): Promise<string> {
  const [content] = (await session.client.readResource({ uri })).contents;
  return content && 'text' in content ? content.text : '';
}

describe('resources', () => {
  it('are six, each with a title, a description and a type', async () => {
    const { resources } = await session.client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(RESOURCES);
    for (const resource of resources)
      expect(resource).toMatchObject({
        mimeType: 'text/markdown',
        title: expect.any(String),
        description: expect.any(String),
      });
    expect((await session.client.listResourceTemplates()).resourceTemplates).toEqual([]);
  });

  it.each(RESOURCES)('%s can be read', async (uri) => {
    const { contents } = await session.client.readResource({ uri });
    expect(contents).toEqual([{ uri, mimeType: 'text/markdown', text: expect.stringMatching(/^(<!--|# )/) }]);
    const text = await textOf(uri);
    expect(text.length).toBeGreaterThan(1000);
    for (const [link] of text.matchAll(/pegasus:\/\/[a-z/-]+/g)) expect(RESOURCES).toContain(link);
  });

  it('that do not exist are told with the protocol code, and those that do', async () => {
    const failure = await session.client
      .readResource({ uri: 'pegasus://guide/none' })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(McpError);
    expect(failure).toMatchObject({
      code: -32002,
      message: expect.stringContaining('pegasus://guide/authoring'),
    });
    await expect(session.client.readResource({ uri: 'file:///etc/passwd' })).rejects.toMatchObject({
      code: -32002,
    });
  });

  it('tell the API of the client, method by method, and every key of the manifest', async () => {
    const api = await textOf('pegasus://reference/api');
    for (const word of [
      'class PegasusClient',
      'wait(workflowId',
      'matchInput',
      'createTestHarness',
      '### Execution',
    ])
      expect(api).toContain(word);
    const manifest = await textOf('pegasus://reference/manifest');
    for (const key of ['entry_points', 'required_secrets', 'timeout_seconds', 'source_dir', 'SendSms'])
      expect(manifest).toContain(key);
  });
});

it('the generated resources are what the code says', async () => {
  const differing: string[] = [];
  for (const [file, content] of Object.entries(guidePages()))
    if ((await readFile(path.join(GENERATED, file), 'utf8')) !== content) differing.push(file);
  expect(
    differing,
    'run `npm run guide:generate` after `npm run build` and commit packages/cli/guide',
  ).toEqual([]);
});
