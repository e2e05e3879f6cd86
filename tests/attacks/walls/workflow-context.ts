import { describe, expect, test } from 'vitest';
import { stage, WALLS } from '../stage.js';

interface Look {
  marks: string[];
  visits: number;
}

describe('the V8 context that runs share', () => {
  test('keeps prototypes and globals as they are, for the next run of the same and of another type', async () => {
    const { changed, child } = await stage.attack<{ changed: string[]; child: Look }>('poison-the-context');
    // Its own global object is each run's own.
    expect(changed).toEqual(['globalThis']);
    expect(child).toEqual({ marks: [], visits: 1 });
    expect(await stage.attack('look-around')).toEqual({ marks: [], visits: 1 });
  });

  test('keeps the state of modules to each run', async () => {
    const looks = [await stage.attack<Look>('look-around'), await stage.attack<Look>('look-around')];
    expect(looks.map(({ visits }) => visits)).toEqual([1, 1]);
  });

  test('has no process, no require and no fetch by name, nor for eval and Function', async () => {
    const seen = await stage.attack<Record<string, string>>('name-what-is-not-there');
    expect(new Set(Object.values(seen))).toEqual(new Set(['undefined']));
  });

  test('imports nothing at run time', async () => {
    expect(await stage.attack('import-at-run-time')).toMatch(/^TypeError/);
  });

  test.runIf(WALLS['files'])(
    'is left by its constructors, into a process that has nothing of others',
    async () => {
      const seen =
        await stage.attack<Record<string, { env: Record<string, string> } | null>>('escape-the-context');
      for (const found of Object.values(seen)) {
        const text = JSON.stringify(found);
        for (const name of ['PEGASUS_R', 'PEGASUS_MASTER', 'TEMPORAL_', stage.platform.dataDir])
          expect(text).not.toContain(name);
      }
      const paths = ['/etc/shadow', `${stage.platform.dataDir}/secrets/runner.token`];
      const ends = await stage.attack<Record<string, string>>('read-files-from-the-context', { paths });
      for (const path of paths) expect(['ERR_ACCESS_DENIED', 'ENOENT', 'EACCES']).toContain(ends[path]);
    },
  );

  test('is taken back from a run that never yields, whose task fails', async () => {
    await failsItsTask('loop-for-ever', /timed out|Deadlock/i);
  });

  test('is taken back from a run that yields to nobody but itself, whose task fails', async () => {
    await failsItsTask('loop-in-microtasks', /timed out|Deadlock/i);
  });
});

/** Its workflow task fails with these words, again and again; it is terminated then. */
async function failsItsTask(attack: string, words: RegExp): Promise<void> {
  const by = await stage.tenant('looper');
  const id = await stage.startAttack(attack, {}, { by });
  const { client, workflow } = by;
  await stage.whileNeighbourWorks(async () => {
    await expect
      .poll(async () => JSON.stringify(await client.executions.history(workflow.id, id)), {
        timeout: 60_000,
        interval: 200,
      })
      .toMatch(words);
  });
  await client.executions.terminate(workflow.id, id, { reason: 'seen' });
}
