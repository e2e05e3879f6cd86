import { type ConnectionOptions } from '@temporalio/client';

/** How the supervisor reaches Temporal. Certificates and key are base64 of their PEM bytes. */
export interface TemporalTarget {
  /** `host:port`. */
  address: string;
  namespace: string;
  apiKey?: string;
  tls?: {
    serverNameOverride?: string;
    serverRootCACertificate?: string;
    clientCertPair?: { crt: string; key: string };
  };
}

type Options = Required<Pick<ConnectionOptions, 'address'>> & {
  apiKey?: string;
  tls?: Exclude<ConnectionOptions['tls'], boolean | null | undefined>;
};

/** What a connection to the cluster takes. */
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
