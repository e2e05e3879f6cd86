/** `--enable` and `--disable`; neither leaves it as it is. */
export interface SwitchOptions {
  enable?: boolean;
  disable?: boolean;
}

/** What the two say, as a change. */
export function switched({ enable, disable }: SwitchOptions): { enabled?: boolean } {
  if (enable) return { enabled: true };
  return disable ? { enabled: false } : {};
}

/** Leaves out what is undefined: for requests in which a field that is there means something. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
