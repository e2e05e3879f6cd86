import { LIMITS, type Member, type Tenant } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { nearest } from '@pegasus-workflows/contracts/nearest';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text names something by its id. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/**
 * The member that an id, an e-mail address or a name means. A name that two members have is refused.
 * @throws PegasusError NOT_FOUND with the nearest one, CONFLICT
 */
export async function findMember(client: PegasusClient, named: string): Promise<Member> {
  const members = await everyPage((page) => client.members.list(page));
  const found = isId(named)
    ? members.filter(({ id }) => id === named.toLowerCase())
    : (nonEmpty(members.filter(({ email }) => email === named.toLowerCase())) ??
      members.filter(({ name }) => name === named));
  if (found.length > 1)
    throw new PegasusError('CONFLICT', `Several members are called ${named}.`, {
      hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}.`,
    });
  if (found[0]) return found[0];
  const names = members.map(({ email, name }) => email ?? name);
  throw notFound(`There is no member ${named}.`, nearest(named, names), 'members list');
}

/** The tenant that a slug or an id means. @throws PegasusError NOT_FOUND with the nearest one */
export async function findTenant(client: PegasusClient, named: string): Promise<Tenant> {
  if (isId(named)) return client.tenants.get(named);
  const tenants = await everyPage((page) => client.tenants.list(page));
  const found = tenants.find(({ slug }) => slug === named);
  if (found) return found;
  const slugs = tenants.map(({ slug }) => slug);
  throw notFound(`There is no tenant ${named}.`, nearest(named, slugs), 'tenants list');
}

/** All of a list that is read by pages. */
async function everyPage<T extends { id: string }>(
  read: (page: { limit: number; before?: string }) => Promise<T[]>,
): Promise<T[]> {
  const all: T[] = [];
  const limit = LIMITS.executionsPageMax;
  for (;;) {
    const before = all.at(-1)?.id;
    const rows = await read({ limit, ...(before === undefined ? {} : { before }) });
    all.push(...rows);
    if (rows.length < limit) return all;
  }
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}

function notFound(sentence: string, guess: string | undefined, command: string): PegasusError {
  return new PegasusError('NOT_FOUND', sentence, {
    hint: guess ? `Did you mean ${guess}?` : `See what there is: pegasus-workflows ${command}`,
  });
}
