// Makes one call of the tool bash in the workspace it is given, and prints what it said.
import { join } from 'node:path';
import { CallJournal, ceilingOf, judge, PermissionEngine, Workspace } from '@pegasus-workflows/agents';
import pino from 'pino';
import { openShell } from '../../../packages/runner/dist/sandbox/shell.js';

const [, , root, journal, command] = process.argv;
const shell = await openShell({
  mode: 'require',
  egress: { exceptions: [], plainHttp: true },
  logger: pino({ level: 'silent' }),
});
const ceiling = ceilingOf({ permissionMode: 'auto', isolation: 'worktree', attended: true });
const call = await judge('bash', JSON.stringify({ command }), {
  workspace: new Workspace(root),
  permissions: new PermissionEngine(ceiling),
  ceiling,
  journal: new CallJournal(join(journal)),
  reads: {},
  callId: 'the call',
  signal: new AbortController().signal,
  shell,
});
try {
  process.stdout.write(JSON.stringify((await call.run()).text));
} catch (error) {
  process.stdout.write(JSON.stringify(`${error.code}: ${error.message}`));
}
await shell.close();
