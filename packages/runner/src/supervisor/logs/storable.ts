const UNSTORABLE = /\0|\p{Surrogate}/gu;

/** Any JSON value without NUL characters and halves of surrogate pairs: no database keeps them, and the server takes none. */
export function storable<T>(value: T): T {
  return replaced(value) as T;
}

function replaced(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(UNSTORABLE, '\ufffd');
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key.replace(UNSTORABLE, '\ufffd'), replaced(held)]),
  );
}
