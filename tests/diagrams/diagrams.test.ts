import path from 'node:path';
import { checkDiagram, closeDiagrams, isDrawnDiagram } from '@pegasus-workflows/project/diagram';
import { afterAll, describe, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';
import { compare, draw, foldersIn, repository, type Subject, subjectsOf, withCode } from './support.js';

afterAll(closeDiagrams);

const MATCHES = { verdict: 'MATCHES', missing: [], unknown: [] };
const terminal = await Terminal.open();
afterAll(() => terminal[Symbol.asyncDispose]());

const fixtures = await subjectsOf(path.join(repository, 'tests/diagrams/fixtures'));
const subjects = new Map<string, Subject>(fixtures.map((one) => [`fixture ${one.workflow.name}`, one]));
for (const name of await foldersIn('examples'))
  for (const one of await subjectsOf(path.join(repository, 'examples', name)))
    subjects.set(`example ${one.workflow.name}`, one);
for (const template of await foldersIn('packages/cli/templates')) {
  await terminal.run(['init', `made-${template}`, '--template', template]);
  for (const one of await subjectsOf(path.join(terminal.root, `made-${template}`)))
    subjects.set(`template ${template}`, one);
}

describe.each([...subjects])('%s', (_name, subject) => {
  it('has a diagram of its author that matches', async () => {
    expect(await compare(subject.workflow.manifest.diagram, subject)).toEqual(MATCHES);
  });

  it('is drawn as Mermaid that matches, the same each time (graph: 1, 3)', async () => {
    const drawing = draw(subject);
    expect(await checkDiagram(drawing)).toEqual([]);
    expect(await compare(drawing, subject)).toEqual(MATCHES);
    expect(draw(subject)).toBe(drawing);
    expect(isDrawnDiagram(drawing)).toBe(true);
    expect(isDrawnDiagram(drawing.replace('Start', 'Begin'))).toBe(false);
  });

  it('a step that is taken out of the drawing is missed, by its name', async () => {
    const drawing = draw(subject);
    for (const step of stepsIn(drawing)) {
      const { missing, unknown } = await compare(without(drawing, step), subject);
      expect(missing.map(({ kind, name }) => `${kind} ${idName(name)}`)).toEqual([
        `${step.kind} ${step.name}`,
      ]);
      expect(unknown).toEqual([]);
    }
  });

  it('a step that is renamed in the drawing is missed, and the new name unknown', async () => {
    const drawing = draw(subject);
    for (const step of stepsIn(drawing)) {
      const renamed = `${without(drawing, step)}  ${step.kind}_somethingElse["Something else"]:::${step.kind}\n`;
      const { missing, unknown } = await compare(renamed, subject);
      expect(missing.map(({ kind, name }) => `${kind} ${idName(name)}`)).toEqual([
        `${step.kind} ${step.name}`,
      ]);
      expect(unknown.map(({ name }) => name)).toEqual(['somethingElse']);
    }
  });

  it('an activity that is renamed in the code is missed, and the old name unknown', async () => {
    const drawing = draw(subject);
    for (const { kind, name } of stepsIn(drawing)) {
      // A dispatch is named by its role, and not in the code.
      if (kind !== 'activity' || name.startsWith('dispatch')) continue;
      const changed = withCode(subject, (text) =>
        text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `${name}Anew`),
      );
      const { missing, unknown } = await compare(drawing, changed);
      expect(missing.map((one) => one.name)).toEqual([`${name}Anew`]);
      expect(new Set(unknown.map((one) => one.name))).toEqual(new Set([name]));
    }
  });

  it.each([
    ['activity', 'brandNewStep', 'brandNewActs.brandNewStep()'],
    ['child', 'brandNewChild', "addedChild('brandNewChild')"],
  ])('%s that is added to the code is missed', async (kind, name, call) => {
    const entry = subject.workflow.entryPoints[0]!.file;
    const changed = withCode(subject, (text, file) =>
      file === entry
        ? `import { executeChild as addedChild, proxyActivities as addedProxy } from '@temporalio/workflow';\nconst brandNewActs = addedProxy({ startToCloseTimeout: 1 });\n${text.replace('await ', `await ${call} && await `)}`
        : text,
    );
    const { missing, unknown } = await compare(draw(subject), changed);
    expect({ missing, unknown }).toEqual({
      missing: [{ kind, name, file: entry, line: expect.any(Number) }],
      unknown: [],
    });
  });
});

describe.each(fixtures.map((one) => [one.workflow.name, one] as const))(
  'the drawing of %s',
  (name, subject) => {
    it('is as it was (graph: 2, 3)', async () => {
      await expect(draw(subject)).toMatchFileSnapshot(`golden/${name}.mmd`);
    });
  },
);

interface DrawnStep {
  kind: string;
  /** As in the id. */
  name: string;
}

function stepsIn(drawing: string): DrawnStep[] {
  const found = new Map<string, DrawnStep>();
  for (const [, kind, name] of drawing.matchAll(/^ +(activity|signal|child)_(\w+?)(?:__\d+)?[[>].*:::\w+$/gm))
    found.set(`${kind} ${name}`, { kind: kind!, name: name! });
  return [...found.values()];
}

/** The drawing without a step's nodes and arrows; labels of waits that name it too no longer do. */
function without(drawing: string, { kind, name }: DrawnStep): string {
  const id = new RegExp(`\\b${kind}_${name}(?:__\\d+)?\\b`);
  const lines = drawing.split('\n').filter((line) => !id.test(line));
  return lines
    .join('\n')
    .replaceAll(new RegExp(`(Wait for: .*)\\b${name.replaceAll('_', '.')}\\b`, 'g'), '$1somebody');
}

function idName(name: string): string {
  return name.replaceAll(/\W/g, '_');
}
