import { PegasusError } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from './context.js';
import { resolveCredentials, type ResolvedCredentials } from './credentials/resolve.js';

export interface Api {
  client: PegasusClient;
  credentials: ResolvedCredentials;
}

/**
 * The platform that the flags, the environment and the credentials file point at. No call is made yet.
 * @throws PegasusError UNAUTHENTICATED without a key, VALIDATION_ERROR for a key or URL that cannot be one
 */
export async function connect(context: Context): Promise<Api> {
  const credentials = await resolveCredentials(context);
  const { token, baseUrl, source } = credentials;
  try {
    const client = new PegasusClient({ token, baseUrl, userAgent: 'pegasus-workflows-cli' });
    return { client, credentials };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new PegasusError('VALIDATION_ERROR', error.message.replace(/^PegasusClient: /, ''), {
      hint: `The key comes from ${source}; the base URL is ${baseUrl}.`,
    });
  }
}
