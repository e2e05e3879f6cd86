import { type ConnectionOptions } from '@temporalio/client';
import { type TemporalTarget } from './protocol.js';

type Options = Required<Pick<ConnectionOptions, 'address'>> & {
  apiKey?: string;
  tls?: Exclude<ConnectionOptions['tls'], boolean | null | undefined>;
};

/** What both kinds of connection take, the client's and the worker's native one. Certificates come as base64. */
export function connectionOptions({ address, apiKey, tls }: TemporalTarget): Options {
  const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
  return {
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.serverNameOverride === undefined ? {} : { serverNameOverride: tls.serverNameOverride }),
            ...(tls.serverRootCACertificate === undefined
              ? {}
              : { serverRootCACertificate: bytes(tls.serverRootCACertificate) }),
            ...(tls.clientCertPair === undefined
              ? {}
              : {
                  clientCertPair: { crt: bytes(tls.clientCertPair.crt), key: bytes(tls.clientCertPair.key) },
                }),
          },
        }),
  };
}
