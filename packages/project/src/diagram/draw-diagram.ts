import { PegasusError } from '@pegasus-workflows/contracts';
import type { ReadSource } from '../code/resolve-module.js';
import { type EntryFunction, UnreadableCode } from './code/program.js';
import { findSteps } from './code/steps.js';
import { buildModel } from './draw/build-model.js';
import { markDrawn } from './drawn-mark.js';
import { describeActivities } from './draw/describe-activity.js';
import { buildGraph, type Graph, type GraphNode, reachable } from './draw/graph.js';
import { mergeAlike } from './draw/merge.js';
import { renderGraph } from './draw/render.js';

export interface DrawableCode {
  /** The workflow that is drawn is the first. */
  entryPoints: readonly EntryFunction[];
  /** The file whose exports are the activities: their doc comments are the labels. */
  activitiesModule?: string | undefined;
  read: ReadSource;
}

/**
 * A Mermaid flowchart of a workflow, inferred from its syntax: activities, timers, signals, children, branches, loops
 * and what happens when a step fails, in words for people who do not read code. The same code gives the same text, and
 * `checkDiagramAgainstCode` finds that it matches.
 *
 * @throws PegasusError VALIDATION_ERROR when the code cannot be drawn
 */
export function drawDiagram({ entryPoints, activitiesModule, read }: DrawableCode): string {
  const graph = mergeAlike(graphOf(entryPoints[0]!, read));
  addUnplaced(graph, entryPoints, read);
  const nodes = reachable(graph.start);
  return markDrawn(renderGraph({ ...graph, nodes }, describeActivities(activitiesModule, read)));
}

function graphOf(entry: EntryFunction, read: ReadSource): Graph {
  try {
    const model = buildModel(entry, read);
    if (model) return buildGraph(model);
  } catch (error) {
    if (!(error instanceof UnreadableCode || error instanceof RangeError)) throw error;
    throw undrawable(entry, 'is too large or nested too deeply to be drawn', error);
  }
  throw undrawable(entry, 'is no function whose code is in the project');
}

function undrawable({ file, exportName }: EntryFunction, why: string, cause?: unknown): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `Workflow "${exportName}" of ${file} ${why}.`, {
    hint: 'Draw it by hand: `pegasus-workflows diagram` prints a prompt for your coding agent.',
    cause,
  });
}

/** Steps whose place in the flow only running the code would tell are shown all the same, beside it. */
function addUnplaced({ start, nodes }: Graph, entryPoints: readonly EntryFunction[], read: ReadSource): void {
  const placed = new Set(nodes.map(({ kind, name }) => `${kind} ${name}`));
  for (const { kind, name } of findSteps(entryPoints, read).steps) {
    if (placed.has(`${kind} ${name}`)) continue;
    const made: GraphNode = { kind, name, label: '', edges: [], group: undefined };
    start.edges.push({ to: made, label: 'at some time', dotted: true });
  }
}
