// Appends to the event log of the folder it is given, without end; prints the number of each line that is on disk.
import { EventLog } from '@pegasus-workflows/agents';

const log = await EventLog.open(process.argv[2], { fullBytes: 2_000 });
for (let n = 0; ; n++) {
  const body = { kind: 'outcome', taskId: 't', toolCallId: `c${n}`, ok: true, text: 'x'.repeat(n % 300) };
  const lines = await Promise.all([log.append(body), log.append(body)]);
  process.stdout.write(`${lines.at(-1).seq}\n`);
}
