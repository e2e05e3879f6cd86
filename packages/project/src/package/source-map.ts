import type { PortablePaths } from './portable-path.js';

export interface SourceMap {
  sources: string[];
  sourcesContent?: (string | null)[];
  [key: string]: unknown;
}

const COMMENT = '//# sourceMappingURL=data:application/json';

/** Takes the inline source map off the end of a bundle. */
export function splitSourceMap(bundle: string): { code: string; map: SourceMap } {
  const start = bundle.lastIndexOf(COMMENT);
  if (start < 0) throw new Error('the bundle has no inline source map');
  const encoded = bundle.slice(bundle.indexOf('base64,', start) + 'base64,'.length).trimEnd();
  const map = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMap;
  return { code: bundle.slice(0, start), map };
}

/**
 * Puts a source map back, its sources named the same on every machine. Only the author's own sources keep their text:
 * that of packages only makes the bundle large, and that of modules the bundler made up holds absolute paths.
 */
export function joinSourceMap(code: string, map: SourceMap, paths: PortablePaths): string {
  const portable = map.sources.map((source) => paths.of(source));
  const portableMap = {
    ...map,
    sources: portable.map(({ name }) => name),
    sourcesContent: portable.map(({ own }, index) => (own ? (map.sourcesContent?.[index] ?? null) : null)),
    sourceRoot: '',
    file: 'bundle.js',
  };
  const encoded = Buffer.from(JSON.stringify(portableMap)).toString('base64');
  return `${code}${COMMENT};charset=utf-8;base64,${encoded}\n`;
}
