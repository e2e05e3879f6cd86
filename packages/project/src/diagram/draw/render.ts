import { stepId } from '../compare/step-id.js';
import type { Edge, Graph, GraphNode, Group, NodeKind } from './graph.js';
import { capital, cut, plainWords, sentenceOf } from './phrase.js';

/** The brackets of each kind's shape, and its colours, which are readable on light and dark pages. */
const SHAPES: Record<NodeKind, [open: string, close: string]> = {
  start: ['([', '])'],
  end: ['([', '])'],
  error: ['([', '])'],
  again: ['([', '])'],
  activity: ['[', ']'],
  child: ['[[', ']]'],
  signal: ['>', ']'],
  update: ['>', ']'],
  send: ['>', ']'],
  timer: ['[/', '/]'],
  decision: ['{', '}'],
  loop: ['{{', '}}'],
  parallel: ['{{', '}}'],
};
const CLASSES: Record<NodeKind, string> = {
  start: 'fill:#f4f4f5,stroke:#71717a,color:#18181b',
  end: 'fill:#f4f4f5,stroke:#71717a,color:#18181b',
  error: 'fill:#fee2e2,stroke:#dc2626,color:#450a0a',
  again: 'fill:#f4f4f5,stroke:#71717a,color:#18181b',
  activity: 'fill:#dbeafe,stroke:#2563eb,color:#172554',
  child: 'fill:#ede9fe,stroke:#7c3aed,color:#2e1065',
  signal: 'fill:#dcfce7,stroke:#16a34a,color:#052e16',
  update: 'fill:#dcfce7,stroke:#16a34a,color:#052e16',
  send: 'fill:#dcfce7,stroke:#16a34a,color:#052e16',
  timer: 'fill:#fef9c3,stroke:#ca8a04,color:#422006',
  decision: 'fill:#ffffff,stroke:#52525b,color:#18181b',
  loop: 'fill:#ffffff,stroke:#52525b,color:#18181b',
  parallel: 'fill:#ffffff,stroke:#52525b,color:#18181b',
};
const CLASS_NAMES: Partial<Record<NodeKind, string>> = { end: 'ended', start: 'started' };

/** Mermaid text of a graph; `describe` may know a better label for an activity than its name. */
export function renderGraph(graph: Graph, describe: (activity: string) => string | undefined): string {
  const ids = nameNodes(graph);
  const frames = nameFrames(graph);
  const lines = ['flowchart TD'];
  const write = (group: Group | undefined, indent: string): void => {
    for (const node of graph.nodes.filter((one) => one.group === group))
      lines.push(`${indent}${ids.get(node)!}${shape(node, describe)}`);
    for (const [frame, id] of frames) {
      if (frame.parent !== group) continue;
      lines.push(`${indent}subgraph ${id} [${quoted(frame.title)}]`);
      write(frame, `${indent}  `);
      lines.push(`${indent}end`);
    }
  };
  write(undefined, '  ');
  for (const node of graph.nodes)
    for (const one of node.edges) lines.push(`  ${arrow(ids.get(node)!, one, ids)}`);
  for (const [frame, id] of frames) for (const one of frame.edges) lines.push(`  ${arrow(id, one, ids)}`);
  const kinds = [...new Set(graph.nodes.map(({ kind }) => kind))];
  for (const kind of kinds) lines.push(`  classDef ${className(kind)} ${CLASSES[kind]}`);
  return `${lines.join('\n')}\n`;
}

function nameNodes({ nodes }: Graph): Map<GraphNode, string> {
  const used = new Map<string, number>();
  return new Map(
    nodes.map((node) => {
      const base =
        node.name === undefined ? node.kind.replace(/^end$/, 'done') : stepId(node.kind, node.name);
      const count = (used.get(base) ?? 0) + 1;
      used.set(base, count);
      return [node, count === 1 ? base : `${base}__${count}`];
    }),
  );
}

/** Frames that hold a node, outer before inner. */
function nameFrames({ nodes }: Graph): Map<Group, string> {
  const frames = new Map<Group, string>();
  const add = (group: Group | undefined): void => {
    if (!group) return;
    add(group.parent);
    if (!frames.has(group)) frames.set(group, `part_${frames.size + 1}`);
  };
  for (const { group } of nodes) add(group);
  return frames;
}

function shape(node: GraphNode, describe: (activity: string) => string | undefined): string {
  const [open, close] = SHAPES[node.kind];
  return `${open}${quoted(labelOf(node, describe))}${close}:::${className(node.kind)}`;
}

function className(kind: NodeKind): string {
  return CLASS_NAMES[kind] ?? kind;
}

function labelOf(
  { kind, name, label }: GraphNode,
  describe: (activity: string) => string | undefined,
): string {
  if (name === undefined || label !== '') return label;
  if (kind === 'activity') return describe(name) ?? cut(sentenceOf(name));
  if (kind === 'child') return cut(`Child: ${plainWords(name)}`);
  if (kind === 'send') return cut(`Signal another workflow: ${plainWords(name)}`);
  return cut(`${capital(kind)}: ${plainWords(name)}`);
}

function arrow(from: string, { to, label, dotted }: Edge, ids: ReadonlyMap<GraphNode, string>): string {
  const line = dotted ? '-.->' : '-->';
  return `${from} ${line}${label === '' ? '' : `|${quoted(cut(label, 80))}|`} ${ids.get(to)!}`;
}

/**
 * A text in Mermaid's quotes. What could end the quotes, begin a tag, an entity, Markdown or a directive becomes an
 * entity of its own.
 */
function quoted(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim() || ' ';
  const escaped = plain.replace(
    /[^\p{L}\p{N} .,:!?()'’‘…/+=-]/gu,
    (character) => `#${character.codePointAt(0)!};`,
  );
  return `"${escaped}"`;
}
