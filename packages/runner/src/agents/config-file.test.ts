import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyVariables, readHostFile } from './config-file.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'pegasus-host-file-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const AGENT = `[[workspaces]]
name = "shop"
path = "shop"
[[models]]
kind = "acp"
name = "agent"
command = "agent"
env = ["MODEL_KEY"]
folders = ["programs", "/opt/agent"]
hosts = ["api.example.com"]
input-price = 1
output-price = 2
`;

async function read(text: string) {
  const file = join(folder, 'agents.toml');
  await writeFile(file, text);
  return readHostFile(file);
}

it('has paths from where it is, and names the variables that a host is started with', async () => {
  const file = await read(AGENT);
  expect(file.workspaces[0]!.path).toBe(join(folder, 'shop'));
  expect(file.models[0]).toMatchObject({
    args: [],
    folders: [join(folder, 'programs'), '/opt/agent'],
    'answer-tokens': 8_192,
  });
  expect(keyVariables(file)).toEqual(['MODEL_KEY']);
});

it.each([
  ['"MODEL_KEY"', '"PATH"', 'models.0.env.0 names a variable of the sandbox itself'],
  ['"MODEL_KEY"', '"A-B"', 'models.0.env.0 must be the name of a variable'],
  ['api.example.com', 'https://x', 'models.0.hosts.0 must be the name of a host'],
  ['command = "agent"', 'command = ""', 'models.0.command must not be empty'],
  ['input-price = 1', '', 'models.0.input-price'],
  ['kind = "acp"', 'kind = "cap"', 'models.0.kind'],
  ['path = "shop"', 'path = "shop"\nowner = "me"', 'owner'],
])('is refused with %s as %s', async (part, instead, said) => {
  const reading = read(AGENT.replace(part, instead));
  await expect(reading).rejects.toThrow(said);
  await expect(reading).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
});
