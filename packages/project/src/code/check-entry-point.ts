import type { EntryPoint } from '../manifest/entry-point.js';
import type { ReadSource } from './resolve-module.js';

/** What is wrong with an entry point whose module's file is known: a sentence and a remedy; undefined when nothing is. */
export async function checkEntryPoint(
  entry: EntryPoint,
  file: string,
  read: ReadSource,
): Promise<{ message: string; fix: string } | undefined> {
  const { exportName } = entry;
  if (entry.runtime === 'python') return checkPython(file, exportName, read(file) ?? '');
  // TypeScript's parser is large: only those who look into code load it.
  const { findExport } = await import('./find-export.js');
  const verdict = findExport(file, exportName, read);
  if (verdict.kind === 'missing')
    return {
      message: `${file} does not export "${exportName}"`,
      fix: `write \`export async function ${exportName}(…)\` there, or correct the entry point`,
    };
  if (verdict.kind === 'not-function')
    return {
      message: `"${exportName}" of ${file} is ${verdict.is}, not a function`,
      fix: `export a workflow function: \`export async function ${exportName}(…)\``,
    };
  return undefined;
}

/** Python has no parser here: a class or function of that name at the top level, or a name bound there, will do. */
function checkPython(file: string, name: string, text: string): { message: string; fix: string } | undefined {
  const escaped = name.replaceAll('$', '\\$');
  const defined = new RegExp(`^(?:class|def|async def)\\s+${escaped}\\b`, 'm');
  const bound = new RegExp(
    `^(?:${escaped}\\s*[:=]|(?:from|import)\\b.*\\b${escaped}\\b|\\s+${escaped},?\\s*$)`,
    'm',
  );
  if (defined.test(text) || bound.test(text)) return undefined;
  return {
    message: `${file} does not define "${name}"`,
    fix: `define class ${name} there, or correct the entry point`,
  };
}
