// Dispatches verifiers into work trees of a repository, all at once, and merges those that were shipped one after the
// other. Prints a line for each step that has ended.
import { join } from 'node:path';
import { dispatchInProcess } from '../../../packages/agents/dist/dispatch/in-process.js';
import { ScriptedEngine } from '../../../packages/agents/dist/engines/scripted.js';
import { mergeTree } from '../../../packages/agents/dist/isolation/merge.js';
import { EventLog } from '../../../packages/agents/dist/log/event-log.js';

const [, , root, count] = process.argv;
const log = await EventLog.open(join(root, '.pugi'));
const write = (path, content) => ({ name: 'write', arguments: { path, content } });
const tell = (line) => process.stdout.write(`${line}\n`);

async function dispatch(n) {
  const calls = [
    { name: 'read', arguments: { path: 'shared' } },
    write(`new/${n}`, `of ${n}\n`),
    { name: 'read', arguments: { path: `file-${n}` } },
    write(`file-${n}`, `changed by ${n}\n`),
  ];
  const { result } = await dispatchInProcess({
    task: { id: `task ${n}`, role: 'verifier', prompt: 'Write.', permissionMode: 'acceptEdits' },
    folder: root,
    engine: new ScriptedEngine([{ calls }, { text: 'done' }]),
    prices: { models: { scripted: { inputPerMillion: 1, outputPerMillion: 1 } } },
    log,
  });
  tell(`${result.status} ${n}`);
}

const tasks = Array.from({ length: Number(count) }, (_, n) => n);
await Promise.all(tasks.map(dispatch));
for (const n of tasks) tell(`${(await mergeTree(root, `task ${n}`, { approve: true })).status} ${n}`);
tell('end');
await log.close();
