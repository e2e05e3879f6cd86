import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { type TemporalTarget } from '../protocol.js';
import { join } from '../egress/join.js';

/** Joins a worker's connections with Temporal. TLS begins here, so that certificates and keys stay with the supervisor. */
export function temporalPipe({ address, tls }: TemporalTarget): (socket: Socket) => void {
  const { hostname, port } = new URL(`http://${address}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  const to = { host, port: Number(port || (tls ? 443 : 80)) };
  return (socket) => join(socket, tls ? connectTls({ ...to, ...tlsOptions(host, tls) }) : connectPlain(to));
}

function tlsOptions(host: string, tls: NonNullable<TemporalTarget['tls']>): ConnectionOptions {
  const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
  return {
    servername: tls.serverNameOverride ?? host,
    ALPNProtocols: ['h2'],
    ...(tls.serverRootCACertificate === undefined ? {} : { ca: bytes(tls.serverRootCACertificate) }),
    ...(tls.clientCertPair === undefined
      ? {}
      : { cert: bytes(tls.clientCertPair.crt), key: bytes(tls.clientCertPair.key) }),
  };
}
