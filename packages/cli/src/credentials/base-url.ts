import { PegasusError } from '@pegasus-workflows/contracts/errors';

/**
 * The address of a platform, without trailing slashes.
 * @throws PegasusError VALIDATION_ERROR when it is no http or https URL, or carries a user name or password
 */
export function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new PegasusError(
      'VALIDATION_ERROR',
      `Base URL "${withoutLogin(text)}" is not an http or https URL.`,
      {
        hint: 'Write it like https://pegasus.example.com or http://127.0.0.1:4800.',
      },
    );
  if (url.username || url.password)
    throw new PegasusError('VALIDATION_ERROR', 'A base URL must not carry a user name or password.', {
      hint: `Leave out what stands before the @: ${url.protocol}//${url.host}`,
    });
  return text.trim().replace(/\/+$/, '');
}

function withoutLogin(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//…@');
}
