import type { DiagramCheck } from '@pegasus-workflows/contracts';
import { sortProblems, type Problem } from '../problems/index.js';

const KINDS = { activity: 'activity', signal: 'signal', child: 'child workflow' } as const;

/** What a verdict found, each with the place and the remedy. `diagramFile` is how the diagram is named. */
export function diagramProblems({ missing, unknown }: DiagramCheck, diagramFile: string): Problem[] {
  return sortProblems([
    ...missing.map(({ kind, name, file, line }) => ({
      file,
      line,
      message: `${KINDS[kind]} "${name}" is not in ${diagramFile}`,
      fix: `add a node for it, with the id ${JSON.stringify(name)} or its words as the label`,
    })),
    ...unknown.map(({ node, name, line }) => ({
      file: diagramFile,
      ...(line === undefined ? {} : { line }),
      message: `node "${node}" names "${name}", which the code does not have`,
      fix: 'remove or rename the node, or write prose: a plain id and a sentence',
    })),
  ]);
}
