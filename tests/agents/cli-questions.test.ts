import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';
import { Tmux } from '../support/tmux.js';
import { eventually } from '../support/wait.js';
import { AgentsApi } from './support/agents-api.js';

/** `agents run` at a real terminal: the agent, which the test is, asks the person who types. */
const BIN = fileURLToPath(new URL('../../packages/cli/dist/bin.js', import.meta.url));
const RUN = 'pegasus-workflows agents run --role coder "Mend it."';
const question = {
  id: 'call-7',
  toolName: 'bash',
  rule: 'mode:ask',
  why: 'It would run a program.',
  arguments: '{"command":"npm test \u001b[2K\rls"}',
};

let terminal: Terminal;
let screen: Tmux;
let api: AgentsApi;

beforeAll(async () => {
  terminal = await Terminal.open();
  const program = path.join(terminal.root, 'bin', 'pegasus-workflows');
  await mkdir(path.dirname(program));
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
});
afterAll(() => terminal?.[Symbol.asyncDispose]());

beforeEach(async () => {
  api = await AgentsApi.start();
  const PATH = `${path.join(terminal.root, 'bin')}${path.delimiter}${terminal.env['PATH']}`;
  const env = { ...terminal.env, COLUMNS: undefined, PATH, ...surroundings() };
  screen = await Tmux.open({ cwd: terminal.root, env });
});
afterEach(async () => {
  await screen[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

function surroundings(): NodeJS.ProcessEnv {
  return { PEGASUS_WORKFLOW_TOKEN: 'vnd_questions0123456789abcdefgh', PEGASUS_BASE_URL: api.url };
}

/** Begins a dispatch and asks; resolves with its id once the question is on the screen. */
async function asked(): Promise<string> {
  await screen.run(`${RUN}; echo "code $?"`);
  const id = await eventually(() => api.dispatches[0]!.id);
  await eventually(() => expect(api.asked).toContain(`GET /api/v1/agents/dispatches/${id}/stream`));
  api.ask(id, question);
  await screen.see('May it do that?');
  return id;
}

it('shows what is asked, hiding nothing, and takes a yes', async () => {
  const id = await asked();
  await screen.see('It asks to use bash: It would run a program. (mode:ask)');
  await screen.see('npm test \\u{1b}[2K\\u{d}ls');
  await screen.press('Down', 'Enter');
  await eventually(() =>
    expect(api.asked).toContain(JSON.stringify({ questionId: 'call-7', answer: 'approved' })),
  );
  api.end(id);
  await screen.see('code 0');
});

it('takes Enter alone for a no', async () => {
  const id = await asked();
  await screen.press('Enter');
  await eventually(() =>
    expect(api.asked).toContain(JSON.stringify({ questionId: 'call-7', answer: 'refused' })),
  );
  api.end(id, { status: 'blocked' });
  await screen.see('code 1');
});

it('takes the question away when somebody else has answered it (invariant 2)', async () => {
  const id = await asked();
  api.change(id, { state: 'RUNNING', question: null });
  await screen.see('running');
  api.end(id);
  await screen.see('code 0');
  expect(api.asked.filter((line) => line.includes('answer'))).toEqual([]);
});

it('says how to answer where nobody can be asked, and goes on when it is answered elsewhere', async () => {
  const running = terminal.run(['agents', 'run', '--role', 'coder', 'Mend it.'], { env: surroundings() });
  const id = await eventually(() => api.dispatches[0]!.id);
  await eventually(() => expect(api.asked).toContain(`GET /api/v1/agents/dispatches/${id}/stream`));
  api.ask(id, question);
  api.end(id);
  const { code, stdout, stderr } = await running;
  expect([code, stdout]).toEqual([0, expect.stringContaining('shipped coder (hiroshi)')]);
  expect(stderr).toContain('npm test \\u{1b}[2K\\u{d}ls');
  expect(stderr).toContain(`answer: pegasus-workflows agents approve ${id}   or: agents refuse ${id}`);
});

it('leaves it unanswered on Ctrl-C, and the dispatch goes on (invariant 3)', async () => {
  const id = await asked();
  await screen.press('C-c');
  await screen.see('code 130');
  await screen.see('It goes on. Watch it: pegasus-workflows agents watch');
  expect(api.asked.filter((line) => line.includes('answer') || line.includes('cancel'))).toEqual([]);
  expect(api.dispatches[0]).toMatchObject({ id, state: 'WAITING' });
});
