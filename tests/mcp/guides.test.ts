import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readManifest } from '@pegasus-workflows/project/manifest';
import { checkDiagram } from '@pegasus-workflows/project';
import { describe, expect, it } from 'vitest';
import { codeBlocks, compileErrors, type CodeBlock } from '../support/code-blocks.js';

const GUIDE = path.resolve(import.meta.dirname, '../../packages/cli/guide');
const guides = (await readdir(GUIDE)).filter((file) => file.endsWith('.md'));

/** Blocks that name their file form a project, the others stand alone. */
async function blocksOf(guide: string): Promise<CodeBlock[]> {
  return codeBlocks(await readFile(path.join(GUIDE, guide), 'utf8'));
}

describe.each(guides)('%s', (guide) => {
  it('has code that compiles against the packages', async () => {
    const typescript = (await blocksOf(guide)).filter(({ language }) => language === 'ts');
    const files = new Map(
      typescript.map(({ attributes, content, line }) => {
        const [file] = attributes.keys();
        return [file ?? `line-${line}.ts`, content];
      }),
    );
    expect(typescript.length).toBeGreaterThan(0);
    expect(compileErrors(new Map([[guide, files]]))).toEqual([]);
  }, 120_000);

  it('has manifests and diagrams that publishing accepts', async () => {
    const blocks = await blocksOf(guide);
    for (const { content } of blocks.filter(({ language }) => language === 'toml'))
      expect(readManifest(content, 'pegasus-workflows.toml').problems).toEqual([]);
    for (const { content } of blocks.filter(({ language }) => language === 'mermaid'))
      expect(await checkDiagram(content)).toEqual([]);
  }, 120_000);
});
