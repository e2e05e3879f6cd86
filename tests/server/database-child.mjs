import { openDatabase, schema } from '@pegasus-workflows/server';
import { createLogger } from '@pegasus-workflows/kit';

// Opens a PGlite directory and commits tenants one after the other, telling of each, until it is killed.
const db = await openDatabase({ pgliteDir: process.argv[2] }, createLogger('child'));
for (let n = 0; ; n++) {
  await db.system((tx) => tx.insert(schema.tenants).values({ slug: `committed-${n}` }));
  process.send(n);
}
