/**
 * Job: the graph of a flow: nodes and arrows as they are drawn.
 *
 * Invariants
 * 1. Every step of the model is a node; one used in several ways may be one node when what follows is the same.
 * 2. No decision without a difference: an arrow leads to the next thing that is worth a node.
 * 3. The same model makes the same graph, node for node.
 */
import type { ClaimKind } from '../compare/step-id.js';
import { type Flow, type Handler, hasSteps, type Loop, type Model, type Step, type Wait } from './flow.js';
import { capital, cut } from './phrase.js';

export type NodeKind =
  ClaimKind | 'start' | 'end' | 'error' | 'again' | 'timer' | 'send' | 'decision' | 'loop' | 'parallel';

export interface GraphNode {
  kind: NodeKind;
  /** Of a step: its name in the code. */
  name?: string;
  label: string;
  edges: Edge[];
  /** The part it belongs to, see {@link Group}. */
  group: Group | undefined;
}

export interface Edge {
  to: GraphNode;
  label: string;
  dotted: boolean;
}

/** A part that is framed: what leads out of it may do so from any of its steps. */
export interface Group {
  title: string;
  parent: Group | undefined;
  edges: Edge[];
}

export interface Graph {
  start: GraphNode;
  /** In the order in which a reader meets them, the start first. */
  nodes: GraphNode[];
}

/** How many steps of a `try` get an arrow each; of more, the whole part gets one. */
const FEW = 3;

interface Ways {
  /** Where `return`, `break`, `continue` and a failure lead. */
  return: GraphNode;
  break?: GraphNode;
  continue?: GraphNode;
  /** Absent: a failure ends the run. */
  failure?: GraphNode;
  /** Whether each step gets its own arrow to `failure`. */
  arrows: boolean;
  group: Group | undefined;
}

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

export function buildGraph(model: Model): Graph {
  return new Builder(model).build();
}

class Builder {
  private readonly start = node('start', 'Start', undefined);
  /** Waits by their place in the code, to join them with the signals that end them. */
  private readonly waits: { at: unknown; wait: Wait; node: GraphNode }[] = [];
  private readonly ends = new Map<string, GraphNode>();

  constructor(private readonly model: Model) {}

  build(): Graph {
    const end = this.end('end', 'Done');
    const ways: Ways = { return: end, arrows: false, group: undefined };
    this.start.edges.push(edge(this.flow(this.model.flow, end, ways, true)));
    for (const handler of this.model.handlers) this.handler(handler, ways);
    for (const { wait, node: target } of this.waits)
      if (target.name === undefined) target.label = waitLabel(wait, this.signalsOf(wait));
    return { start: this.start, nodes: reachable(this.start) };
  }

  private end(kind: 'end' | 'error', label: string): GraphNode {
    const key = `${kind} ${label}`;
    const known = this.ends.get(key) ?? node(kind, label, undefined);
    this.ends.set(key, known);
    return known;
  }

  /** @param top whether a `return` here ends the run */
  private flow(flow: Flow, next: GraphNode, ways: Ways, top = false): GraphNode {
    const cutAt = flow.findIndex(({ kind }) => kind === 'exit');
    const live = cutAt < 0 ? flow : flow.slice(0, cutAt + 1);
    return live.reduceRight((after, step) => this.step(step, after, ways, top), next);
  }

  private step(step: Step, next: GraphNode, ways: Ways, top: boolean): GraphNode {
    switch (step.kind) {
      case 'activity':
      case 'child':
      case 'send':
        return this.named(step, next, ways);
      case 'timer':
        return this.plain('timer', capital(step.label), next, ways);
      case 'wait':
        return this.wait(step, step.at, [edge(next)], ways);
      case 'branch':
        return this.branch(step, next, ways, top);
      case 'loop':
        return this.loop(step, next, ways, top);
      case 'parallel':
        return this.parallel(step, next, ways, top);
      case 'try':
        return this.attempt(step, next, ways, top);
      case 'limit':
        return this.limit(step, next, ways, top);
      case 'call':
        return step.leaves === 'return'
          ? this.flow(step.body, next, { ...ways, return: next })
          : this.flow(step.body, next, { ...ways, break: next }, top);
      case 'exit':
        return this.exit(step, next, ways, top);
    }
  }

  private named({ kind, name }: Of<'activity' | 'child' | 'send'>, next: GraphNode, ways: Ways): GraphNode {
    const made = this.plain(kind, '', next, ways);
    made.name = name;
    if (ways.failure && ways.arrows && kind !== 'send')
      made.edges.push(edge(ways.failure, 'if it fails', true));
    return made;
  }

  private plain(kind: NodeKind, label: string, next: GraphNode, { group }: Ways): GraphNode {
    const made = node(kind, label, group);
    made.edges.push(edge(next));
    return made;
  }

  private wait(wait: Wait, at: unknown, edges: Edge[], { group }: Ways): GraphNode {
    const made = node('timer', '', group);
    made.edges.push(...edges);
    this.waits.push({ at, wait, node: made });
    return made;
  }

  private branch(
    { question, wait, arms }: Of<'branch'>,
    next: GraphNode,
    ways: Ways,
    top: boolean,
  ): GraphNode {
    const edges = arms.map(({ label, flow }) => edge(this.flow(flow, next, ways, top), label));
    const [first] = edges;
    const differ = edges.some(({ to }) => to !== first?.to);
    if (wait) return this.wait(wait, wait.at, differ ? edges : [edge(first?.to ?? next)], ways);
    if (!differ) return first?.to ?? next;
    const made = node('decision', cut(question), ways.group);
    // Arms that lead to one place are one arrow; those without a name need none.
    for (const { to, label } of edges) {
      const same = made.edges.find((one) => one.to === to);
      if (same) same.label = [same.label, label].filter((text) => text !== '').join(', ');
      else made.edges.push(edge(to, label));
    }
    if (arms.length > 2) named(made);
    return made;
  }

  private loop(
    { question, test, labels, check, body }: Loop,
    next: GraphNode,
    ways: Ways,
    top: boolean,
  ): GraphNode {
    const header = node('loop', cut(question), ways.group);
    const first = this.flow(check, header, ways, top);
    const inner: Ways = { ...ways, break: next, continue: first };
    const entry = this.flow(body, first, inner, top);
    if (entry === first && first === header && test !== 'never') return next;
    if (test === 'never') header.edges.push(edge(entry));
    else header.edges.push(edge(entry, labels[0]), edge(next, labels[1]));
    if (test === 'after') return entry;
    return first;
  }

  private parallel({ label, arms }: Of<'parallel'>, next: GraphNode, ways: Ways, top: boolean): GraphNode {
    const alive = arms.filter(hasSteps);
    if (alive.length < 2) return this.flow(alive[0] ?? [], next, ways, top);
    const fork = node('parallel', label, ways.group);
    fork.edges.push(...alive.map((arm) => edge(this.flow(arm, next, ways, top))));
    return fork;
  }

  private attempt({ body, caught, always }: Of<'try'>, next: GraphNode, ways: Ways, top: boolean): GraphNode {
    const after = this.flow(always, next, ways, top);
    const leave: Ways = hasSteps(always) ? { ...ways, return: this.flow(always, ways.return, ways) } : ways;
    const rethrow = caught !== undefined && caught[0]?.kind === 'exit' && caught[0].how === 'throw';
    const failed = ways.failure ?? this.end('error', 'Fails');
    const failure =
      caught === undefined || rethrow
        ? hasSteps(always)
          ? this.flow(always, failed, ways)
          : ways.failure
        : this.flow(
            caught,
            after,
            { ...leave, ...(hasSteps(always) ? { failure: this.flow(always, failed, ways) } : {}) },
            top,
          );
    if (!failure) return this.flow(body, after, leave, top);
    const arrows = failable(body) <= FEW;
    const group = arrows
      ? ways.group
      : { title: 'May fail', parent: ways.group, edges: [edge(failure, 'if a step fails', true)] };
    return this.flow(body, after, { ...leave, failure, arrows, group }, top);
  }

  private limit({ label, body }: Of<'limit'>, next: GraphNode, ways: Ways, top: boolean): GraphNode {
    const late = ways.failure ?? this.end('error', 'Fails: time is up');
    const group: Group = { title: label, parent: ways.group, edges: [edge(late, 'time is up', true)] };
    return this.flow(body, next, { ...ways, group }, top);
  }

  private exit({ how, label }: Of<'exit'>, next: GraphNode, ways: Ways, top: boolean): GraphNode {
    if (how === 'break') return ways.break ?? next;
    if (how === 'continue') return ways.continue ?? next;
    if (how === 'throw') return ways.failure ?? this.end('error', label);
    if (how === 'return')
      return top && ways.return.kind === 'end' && label !== 'Done' ? this.end('end', label) : ways.return;
    const made = node('again', label, ways.group);
    made.edges.push(edge(this.start, '', true));
    return made;
  }

  /** A signal that does nothing but end one wait is that wait; any other comes from outside, at any time. */
  private handler({ is, name, body, writes }: Handler, ways: Ways): void {
    const woken = this.waits.filter(({ wait }) => overlap(wait.reads, writes));
    const places = new Set(woken.map(({ at }) => at));
    const alone = woken.every(({ wait }) => this.signalsOf(wait).length === 1);
    if (places.size === 1 && alone && body.length === 0) {
      for (const { node: target, wait } of woken) {
        target.kind = is;
        target.name = name;
        target.label = waitLabel(wait, [name]);
      }
      return;
    }
    const made = node(is, '', undefined);
    made.name = name;
    const stop = this.end('end', 'Done');
    const first = body.length > 0 ? this.flow(body, stop, { ...ways, return: stop }) : undefined;
    if (first) made.edges.push(edge(first));
    else made.edges.push(...[...new Set(woken.map((one) => one.node))].map((to) => edge(to, '', true)));
    this.start.edges.push(edge(made, 'at any time', true));
  }

  private signalsOf({ reads }: Wait): string[] {
    return this.model.handlers.filter(({ writes }) => overlap(reads, writes)).map(({ name }) => name);
  }
}

function waitLabel({ about, atMost }: Wait, signals: readonly string[]): string {
  const what = signals.length > 0 ? `Wait for: ${signals.slice(0, 5).join(' or ')}` : `Wait until ${about}`;
  return atMost === undefined ? what : `${what}, at most ${atMost}`;
}

/** Arrows out of a decision with several arms are told apart by their labels. */
function named(decision: GraphNode): void {
  for (const arrow of decision.edges) if (arrow.label === '') arrow.label = 'or';
}

function failable(flow: Flow): number {
  return flow.reduce((count, step) => {
    if (step.kind === 'activity' || step.kind === 'child') return count + 1;
    if (step.kind === 'branch')
      return count + step.arms.reduce((sum, { flow: arm }) => sum + failable(arm), 0);
    if (step.kind === 'parallel') return count + step.arms.reduce((sum, arm) => sum + failable(arm), 0);
    if (step.kind === 'try') return count + failable(step.caught ?? []) + failable(step.always);
    return 'body' in step ? count + failable(step.body) : count;
  }, 0);
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const one of a) if (b.has(one)) return true;
  return false;
}

function node(kind: NodeKind, label: string, group: Group | undefined): GraphNode {
  return { kind, label, edges: [], group };
}

function edge(to: GraphNode, label = '', dotted = false): Edge {
  return { to, label, dotted };
}

/** Depth first in the order of the arrows; what frames lead to is reached through their nodes. */
export function reachable(start: GraphNode): GraphNode[] {
  const seen = new Set<GraphNode>();
  const stack = [start];
  for (let current = stack.pop(); current; current = stack.pop()) {
    if (seen.has(current)) continue;
    seen.add(current);
    const framed: Edge[] = [];
    for (let group = current.group; group; group = group.parent) framed.push(...group.edges);
    for (const { to } of [...current.edges, ...framed].reverse()) if (!seen.has(to)) stack.push(to);
  }
  return [...seen];
}
