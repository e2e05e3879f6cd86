/**
 * Job: the secrets that this process was given, and text without them.
 *
 * Boundary: a set in memory, filled by whatever reads a key (flags, environment, credentials file, prompt) and asked by
 * everything that prints. It stores nothing.
 *
 * Invariants
 * 1. A registered secret of {@link SHORTEST_SECRET} characters or more is in no masked text: as it is, as JSON writes
 *    it, or as a URL does.
 * 2. What looks like an API key is masked, whether it was registered or not; all but what {@link unmask} was told.
 * 3. A mask shows at most the last four characters of a key, and nothing of any other secret.
 */
const KEY = /\bvnd_[A-Za-z0-9_-]+/g;

/** Shorter than this, a value is in every other word of a text, and protects nothing: it is not masked by value. */
export const SHORTEST_SECRET = 8;

/** Each spelling of each secret, with what stands in its place; longest first, so that none hides a part of another. */
let spellings: [spelling: string, mask: string][] = [];

/** From now on this value is masked in everything that is printed. */
export function registerSecret(secret: string | undefined): void {
  if (secret === undefined || secret.length < SHORTEST_SECRET) return;
  const inJson = JSON.stringify(secret).slice(1, -1);
  const forms = [secret, inJson, JSON.stringify(inJson).slice(1, -1), encoded(secret)];
  const known = new Map(spellings);
  for (const form of forms) known.set(form, maskKey(secret));
  spellings = [...known].sort(([a], [b]) => b.length - a.length);
}

/** What is printed although it looks like a key. */
const unmasked = new Set<string>();

/**
 * From now on this one text is printed as it is, where it stands as a word: the first characters of a key, which tell it
 * from others and open nothing; or a new key, which its owner has asked to see.
 */
export function unmask(text: string): void {
  unmasked.add(text);
}

/** Options whose value is a secret; a word that follows one, or is tied to it with `=`, is registered. */
const SECRET_OPTIONS = ['--token', '--api-key'];

/** Variables that hold a secret a message could quote. */
const SECRET_VARIABLES = ['PEGASUS_WORKFLOW_TOKEN', 'PEGASUS_RUNTIME_TOKEN', 'TEMPORAL_API_KEY'];

/** Registers what the command line and the environment carry, before anything can go wrong with either. */
export function registerGivenSecrets(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  for (const variable of SECRET_VARIABLES) registerSecret(env[variable]);
  for (const [index, word] of argv.entries()) {
    if (SECRET_OPTIONS.includes(word)) registerSecret(argv[index + 1]);
    const option = SECRET_OPTIONS.find((name) => word.startsWith(`${name}=`));
    if (option) registerSecret(word.slice(option.length + 1));
  }
}

/** `vnd_…last4`: enough to tell two keys apart, useless to anyone else. Short or foreign tokens show nothing at all. */
export function maskKey(key: string): string {
  return key.startsWith('vnd_') && key.length >= 16 ? `vnd_…${key.slice(-4)}` : '…';
}

/** The text with every secret in it masked (invariants 1 to 3). */
export function maskKeys(text: string): string {
  let masked = text;
  for (const [spelling, mask] of spellings) masked = masked.replaceAll(spelling, () => mask);
  return masked.replace(KEY, (key) => {
    if (unmasked.has(key)) return key;
    return key.length >= 16 ? maskKey(key) : 'vnd_…';
  });
}

function encoded(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    // A lone half of a surrogate pair cannot be in a URL.
    return secret;
  }
}
