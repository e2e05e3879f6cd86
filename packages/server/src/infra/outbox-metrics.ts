import { sql } from 'drizzle-orm';
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Database } from './database.js';

/** How attempts end. */
export type AttemptResult = 'finished' | 'failed' | 'dead' | 'postponed' | 'abandoned';

export interface OutboxMetrics {
  attempts: Counter<'topic' | 'result'>;
}

interface Depth {
  topic: string;
  waiting: number;
  dead: number;
  oldest_seconds: number;
}

const known = new WeakMap<Registry, OutboxMetrics>();

/** The numbers of all topics, registered once per registry; depth and age are counted when they are asked for. */
export function outboxMetrics(registry: Registry, db: Database): OutboxMetrics {
  const present = known.get(registry);
  if (present) return present;
  const registers = [registry];
  const oldest = new Gauge({
    name: 'pegasus_outbox_oldest_seconds',
    help: 'Age of the oldest item that waits, by topic.',
    labelNames: ['topic'],
    registers,
  });
  new Gauge({
    name: 'pegasus_outbox_items',
    help: 'Items that wait, and those that are given up, by topic.',
    labelNames: ['topic', 'state'],
    registers,
    async collect() {
      const rows = await depths(db);
      this.reset();
      oldest.reset();
      for (const row of rows) {
        this.set({ topic: row.topic, state: 'waiting' }, row.waiting);
        this.set({ topic: row.topic, state: 'dead' }, row.dead);
        oldest.set({ topic: row.topic }, row.oldest_seconds);
      }
    },
  });
  const metrics = {
    attempts: new Counter({
      name: 'pegasus_outbox_attempts_total',
      help: 'Attempts at items, by topic and how they ended.',
      labelNames: ['topic', 'result'] as const,
      registers,
    }),
  };
  known.set(registry, metrics);
  return metrics;
}

async function depths(db: Database): Promise<Depth[]> {
  const { rows } = await db.system((tx) =>
    tx.execute<Depth & Record<string, unknown>>(sql`
      select topic,
        (count(*) filter (where dead_at is null))::int as waiting,
        (count(*) filter (where dead_at is not null))::int as dead,
        coalesce(extract(epoch from now() - min(created_at) filter (where dead_at is null)), 0)::float8 as oldest_seconds
      from outbox group by topic`),
  );
  return rows;
}
