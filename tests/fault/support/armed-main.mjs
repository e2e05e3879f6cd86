// Main file of a server or supervisor whose failpoints a test arms life by life: each start takes the first line of
// PEGASUS_ARM_FILE as its failpoints, and a start that finds no line left runs unarmed. `<file>.taken` then says who
// took what, so that a test can tell one life from the next.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const { PEGASUS_ARM_FILE: file, PEGASUS_ARMED_MAIN: main } = process.env;
const [mine = '', ...others] = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
writeFileSync(file, others.join('\n'));
writeFileSync(`${file}.new`, JSON.stringify({ pid: process.pid, failpoints: mine }));
renameSync(`${file}.new`, `${file}.taken`);
process.env.PEGASUS_FAILPOINTS = mine;
await import(main);
