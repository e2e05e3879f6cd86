import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { devServerArgs, startDevServer } from './dev-server.js';

const options = {
  port: 7000,
  dbFile: '/data/temporal/temporal.db',
  namespaces: ['default', 'other'],
  dynamicConfig: { 'a.number': 5000, 'a.text': 'x' },
};

describe('devServerArgs', () => {
  it('asks for a file, written through at every commit (invariant 4)', () => {
    const args = devServerArgs({ ...options, uiPort: undefined }).join(' ');
    expect(args).toContain('--db-filename /data/temporal/temporal.db');
    expect(args).toContain('--sqlite-pragma journal_mode=WAL --sqlite-pragma synchronous=FULL');
  });

  it('names the UI port, or switches the UI off', () => {
    expect(devServerArgs({ ...options, uiPort: undefined })).toContain('--headless');
    const args = devServerArgs({ ...options, uiPort: 8000 });
    expect(args).not.toContain('--headless');
    expect(args.join(' ')).toContain('--ui-port 8000');
  });

  it('passes namespaces, and configuration as JSON', () => {
    const args = devServerArgs({ ...options, uiPort: undefined }).join(' ');
    expect(args).toContain('--namespace default --namespace other');
    expect(args).toContain('--dynamic-config-value a.number=5000 --dynamic-config-value a.text="x"');
  });
});

describe('startDevServer', () => {
  it('fails with the end of the server’s own log when it does not come up', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'pegasus-dev-server-'));
    try {
      const binary = join(dataDir, 'broken-temporal');
      await writeFile(binary, '#!/bin/sh\necho "unable to open database file" >&2\nexit 1\n');
      await chmod(binary, 0o755);
      await expect(startDevServer({ binary, dataDir })).rejects.toThrow(
        'Temporal ended with exit code 1 before it was ready; the end of its log:\nunable to open database file',
      );
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
