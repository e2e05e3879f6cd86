// Main file of a server or supervisor whose failpoints a test arms for one life: each start takes the first line of
// PEGASUS_ARM_FILE as its failpoints, and a start that finds no line left runs unarmed. `<file>.pid` then says who has
// looked, so that a test arms the next life and not one that is still starting.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const { PEGASUS_ARM_FILE: file, PEGASUS_ARMED_MAIN: main } = process.env;
if (existsSync(file)) {
  const [mine, ...others] = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  writeFileSync(file, others.join('\n'));
  if (mine) process.env.PEGASUS_FAILPOINTS = mine;
}
writeFileSync(`${file}.pid`, String(process.pid));
await import(main);
