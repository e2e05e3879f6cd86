import type { Problem } from '../problems/index.js';
import { FORBIDDEN_GLOBALS, forbiddenImport, TYPE_IMPORT_FIX } from './forbidden.js';
import { type ModuleImport, readModule } from './module-imports.js';
import { isRelative, type ReadSource, resolveRelative } from './resolve-module.js';

export interface WorkflowCode {
  problems: Problem[];
  /** Every project file that workflow code reaches, with what it imports. */
  imports: Map<string, ModuleImport[]>;
}

/**
 * Walks the project files that workflow code reaches through imports and reports what cannot run in a workflow:
 * Node modules, packages that do I/O, the activities themselves, globals that are not deterministic, syntax errors.
 * Types are free: whatever TypeScript strips is not looked at.
 *
 * @param entries files of the entry points, below the project
 * @param activitiesModule the file whose exports are activities
 */
export function checkWorkflowCode(
  entries: readonly string[],
  activitiesModule: string | undefined,
  read: ReadSource,
): WorkflowCode {
  const problems: Problem[] = [];
  const imports = new Map<string, ModuleImport[]>();
  const queue = [...new Set(entries)];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (imports.has(file)) continue;
    const text = read(file) ?? '';
    const facts = readModule(file, text, FORBIDDEN_GLOBALS);
    imports.set(file, facts.imports);
    for (const { message, ...at } of facts.syntaxErrors)
      problems.push({ file, ...at, message: `does not parse: ${message}`, fix: 'correct the syntax' });
    for (const { name, ...at } of facts.globals)
      problems.push({
        file,
        ...at,
        message: `workflow code uses \`${name}\``,
        fix: FORBIDDEN_GLOBALS.get(name)!,
      });
    for (const found of facts.imports) {
      const target = isRelative(found.specifier) ? resolveRelative(file, found.specifier, read) : undefined;
      const problem = checkImport(found, file, target, activitiesModule);
      if (problem) problems.push(problem);
      else if (target !== undefined && /\.[jt]s$/.test(target)) queue.push(target);
    }
  }
  return { problems, imports };
}

function checkImport(
  { specifier, dynamic, line, column }: ModuleImport,
  file: string,
  target: string | undefined,
  activitiesModule: string | undefined,
): Problem | undefined {
  const at = { file, line, column };
  const forbidden = forbiddenImport(specifier);
  if (forbidden)
    return { ...at, message: `workflow code imports "${specifier}", ${forbidden.what}`, fix: forbidden.fix };
  if (target !== undefined && target === activitiesModule)
    return {
      ...at,
      message: `workflow code imports the activities "${specifier}" as values`,
      fix: TYPE_IMPORT_FIX,
    };
  if (dynamic)
    return {
      ...at,
      message: `workflow code loads ${specifier === '' ? 'a module' : `"${specifier}"`} with import()`,
      fix: 'import it at the top of the file: a workflow is one bundle',
    };
  if (isRelative(specifier) && target === undefined)
    return { ...at, message: `"${specifier}" does not exist`, fix: 'correct the path of the import' };
  return undefined;
}
