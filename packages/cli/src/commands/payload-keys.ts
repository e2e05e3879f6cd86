import { type PayloadKeyInfo } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';

/** `secrets payload-keys`: never a key, only their ids. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const keys = await withProgress(out, 'reading the payload keys', () => client.secrets.payloadKeys());
  out.result(keys);
  if (keys.length === 0) {
    out.note('there is none yet; the first run makes one');
    return;
  }
  const stateOf = ({ current, retiredAt }: PayloadKeyInfo): string =>
    current ? 'current' : `reads only, since ${retiredAt}`;
  const table = renderTable(
    [{ title: 'key id', keep: true }, { title: 'made' }, { title: 'state' }],
    keys.map((key) => [key.id, key.createdAt, stateOf(key)]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `secrets rotate-payload-key`. */
export async function rotate(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const key = await withProgress(out, 'making a key', () => client.secrets.rotatePayloadKey());
  out.line(`${out.colors.good('✓')} ${key.id} encrypts from now on; the keys before it stay for reading`);
  out.result(key);
}
