// A small third party of the kind every business depends on: it keeps stock, takes payments and sends messages over
// HTTP, and is not reliable. A share of its requests fails with a 500 before anything was done, a share after
// everything was done (the answer is lost), and a share is never answered. It honours `Idempotency-Key`: a repeated
// key does nothing again and is answered as the first time. It also knows orders: `GET /orders/<id>`. Callers must have
// its key, `Authorization: Bearer demo-key`. Every effect is one line of `GET /effects`, which is open.
//
//   node third-party/payment-service.mjs --port 4900 --failure-rate 0.3
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Path of each kind of effect, and the prefix of the ids it hands out. */
const KINDS = {
  '/reservations': 'res',
  '/releases': 'rel',
  '/charges': 'chg',
  '/refunds': 'ref',
  '/shipments': 'shp',
  '/messages': 'msg',
};

/** The one key of the one customer of this service. */
const API_KEY = 'demo-key';

/**
 * @typedef {{ id: string, path: string, idempotencyKey: string, body: Record<string, unknown> }} Effect
 * @typedef {{ port?: number, failureRate?: number, seed?: number, stock?: number }} ServiceOptions
 *   failureRate: share of the requests that fail, 0 to 1 (default 0.3); seed: which ones (default 1);
 *   stock: pieces on the shelf (default 1000)
 * @typedef {{ url: string, effects: Effect[], counts: { requests: number, failures: number }, close: () => Promise<void> }} Service
 */

/**
 * Starts the service on 127.0.0.1; port 0 (the default) takes any free one.
 * @param {ServiceOptions} [options]
 * @returns {Promise<Service>}
 */
export async function startPaymentService({ port = 0, failureRate = 0.3, seed = 1, stock = 1000 } = {}) {
  /** @type {Effect[]} */
  const effects = [];
  /** @type {Map<string, { status: number, answer: object }>} */
  const answered = new Map();
  const counts = { requests: 0, failures: 0 };
  const random = randomNumbers(seed);
  let onShelf = stock;

  /** @param {string} path @param {string} idempotencyKey @param {Record<string, unknown>} body */
  function perform(path, idempotencyKey, body) {
    const quantity = Number(body['quantity'] ?? 0);
    if (path === '/reservations' && quantity > onShelf) {
      return { status: 409, answer: { error: 'OutOfStock', reason: `${onShelf} left` } };
    }
    if (path === '/charges' && body['customer'] === 'broke@example.com') {
      return { status: 402, answer: { error: 'PaymentDeclined', reason: 'insufficient funds' } };
    }
    if (path === '/reservations') onShelf -= quantity;
    const id = `${KINDS[/** @type {keyof KINDS} */ (path)]}_${effects.length + 1}`;
    effects.push({ id, path, idempotencyKey, body });
    return { status: 201, answer: { id } };
  }

  const server = createServer((request, response) => {
    /** @param {number} status @param {unknown} answer */
    const reply = (status, answer) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    const path = request.url ?? '/';
    if (request.method === 'GET' && path === '/effects') return void reply(200, effects);
    if (request.headers.authorization !== `Bearer ${API_KEY}`) return void reply(401, { error: 'WrongKey' });
    if (request.method === 'GET' && path.startsWith('/orders/')) return void reply(200, orderAt(path));
    if (request.method !== 'POST' || !(path in KINDS)) return void reply(404, { error: 'NotFound' });
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string') return void reply(400, { error: 'IdempotencyKeyMissing' });

    let text = '';
    request.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      counts.requests += 1;
      const failing = random() < failureRate;
      const manner = Math.floor(random() * 3);
      if (failing) counts.failures += 1;
      if (failing && manner === 0) return void reply(500, { error: 'Internal', reason: 'nothing was done' });
      const done = answered.get(key) ?? perform(path, key, JSON.parse(text));
      answered.set(key, done);
      if (failing && manner === 1)
        return void reply(500, { error: 'Internal', reason: 'the answer was lost' });
      if (failing) return undefined; // no answer at all: the caller has to give up by itself
      return void reply(done.status, done.answer);
    });
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  const listening = typeof address === 'object' && address ? address.port : port;
  return {
    url: `http://127.0.0.1:${listening}`,
    effects,
    counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Every order is of a kettle; those of `broke…` are of a customer who cannot pay.
 * @param {string} path
 */
function orderAt(path) {
  const orderId = decodeURIComponent(path.slice('/orders/'.length));
  const customer = orderId.startsWith('broke') ? 'broke@example.com' : 'ada@example.com';
  return { orderId, sku: 'kettle', quantity: 1, amount: 4900, customer, phone: '+491701234567' };
}

/**
 * Numbers in [0, 1), the same ones for the same seed (mulberry32), so that a failing test fails again.
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4900' },
      'failure-rate': { type: 'string', default: '0.3' },
      seed: { type: 'string', default: '1' },
    },
  });
  const service = await startPaymentService({
    port: Number(values.port),
    failureRate: Number(values['failure-rate']),
    seed: Number(values.seed),
  });
  console.log(`third party on ${service.url}, effects at ${service.url}/effects`);
}
