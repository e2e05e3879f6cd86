/** What one `entry_points` string says. `module` is a path below the project's root with `/` and no extension. */
export interface EntryPoint {
  runtime: Runtime;
  module: string;
  exportName: string;
}

/** TypeScript runs on this platform's runner; Python artifacts are stored and listed, and not executable. */
export type Runtime = 'typescript' | 'python';

const SEGMENT = /^[A-Za-z0-9_@$][A-Za-z0-9_@$.-]*$/;
const EXPORT_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const PYTHON_MODULE = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$/;

/**
 * Reads `demo/workflow:helloWorkflow` (TypeScript) or `demo.workflow:HelloWorkflow` (Python).
 * Returns what is wrong with it, as the rest of a sentence, when it is neither.
 */
export function parseEntryPoint(text: string): EntryPoint | { wrong: string } {
  const colon = text.indexOf(':');
  if (colon < 1 || colon !== text.lastIndexOf(':') || colon === text.length - 1)
    return { wrong: 'must be "<module path>:<export>"' };
  const module = text.slice(0, colon);
  const exportName = text.slice(colon + 1);
  if (!EXPORT_NAME.test(exportName)) return { wrong: `names "${exportName}", which cannot be an export` };
  if (exportName === 'default') return { wrong: 'names the default export; it must be a named one' };
  if (PYTHON_MODULE.test(module) && !/\.[cm]?[jt]sx?$/.test(module))
    return { runtime: 'python', module: module.replaceAll('.', '/'), exportName };
  if (/\.[cm]?[jt]sx?$/.test(module)) return { wrong: 'must name its module without the file extension' };
  if (!module.split('/').every((segment) => SEGMENT.test(segment)))
    return { wrong: 'must name its module by a relative path with "/", without "." or ".." parts' };
  return { runtime: 'typescript', module, exportName };
}

/** Files that a TypeScript module path may stand for, in the order Temporal's bundler tries them. */
export function typescriptCandidates(module: string): string[] {
  return [`${module}.ts`, `${module}.js`, `${module}/index.ts`, `${module}/index.js`];
}

/** Files that an entry point's module may be in, in order of preference. */
export function moduleCandidates({ runtime, module }: EntryPoint): string[] {
  return runtime === 'typescript' ? typescriptCandidates(module) : [`${module}.py`, `${module}/__init__.py`];
}
