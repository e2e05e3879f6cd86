const KEY = /\bvnd_[A-Za-z0-9_-]+/g;

/** `vnd_…last4`: enough to tell two keys apart, useless to anyone else. Short or foreign tokens show nothing at all. */
export function maskKey(key: string): string {
  return key.startsWith('vnd_') && key.length >= 16 ? `vnd_…${key.slice(-4)}` : '…';
}

/** The text with every API key in it masked; the last line of defence of everything that is printed about a failure. */
export function maskKeys(text: string): string {
  return text.replace(KEY, (key) => (key.length >= 16 ? maskKey(key) : 'vnd_…'));
}
