import path from 'node:path';
import ts from 'typescript';
import { isRelative, type ReadSource, resolveRelative } from '../../code/resolve-module.js';
import { TEMPORAL_DECLARATIONS, TEMPORAL_PACKAGES } from './temporal.js';

/** One entry point's module and the name it exports the workflow under. */
export interface EntryFunction {
  /** Below the project, with `/`. */
  file: string;
  exportName: string;
}

/** The modules that workflow code reaches, with every name in them bound to its declaration. */
export interface CodeProgram {
  checker: ts.TypeChecker;
  source(file: string): ts.SourceFile | undefined;
}

/** More source than a person writes for one workflow. Work on it is linear, so this bounds the time. Characters. */
const SOURCE_CHARACTERS = 4_000_000;
const SOURCE_FILES = 1_000;
const ROOT = '/';
const STUB = '/@temporal.d.ts';

/** Workflow code that is too much, or too deeply nested, to be read. */
export class UnreadableCode extends Error {}

/**
 * Parses and binds the entry modules and what they import by relative paths. Only names are resolved: no library is
 * loaded, no type is evaluated and nothing is executed. Temporal's workflow API is a small declaration file of ours,
 * so that `sleep` is known however it is imported, renamed or re-exported.
 *
 * @throws UnreadableCode when there is more code than a workflow has
 */
export function bindProgram(entries: readonly EntryFunction[], read: ReadSource): CodeProgram {
  const reader = new BoundedReader(read);
  const options: ts.CompilerOptions = {
    allowJs: true,
    noLib: true,
    types: [],
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host: ts.CompilerHost = {
    getSourceFile: (name, target) => {
      const text = reader.text(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, target, true);
    },
    resolveModuleNameLiterals: (literals, from) =>
      literals.map((literal) => ({ resolvedModule: reader.resolve(from, literal) })),
    fileExists: (name) => reader.text(name) !== undefined,
    readFile: (name) => reader.text(name),
    getDefaultLibFileName: () => '/lib.d.ts',
    getCurrentDirectory: () => ROOT,
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: () => undefined,
    directoryExists: () => false,
    getDirectories: () => [],
  };
  const roots = [...new Set(entries.map(({ file }) => ROOT + file))];
  const program = ts.createProgram(roots, options, host);
  return { checker: program.getTypeChecker(), source: (file) => program.getSourceFile(ROOT + file) };
}

/** The name of a module of the program as the project knows it. */
export function fileOf(node: ts.Node): string {
  return node.getSourceFile().fileName.slice(ROOT.length);
}

/** Whether a declaration is one of Temporal's workflow API. */
export function isTemporal(node: ts.Node): boolean {
  return node.getSourceFile().fileName === STUB;
}

/** Counts from 1. */
export function lineOf(node: ts.Node): number {
  const source = node.getSourceFile();
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

class BoundedReader {
  private readonly texts = new Map<string, string | undefined>([[STUB, TEMPORAL_DECLARATIONS]]);
  private characters = 0;

  constructor(private readonly read: ReadSource) {}

  text(name: string): string | undefined {
    if (!this.texts.has(name)) this.load(name);
    return this.texts.get(name);
  }

  private load(name: string): void {
    const text = /\.[jt]s$/.test(name) ? this.read(name.slice(ROOT.length)) : undefined;
    this.characters += text?.length ?? 0;
    if (this.characters > SOURCE_CHARACTERS || this.texts.size > SOURCE_FILES)
      throw new UnreadableCode('the workflow code is too large to be read');
    this.texts.set(name, text?.replace(/^\uFEFF/, ''));
  }

  resolve(from: string, literal: ts.StringLiteralLike): ts.ResolvedModuleFull | undefined {
    const specifier = literal.text;
    if (TEMPORAL_PACKAGES.has(specifier)) return { resolvedFileName: STUB, extension: ts.Extension.Dts };
    // Types do not run: what is behind them, the activities above all, is no workflow code.
    if (!isRelative(specifier) || isTypeImport(literal.parent)) return undefined;
    const target = resolveRelative(from.slice(ROOT.length), specifier, (file) =>
      file.startsWith('../') ? undefined : this.text(ROOT + file),
    );
    if (target === undefined || !/\.[jt]s$/.test(target)) return undefined;
    return { resolvedFileName: ROOT + target, extension: path.posix.extname(target) };
  }
}

function isTypeImport(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return ts.isExportDeclaration(node) ? node.isTypeOnly : !ts.isCallExpression(node);
}
