import { type Edge, type Graph, type GraphNode, type Group, reachable } from './graph.js';

/**
 * Joins nodes that are alike and lead to the same: a helper that is called from three places and goes on alike is drawn
 * once, its loops included. The coarsest such partition: all alike nodes are taken as one until what they lead to tells
 * them apart. Changes the graph's nodes.
 */
export function mergeAlike({ start, nodes }: Graph): Graph {
  let classes = new Map<GraphNode, number>(nodes.map((node) => [node, 0]));
  let frames = new Map<Group, string>();
  for (let count = 0; ;) {
    frames = new Map();
    const next = partition(nodes, classes, frames);
    const found = new Set(next.values()).size;
    classes = next;
    if (found === count) break;
    count = found;
  }
  const first = new Map<number, GraphNode>();
  for (const node of nodes) if (!first.has(classes.get(node)!)) first.set(classes.get(node)!, node);
  const one = (node: GraphNode): GraphNode => first.get(classes.get(node)!)!;
  const groups = new Map<string, Group>();
  for (const [group, key] of frames) if (!groups.has(key)) groups.set(key, group);
  const frame = (group: Group): Group => groups.get(frames.get(group)!)!;
  for (const node of nodes) {
    for (const edge of node.edges) edge.to = one(edge.to);
    node.edges = node.edges.filter(
      (edge, index) => node.edges.findIndex((other) => same(edge, other)) === index,
    );
    if (node.group) node.group = frame(node.group);
  }
  for (const group of groups.values()) {
    for (const edge of group.edges) edge.to = one(edge.to);
    if (group.parent) group.parent = frame(group.parent);
  }
  return { start, nodes: reachable(start) };
}

function same(a: Edge, b: Edge): boolean {
  return a.to === b.to && a.label === b.label && a.dotted === b.dotted;
}

/** @param frames filled with a key for each group: groups of one key are one */
function partition(
  nodes: readonly GraphNode[],
  classes: ReadonlyMap<GraphNode, number>,
  frames: Map<Group, string>,
): Map<GraphNode, number> {
  const edgesOf = ({ edges }: Pick<GraphNode, 'edges'>): unknown[] =>
    edges.map(({ to, label, dotted }) => [classes.get(to), label, dotted]);
  const frameOf = (group: Group | undefined): string => {
    if (!group) return '';
    const known = frames.get(group);
    if (known !== undefined) return known;
    const key = JSON.stringify([group.title, frameOf(group.parent), edgesOf(group)]);
    frames.set(group, key);
    return key;
  };
  const keys = new Map<string, number>();
  return new Map(
    nodes.map((node) => {
      const { kind, name, label, group } = node;
      const key = JSON.stringify([classes.get(node), kind, name, label, frameOf(group), edgesOf(node)]);
      if (!keys.has(key)) keys.set(key, keys.size);
      return [node, keys.get(key)!];
    }),
  );
}
