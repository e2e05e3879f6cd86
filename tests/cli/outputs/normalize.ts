/** What is told only when something takes long: `packaging demo …`, `packaging demo: bundling`. */
const PROGRESS = /^(?!warning)(?:[a-z]+ing\b|\d+ runs? of\b).*(?: …|: .*)$/;

/** Steps that a live timeline told of while they were open, and what they waited for: which ones it catches is chance. */
const OPEN_STEPS = /^ *(?:\+\S+ \w+ +)?▸ .*\n(?: {8,}until .*\n)*/gm;

/**
 * What differs from run to run, replaced by a name; what is left is the output's own. Ids keep their identity: the same
 * one has the same number in all of a scenario's text.
 *
 * @param places folders and addresses of this run, longest first where one holds another
 */
export function normalize(text: string, places: readonly (readonly [from: string, to: string])[]): string {
  let named = text.replace(OPEN_STEPS, '');
  for (const [from, to] of places) named = named.replaceAll(from, to);
  const ids = new Map<string, string>();
  return (
    named
      .split('\n')
      .filter((line) => !PROGRESS.test(line))
      .join('\n')
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, (id) => {
        if (!ids.has(id)) ids.set(id, `<id-${ids.size + 1}>`);
        return ids.get(id)!;
      })
      .replace(/\b127\.0\.0\.1:\d+/g, '<address>')
      .replace(/\bvnd_[A-Za-z0-9_-]{6,}/g, '<key>')
      .replace(/\b[0-9a-f]{64}\b/g, '<sha256>')
      // What the command line calls an update when it is given no id.
      .replace(/\b[0-9a-f]{32}\b/g, '<update-id>')
      .replace(/(?:\.\.\/)*pegasus-push-\w{6}(?=\/)/g, '<temporary>')
      // The first characters of an ingress's token or secret.
      .replace(/\b(pg[is])_[\w-]{4}(?![\w-])/g, '$1_<4>')
      .replace(/sha256 [0-9a-f]{12}\b/g, 'sha256 <12>')
      .replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z|\+00:00)?/g, '<time>')
      .replace(/\b\d+(\.\d+)? (ms|s|min|h)\b/g, '<duration>')
      .replace(/\b\d+(\.\d+)? (B|KiB|MiB)\b/g, '<size>')
      .replace(/("(?:durationMs|startMs|sizeBytes|artifactSizeBytes|elapsedMs|seq)": )\d+/g, '$1<number>')
      .replace(/([^\s]) {2,}/g, '$1  ')
      .replace(/^ +(?=\+?<duration>)/gm, '  ')
      .replace(/^ *\d+ +(?=<time>)/gm, '<seq>  ')
      .replace(/-{6,}|─{6,}/g, (line) => line.slice(0, 6))
      .replace(/[ \t]+$/gm, '')
  );
}
