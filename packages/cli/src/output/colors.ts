import pc from 'picocolors';

/** The few meanings that colour carries. Without colour every function returns its text as it came. */
export type Palette = ReturnType<typeof createPalette>;

/** @param enabled see {@link wantsColor} */
export function createPalette(enabled: boolean) {
  const { green, red, yellow, cyan, dim, bold } = pc.createColors(enabled);
  return { good: green, bad: red, warn: yellow, command: cyan, quiet: dim, strong: bold };
}

/** Colour is for people at a terminal: never into a pipe, never against NO_COLOR (no-color.org) or `--no-color`. */
export function wantsColor(env: NodeJS.ProcessEnv, isTerminal: boolean, flag: boolean): boolean {
  if (!flag || env['NO_COLOR'] || env['TERM'] === 'dumb') return false;
  return isTerminal || Boolean(env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0');
}
