/** What a child may inherit: where things are and how text is written, never a credential. */
const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'LOG_LEVEL',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** The environment a child starts from: the allow-list, plus what it is given. */
export function baseEnvironment(
  given: Record<string, string | undefined> = {},
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const inherited = INHERITED.map((name) => [name, env[name]] as const);
  return Object.fromEntries(
    [...inherited, ...Object.entries(given)].filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
