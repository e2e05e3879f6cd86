import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';

/** The fenced code blocks of a Markdown page, and whether its TypeScript compiles against the packages of this repository. */
const ROOT = path.resolve(import.meta.dirname, '../..');

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
export async function compileErrors(projects: ReadonlyMap<string, Sources>): Promise<string[]> {
  // Below the repository, so that packages are found as a project in it finds them.
  const cache = path.join(ROOT, '.cache');
  await mkdir(cache, { recursive: true });
  const home = await mkdtemp(path.join(cache, 'code-blocks-'));
  try {
    const files = [...projects].flatMap(([project, sources]) =>
      [...sources].map(([file, content]) => ({ file: path.join(home, project, file), content })),
    );
    for (const { file, content } of files) {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    await writeFile(path.join(home, 'package.json'), '{"type": "module"}');
    const program = ts.createProgram(
      files.map(({ file }) => file).filter((file) => /\.[cm]?tsx?$/.test(file)),
      {
        target: ts.ScriptTarget.ES2023,
        lib: ['lib.es2023.d.ts'],
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        moduleDetection: ts.ModuleDetectionKind.Force,
        types: ['node'],
        typeRoots: [path.join(ROOT, 'node_modules', '@types')],
        strict: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: true,
        noEmit: true,
      },
    );
    return ts.getPreEmitDiagnostics(program).map((diagnostic) => describe(diagnostic, home));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function describe({ file, start, messageText }: ts.Diagnostic, home: string): string {
  const message = ts.flattenDiagnosticMessageText(messageText, ' ');
  if (!file || start === undefined) return message;
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${path.relative(home, file.fileName)}:${line + 1} ${message}`;
}
