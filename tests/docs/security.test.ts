import { readFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/pages.js';

/** docs/security.md names, for each attack, the wall and the test; a name that nothing answers to is a promise that nobody keeps. */
const page = await readFile(path.join(ROOT, 'docs/security.md'), 'utf8');
const cellsOf = (heading: RegExp) =>
  sectionsOf(page)
    .filter(({ title }) => heading.test(title))
    .flatMap(({ lines }) => lines.filter((line) => /^\| (?!-)/.test(line)).slice(1))
    .map((line) => line.split('|').map((cell) => cell.trim()));

const attacks = cellsOf(/^(By|For) /).map(([, attack = '', wall = '', tests = '']) => ({
  attack,
  wall,
  tests,
}));
const named = attacks.flatMap(({ attack, tests }) =>
  tests.split('<br>').map((each) => {
    const { file = '', title = '' } = /^`(?<file>[^`]+)` › (?<title>.+)$/.exec(each)?.groups ?? {};
    return { attack, file, title };
  }),
);

function sectionsOf(text: string): { title: string; lines: string[] }[] {
  return text.split(/^#+ /m).map((section) => {
    const [title = '', ...lines] = section.split('\n');
    return { title, lines };
  });
}

/** The titles that a test file gives to tests and groups, as they are written, `%s` and all. */
function titlesOf(file: string, source: string): Set<string> {
  const titles = new Set<string>();
  const visit = (node: ts.Node): void => {
    const [first] = ts.isCallExpression(node) ? node.arguments : [];
    if (ts.isCallExpression(node) && first && ts.isStringLiteralLike(first) && isTest(node.expression))
      titles.add(first.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest));
  return titles;
}

/** `it`, `it.each(…)`, `test.runIf(…)`: a skipped one is no test. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return ['it', 'test'].includes(callee.text);
  if (ts.isPropertyAccessExpression(callee))
    return !['skip', 'todo'].includes(callee.name.text) && isTest(callee.expression);
  return ts.isCallExpression(callee) && isTest(callee.expression);
}

describe('the threat model', () => {
  it('has attacks', () => {
    expect(attacks.length).toBeGreaterThan(50);
  });

  it.each(named)('$attack: $file › $title', async ({ file, title }) => {
    const source = await readFile(path.join(ROOT, file), 'utf8');
    expect([...titlesOf(file, source)]).toContain(title);
  });

  it('has every wall of an attack in its table of walls', () => {
    const walls = cellsOf(/^Walls$/).map(([, wall]) => wall);
    expect(attacks.filter(({ wall }) => !walls.includes(wall))).toEqual([]);
  });
});

it('titles are found however a test is declared, and a skipped one is not', () => {
  const source = `it('a', f); test.each([1])(\n'b %s', f); it.runIf(x)('c', f); it.skip('d', f); describe('e', f); other('g');`;
  expect([...titlesOf('x.ts', source)]).toEqual(['a', 'b %s', 'c']);
});
