import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeBlocks, compileErrors, type Sources } from '../support/code-blocks.js';
import { calls, usageProblem } from './support/command-lines.js';
import { applyChange, commandsOf } from './support/page.js';
import { allPages, ROOT, type Page } from './support/pages.js';

/** What a page says must be so: its commands parse, its code compiles, its links lead somewhere. */
const pages = await allPages();
const handWritten = pages.filter(({ file }) => !/^docs\/reference\/(?!index)/.test(file));

describe('every command line that is shown', () => {
  const shown = handWritten.flatMap(({ file, text }) =>
    codeBlocks(text)
      .filter(({ language }) => ['sh', 'bash', 'console', 'yaml'].includes(language))
      .flatMap(({ line, content }) =>
        commandsOf(content)
          .flatMap(calls)
          .map((words) => ({ file, line, words })),
      ),
  );

  it('is found', () => {
    expect(shown.length).toBeGreaterThan(20);
  });

  it.each(shown.map(({ file, line, words }) => [`${file}:${line}`, words.join(' '), words] as const))(
    '%s parses: %s',
    async (_place, _line, words) => {
      expect(await usageProblem(words)).toBeUndefined();
    },
  );
});

describe('every `sh` block with a call inside of quotes or variables', () => {
  it.each([
    ['npx pegasus-workflows run demo --wait && echo done', [['run', 'demo', '--wait']]],
    [
      `RUN=$(pegasus-workflows run demo --input '{"a": "b c"}' --json | jq -r .id)`,
      [['run', 'demo', '--input', '{"a": "b c"}', '--json']],
    ],
    ['pegasus-workflows doctor > report.txt 2>&1', [['doctor']]],
    ['echo pegasus-workflows', []],
  ])('%s', (line, expected) => {
    expect(calls(line)).toEqual(expected);
  });

  it('is refused when the command line has no such thing', async () => {
    expect(await usageProblem(['pusch'])).toMatch(/unknown command/);
    expect(await usageProblem(['push', '--no-such-thing'])).toMatch(/unknown option/);
    expect(await usageProblem(['run'])).toMatch(/missing required argument/);
  });
});

describe('every piece of TypeScript', () => {
  // The pages of lint rules show wrong code beside right one; the rules' own tests run on it.
  const ours = handWritten.filter(({ file }) => !file.startsWith('docs/lint/'));

  it('compiles against the SDK', () => {
    const projects = new Map(ours.flatMap(({ file, text }) => projectsOf(file, text)));
    expect(projects.size).toBeGreaterThan(3);
    expect(compileErrors(projects)).toEqual([]);
  }, 120_000);

  it('would be caught if it did not', () => {
    const block =
      "import { matchInput } from 'pegasus-workflows-sdk/workflow';\nmatchInput('', { tst: () => 1 });\n";
    const projects = new Map([['wrong', new Map([['block.ts', block]])]]);
    expect(compileErrors(projects)).toEqual([expect.stringMatching(/^wrong\/block\.ts:2 .*'tst'/)]);
  }, 120_000);
});

/**
 * A `ts` block with a file's name is part of the project that the page builds up, as it is after each change; one
 * without is a module of its own. `no-check` leaves a block out, for code that shows what is wrong.
 */
function projectsOf(page: string, text: string): [string, Sources][] {
  const name = page.replaceAll(/[^a-z0-9-]+/gi, '_');
  const projects: [string, Sources][] = [];
  let files = new Map<string, string>();
  for (const block of codeBlocks(text)) {
    const file = block.attributes.get('file');
    if (block.attributes.has('no-check')) continue;
    if (typeof file === 'string') {
      const before = files.get(file);
      if (block.language === 'diff' && before === undefined) continue;
      const content = block.language === 'diff' ? applyChange(before!, block) : block.content;
      // A file that was there before: what the page had built until here is one project, and this begins the next.
      if (before !== undefined) projects.push([`${name}-${block.line}`, files]);
      files = new Map(files).set(file, content);
    } else if (block.language === 'ts') {
      projects.push([`${name}-${block.line}-alone`, new Map([['block.ts', block.content]])]);
    }
  }
  if (files.size > 0) projects.push([name, files]);
  return projects;
}

describe('every link', () => {
  const links = pages.flatMap((page) => linksOf(page));

  it('is found', () => {
    expect(links.length).toBeGreaterThan(20);
  });

  it('leads to a file that is there, and to a heading that is in it', async () => {
    const dead: string[] = [];
    for (const { from, target } of links) {
      const [file = '', anchor] = target.split('#');
      const absolute = file === '' ? path.join(ROOT, from) : path.resolve(ROOT, path.dirname(from), file);
      if (!existsSync(absolute)) dead.push(`${from}: ${target}`);
      else if (anchor !== undefined && !anchorsOf(await readFile(absolute, 'utf8')).has(anchor))
        dead.push(`${from}: ${target} (no such heading)`);
    }
    expect(dead).toEqual([]);
  });
});

function linksOf({ file, text }: Page): { from: string; target: string }[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(/\]\((?<target>[^)\s]+)\)/g)]
    .map(({ groups }) => ({ from: file, target: groups!['target']! }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

function withoutCode(text: string): string {
  let prose = text.split('\n');
  for (const { line, content } of codeBlocks(text)) {
    const last = line + content.split('\n').length;
    prose = prose.map((each, i) => (i >= line - 1 && i < last ? '' : each));
  }
  return prose.join('\n').replace(/`[^`\n]*`(?!\])/g, '');
}

/** The ids that headings get, on the site and on GitHub; or the one in braces at the end. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} (?<title>.*?)(?: \{#(?<id>[^}]+)\})?$/gm)];
  return new Set(headings.map(({ groups }) => groups!['id'] ?? slug(groups!['title']!)));
}

function slug(title: string): string {
  return title
    .replace(/[`*]/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .replace(/^(\d)/, '_$1');
}
