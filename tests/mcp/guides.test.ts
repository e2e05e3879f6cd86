import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readManifest } from '@pegasus-workflows/project/manifest';
import { checkDiagram } from '@pegasus-workflows/project';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const GUIDE = path.resolve(import.meta.dirname, '../../packages/cli/guide');
/** Beside this file, so that imports are found as an author's are. Nothing is written there. */
const VIRTUAL = path.join(import.meta.dirname, 'code-of-guides');

interface Block {
  language: string;
  /** The file that the guide says it is; blocks with one form a project, the others stand alone. */
  file: string | undefined;
  code: string;
}

const guides = (await readdir(GUIDE)).filter((file) => file.endsWith('.md'));

async function blocksOf(guide: string): Promise<Block[]> {
  const text = await readFile(path.join(GUIDE, guide), 'utf8');
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n([^]*?)^```$/gm)].map(
    ([, language = '', file, code = '']) => ({
      language,
      file,
      code,
    }),
  );
}

/** What the compiler says of these modules, checked against the built packages, strictly. */
function compile(files: ReadonlyMap<string, string>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const { directoryExists, fileExists, readFile: read, getSourceFile } = host;
  host.directoryExists = (folder) => folder.startsWith(VIRTUAL) || (directoryExists?.(folder) ?? true);
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? read(file);
  host.getSourceFile = (file, target, ...rest) => {
    const code = files.get(file);
    return code === undefined
      ? getSourceFile(file, target, ...rest)
      : ts.createSourceFile(file, code, target);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    const name = file ? path.relative(VIRTUAL, file.fileName) : '';
    return `${name}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

describe.each(guides)('%s', (guide) => {
  it('has code that compiles against the packages', async () => {
    const typescript = (await blocksOf(guide)).filter(({ language }) => language === 'ts');
    const files = new Map(
      typescript.map(({ file, code }, index) => [
        path.join(VIRTUAL, guide, file ?? `block-${index + 1}.ts`),
        code,
      ]),
    );
    expect(typescript.length).toBeGreaterThan(0);
    expect(compile(files)).toEqual([]);
  }, 120_000);

  it('has manifests and diagrams that publishing accepts', async () => {
    const blocks = await blocksOf(guide);
    for (const { code } of blocks.filter(({ language }) => language === 'toml'))
      expect(readManifest(code, 'pegasus-workflows.toml').problems).toEqual([]);
    for (const { code } of blocks.filter(({ language }) => language === 'mermaid'))
      expect(await checkDiagram(code)).toEqual([]);
  }, 120_000);
});

it('a wrong block is caught', () => {
  const file = path.join(VIRTUAL, 'wrong.ts');
  const code =
    "import { matchInput } from 'pegasus-workflows-sdk/workflow';\nmatchInput('', { tst: () => 1 });\n";
  expect(compile(new Map([[file, code]])).join()).toMatch(/^wrong\.ts:2 .*'tst'/);
}, 120_000);
