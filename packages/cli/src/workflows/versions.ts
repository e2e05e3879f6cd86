/** Orders semantic versions: negative when `a` is older. Both are as `VERSION_PATTERN` allows them. */
export function compareVersions(a: string, b: string): number {
  const [coreA, preA] = split(a);
  const [coreB, preB] = split(b);
  for (let index = 0; index < 3; index++) {
    const difference = (coreA[index] ?? 0) - (coreB[index] ?? 0);
    if (difference !== 0) return difference;
  }
  // A release comes after its own pre-releases.
  if (preA === undefined || preB === undefined)
    return Number(preB !== undefined) - Number(preA !== undefined);
  return comparePrerelease(preA.split('.'), preB.split('.'));
}

function split(version: string): [number[], string | undefined] {
  const dash = version.indexOf('-');
  const core = dash < 0 ? version : version.slice(0, dash);
  return [core.split('.').map(Number), dash < 0 ? undefined : version.slice(dash + 1)];
}

function comparePrerelease(a: string[], b: string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [x, y] = [a[index], b[index]];
    if (x === undefined || y === undefined) return Number(x !== undefined) - Number(y !== undefined);
    const [numericX, numericY] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (numericX && numericY && Number(x) !== Number(y)) return Number(x) - Number(y);
    // Numbers come before words.
    if (numericX !== numericY) return numericX ? -1 : 1;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
