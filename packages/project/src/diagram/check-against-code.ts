import type { DiagramCheck } from '@pegasus-workflows/contracts';
import type { ReadSource } from '../code/resolve-module.js';
import type { Runtime } from '../manifest/index.js';
import { normalizeDiagram } from '../manifest/diagram-text.js';
import { outlineDiagram } from './check-diagram.js';
import type { EntryFunction } from './code/program.js';
import { compareSteps } from './compare/compare.js';

/** The code of one workflow, as its diagram is compared with it. */
export interface DiagramCode {
  entryPoints: readonly (EntryFunction & { runtime: Runtime })[];
  /** The text of a file below the project; undefined when there is none. */
  read: ReadSource;
}

/**
 * Compares a diagram with the code it is about: which activities, signals and child workflows it leaves out, and which
 * of its nodes name one that the code does not have. `docs/diagrams.md` says how a node names a step. Whatever the
 * diagram and the code hold, there is a verdict; nothing of the code is executed.
 *
 * @param diagram Mermaid; one that does not parse is UNCHECKED, as `checkDiagram` says what is wrong with it
 */
export async function checkDiagramAgainstCode(
  diagram: string,
  { entryPoints, read }: DiagramCode,
): Promise<DiagramCheck> {
  if (entryPoints.some(({ runtime }) => runtime !== 'typescript'))
    return unchecked('Python code is not read, so the diagram was not compared with it.');
  const outline = await outlineDiagram(diagram);
  if (!outline) return unchecked('The diagram does not parse, so it was not compared with the code.');
  if (!outline.marks)
    return unchecked(
      `A diagram of type "${outline.type.slice(0, 50)}" is not compared with the code; use a flowchart, a sequence diagram or a state diagram.`,
    );
  // TypeScript's parser is large: only those who look into code load it.
  const { findSteps } = await import('./code/steps.js');
  const code = findSteps(entryPoints, read);
  if (code.unreadable !== undefined) return unchecked(`The diagram was not compared: ${code.unreadable}.`);
  const { missing, unknown } = compareSteps(outline.marks, code, normalizeDiagram(diagram));
  if (missing.length + unknown.length > 0) return { verdict: 'DIFFERS', missing, unknown };
  if (code.computed.length > 0)
    return unchecked(`The code computes the name of a step at ${code.computed.slice(0, 5).join(', ')}.`);
  return { verdict: 'MATCHES', missing, unknown };
}

function unchecked(note: string): DiagramCheck {
  return { verdict: 'UNCHECKED', missing: [], unknown: [], note: note.slice(0, 500) };
}
