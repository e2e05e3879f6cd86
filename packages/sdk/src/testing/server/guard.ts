/**
 * Job: run the test server as long as the process that started this one lives, and not a moment longer.
 *
 * Boundary: a program of its own (`node guard.js <json>`), because only another process outlives a SIGKILL of the
 * tests. The IPC channel is the leash: it closes when the parent asks for it and when the parent is gone.
 *
 * Invariants
 * 1. When the channel closes, the server gets SIGTERM, and SIGKILL a while later; the guard ends after it.
 * 2. When the server ends by itself, the guard ends with the same code.
 * 3. A class archive is put in its place only whole: after the server that wrote it has ended.
 */
import { spawn } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import type { ServerCommand } from './java.js';

const { command, args, archive } = JSON.parse(process.argv[2]!) as ServerCommand;

/** Writing an archive takes a second or two, more on a busy machine. */
const GRACE_MS = archive ? 30_000 : 10_000;
const server = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });

server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(127);
});
server.on('exit', (code) => {
  try {
    // A killed server leaves a piece of an archive behind.
    if (archive && code === null) rmSync(archive.draft, { force: true });
    else if (archive) renameSync(archive.draft, archive.final);
  } catch {
    // A Java without class archives, or one that was killed, wrote none: the next run starts slower, that is all.
  }
  process.exit(code ?? 1);
});

process.on('disconnect', () => {
  server.kill('SIGTERM');
  setTimeout(() => server.kill('SIGKILL'), GRACE_MS).unref();
});
// Ctrl-C reaches the whole group: the server ends by it, and the guard waits for that.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => server.kill(signal));
