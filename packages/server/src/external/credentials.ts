import { PegasusError } from '@pegasus-workflows/contracts';
import { type OAuthTokens, type TokenClient } from './oauth.js';
import { authOf, type ConnectionRow } from './store.js';

/** Reads a secret of a tenant; throws NOT_FOUND when it is not set. */
export type ReadSecret = (tenantId: string, group: string, key: string) => Promise<string>;

/** What proves who calls, for one attempt. */
export interface Credentials {
  headers: Record<string, string>;
  /** What must not come back in an answer. */
  secrets: string[];
  /** Told of a 401: answers whether another attempt would come with other credentials. */
  refused(): Promise<boolean>;
}

const NONE: Credentials = { headers: {}, secrets: [], refused: async () => false };

/**
 * The credentials of a connection as they are now. Throws REQUIREMENTS_MISSING when a secret is not set, and what
 * {@link OAuthTokens.get} throws.
 */
export async function credentialsOf(
  row: ConnectionRow,
  readSecret: ReadSecret,
  tokens: OAuthTokens,
): Promise<Credentials> {
  const authentication = authOf(row);
  const read = ({ group, key }: { group: string; key: string }): Promise<string> =>
    readSecret(row.tenantId, group, key).catch((error: unknown) => {
      if (!(error instanceof PegasusError && error.code === 'NOT_FOUND')) throw error;
      throw new PegasusError(
        'REQUIREMENTS_MISSING',
        `The connection ${JSON.stringify(row.name)} needs the secret ${group}/${key}, which is not set.`,
      );
    });
  switch (authentication.auth) {
    case 'NONE':
      return NONE;
    case 'BEARER': {
      const token = await read(authentication.authConfig.tokenSecret);
      return { ...NONE, headers: { authorization: `Bearer ${token}` }, secrets: [token] };
    }
    case 'API_KEY': {
      const { header, valueSecret } = authentication.authConfig;
      const value = await read(valueSecret);
      return { ...NONE, headers: { [header.toLowerCase()]: value }, secrets: [value] };
    }
    case 'OAUTH2_CLIENT_CREDENTIALS': {
      const { authConfig: config } = authentication;
      const secret = await read(config.clientSecret);
      const client: TokenClient = { owner: `${row.tenantId}/${row.id}`, config, secret };
      const token = await tokens.get(client);
      return {
        headers: { authorization: `Bearer ${token}` },
        secrets: [token, secret],
        refused: async () => {
          await tokens.refused(client, token);
          return true;
        },
      };
    }
  }
}
