import path from 'node:path';
import ts from 'typescript';

/** The fenced code blocks of a Markdown page, and whether its TypeScript compiles against the packages of this repository. */
/** Below the repository, so that packages are found as a project in it finds them. Nothing is written there. */
const VIRTUAL = path.join(import.meta.dirname, 'code-of-pages');

export interface CodeBlock {
  /** Of the line with the opening fence, from 1. */
  line: number;
  /** The first word after the fence, such as `ts`; empty when there is none. */
  language: string;
  /** The words after the language: `file=demo/workflow.ts` is a value, a bare word is `true`. Values with blanks are quoted. */
  attributes: ReadonlyMap<string, string | true>;
  /** Without the fences and their indentation; ends with a newline. */
  content: string;
}

const OPENING = /^(?<indent>[ \t]*)(?<fence>`{3,}|~{3,})[ \t]*(?<info>[^`]*)$/;
const WORD = /(?<name>[^\s=]+)(?:=(?:"(?<quoted>[^"]*)"|(?<bare>\S*)))?/g;

/** @throws Error when the last block is not closed */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const { indent = '', fence, info = '' } = OPENING.exec(lines[at]!)?.groups ?? {};
    if (fence === undefined) continue;
    const end = lines.findIndex((line, i) => i > at && isClosing(line, fence));
    if (end < 0) throw new Error(`the code block of line ${at + 1} is not closed`);
    const content = lines.slice(at + 1, end).map((line) => line.slice(commonIndent(line, indent)));
    const [language = '', ...words] = info.trim().split(/(?<=^\S+)\s+/);
    blocks.push({
      line: at + 1,
      language,
      attributes: readAttributes(words.join(' ')),
      content: `${content.join('\n')}\n`,
    });
    at = end;
  }
  return blocks;
}

function isClosing(line: string, fence: string): boolean {
  const text = line.trim();
  return text.length >= fence.length && text === fence[0]!.repeat(text.length);
}

function commonIndent(line: string, indent: string): number {
  return line.startsWith(indent) ? indent.length : line.length - line.trimStart().length;
}

function readAttributes(text: string): Map<string, string | true> {
  return new Map(
    [...text.matchAll(WORD)].map(({ groups = {} }) => [
      groups['name']!,
      groups['quoted'] ?? groups['bare'] ?? true,
    ]),
  );
}

/** A source file by its path in an imaginary project. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Compiles projects, each on its own and all in one go, as strictly as a new project is compiled.
 * `pegasus-workflows-sdk` and Node's types are those of this repository, which must be built.
 *
 * @param projects by a name that is fit for a folder
 * @returns one sentence per error: `<project>/<file>:<line> <message>`
 */
export function compileErrors(projects: ReadonlyMap<string, Sources>): string[] {
  const files = new Map(
    [...projects].flatMap(([project, sources]) =>
      [...sources].map(([file, content]) => [path.join(VIRTUAL, project, file), content] as const),
    ),
  );
  const roots = [...files.keys()].filter((file) => /\.[cm]?tsx?$/.test(file));
  const program = ts.createProgram(roots, OPTIONS, hostWith(files));
  return ts.getPreEmitDiagnostics(program).map(describe);
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  noEmit: true,
};

/** A disk on which these files are too. */
function hostWith(files: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const { directoryExists, fileExists, readFile, getSourceFile } = host;
  host.directoryExists = (folder) => folder.startsWith(VIRTUAL) || (directoryExists?.(folder) ?? true);
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, target, ...rest) => {
    const text = files.get(file);
    return text === undefined
      ? getSourceFile(file, target, ...rest)
      : ts.createSourceFile(file, text, target);
  };
  return host;
}

function describe({ file, start, messageText }: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, ' ');
  if (!file || start === undefined) return message;
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${path.relative(VIRTUAL, file.fileName)}:${line + 1} ${message}`;
}
