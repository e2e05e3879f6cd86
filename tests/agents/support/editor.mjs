// Adds a line to `file` of a workspace, twenty times, each by an edit of its own; prints what it has read after each.
// Begins after the call that it is told was the last one that ended, as a dispatch does after a crash.
import { ceilingOf, CallJournal, judge, PermissionEngine, Workspace } from '@pegasus-workflows/agents';

const [, , root, journal, state] = process.argv;
const workspace = new Workspace(root);
const permissions = new PermissionEngine(
  ceilingOf({ permissionMode: 'acceptEdits', isolation: 'worktree', attended: false }),
);
const call = async (name, input, callId, reads) => {
  const signal = new AbortController().signal;
  const context = { workspace, permissions, journal: new CallJournal(journal), reads, callId, signal };
  return (await judge(name, JSON.stringify(input), context)).run();
};
let { done, reads } = JSON.parse(state);
const told = () => process.stdout.write(`${JSON.stringify({ done, reads })}\n`);
if (done === 0) ({ reads } = await call('read', { path: 'file' }, 'read', reads));
while (done < 20) {
  const edit = { path: 'file', old_string: 'end\n', new_string: `line ${done + 1}\nend\n` };
  ({ reads } = await call('edit', edit, `edit ${done + 1}`, reads));
  done += 1;
  told();
}
