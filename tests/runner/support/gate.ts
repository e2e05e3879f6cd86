import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Where the fixture's `gated` workflow notes what it does and waits: a service of the outside world. */
export interface Gate {
  url: string;
  /** What lets a supervisor's workers reach it. */
  env: Record<string, string>;
  open: () => void;
  /** What was noted, a line each. */
  log: () => string;
  close: () => Promise<void>;
}

export async function startGate(): Promise<Gate> {
  let log = '';
  let isOpen = false;
  const server = createServer((request, response) => {
    if (request.url === '/gate') {
      response.writeHead(isOpen ? 200 : 404).end();
      return;
    }
    void text(request).then((line) => {
      log += line;
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${address}`,
    env: { PEGASUS_EGRESS_ALLOW: address },
    open: () => (isOpen = true),
    log: () => log,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
