/**
 * Activities are ordinary Node code: they may call services, read files, use any npm package. Temporal runs one again
 * when it fails or its worker dies, so make a repeat harmless (an idempotency key, an upsert).
 */
export async function composeGreeting(name: string): Promise<string> {
  return `Hello, ${name}!`;
}
