import ts from 'typescript';
import { childName, dispatchName } from '../code/steps.js';
import { type FunctionNode, isWrapper, type Value, type Values } from '../code/values.js';
import { readsOf, writesOf } from './effects.js';
import { type Arm, type Flow, type Handler, hasSteps, type Step, type Wait } from './flow.js';
import { childLabel } from './labels.js';
import { capital, cut, duration, phrase, plainWords } from './phrase.js';
import { isStoring, type StoredFunctions } from './stored.js';

/** The flow of a function that is called at `at`; empty when it has no step, or is being followed already. */
export type Follow = (node: FunctionNode, at: ts.Node) => Flow;

const ITERATING = new Set(['map', 'forEach', 'flatMap', 'filter', 'reduce', 'some', 'every', 'find']);
const COMBINATORS: Record<string, string> = {
  all: 'All at the same time',
  allSettled: 'All at the same time, whatever becomes of each',
  race: 'Whichever comes first',
  any: 'Whichever succeeds first',
};
/** How `matchInput` tells what started a run. */
const STARTS: Record<string, string> = {
  manual: 'by hand',
  event: 'by an event',
  schedule: 'on schedule',
  test: 'in a test',
};

/** Operators that evaluate their right side only when the left one is true, false or missing. */
const SHORT_CIRCUITS = new Map<ts.SyntaxKind, 'true' | 'false' | 'missing'>([
  [ts.SyntaxKind.AmpersandAmpersandToken, 'true'],
  [ts.SyntaxKind.AmpersandAmpersandEqualsToken, 'true'],
  [ts.SyntaxKind.BarBarToken, 'false'],
  [ts.SyntaxKind.BarBarEqualsToken, 'false'],
  [ts.SyntaxKind.QuestionQuestionToken, 'missing'],
  [ts.SyntaxKind.QuestionQuestionEqualsToken, 'missing'],
]);

/** Turns expressions into flows, in the order in which they are evaluated. */
export class Expressions {
  readonly handlers = new Map<ts.Node, Handler>();
  /** The arguments of the calls that are being followed. */
  private readonly bound = new Map<ts.ParameterDeclaration, ts.Expression>();
  /** Promises that were made and not awaited: their steps are shown where they are. */
  private readonly pending = new Map<ts.Declaration, ts.Expression>();

  constructor(
    readonly values: Values,
    private readonly stored: StoredFunctions,
    private readonly follow: Follow,
  ) {}

  of(node: ts.Node): Flow {
    if (ts.isTypeNode(node) || ts.isFunctionLike(node)) return [];
    if (ts.isCallExpression(node)) return this.call(node);
    if (ts.isIdentifier(node)) return this.settled(node);
    if (ts.isConditionalExpression(node)) {
      const arms = [
        { label: 'yes', flow: this.of(node.whenTrue) },
        { label: 'no', flow: this.of(node.whenFalse) },
      ];
      return this.decide(node.condition, arms, node);
    }
    if (ts.isBinaryExpression(node) && SHORT_CIRCUITS.has(node.operatorToken.kind))
      return this.shortCircuit(node);
    if (ts.isClassLike(node)) return [];
    if (ts.isNewExpression(node)) this.construct(node);
    const flow: Flow = [];
    ts.forEachChild(node, (child) => void flow.push(...this.of(child)));
    return flow;
  }

  declarations(list: ts.VariableDeclarationList): Flow {
    return list.declarations.flatMap((declaration) => {
      const { initializer } = declaration;
      if (!initializer) return [];
      if (!ts.isCallExpression(initializer) || !ts.isIdentifier(declaration.name))
        return this.of(initializer);
      if (!isAwaitedLater(declaration.name)) return this.of(initializer);
      this.pending.set(declaration, initializer);
      return [];
    });
  }

  /** A decision over arms; of one without a step or a way out only the question's own steps remain. */
  decide(test: ts.Expression, arms: Arm[], at: ts.Node): Flow {
    if (arms.every(({ flow }) => flow.length === 0)) return this.of(test);
    const [waiting, negated] = unwrap(test);
    const wait = ts.isCallExpression(waiting) ? this.waitOf(waiting) : undefined;
    if (wait) {
      const [inTime, timeUp] = negated ? [arms[1], arms[0]] : [arms[0], arms[1]];
      const ended = [
        { label: wait.atMost === undefined ? 'then' : 'in time', flow: inTime?.flow ?? [] },
        { label: 'time is up', flow: timeUp?.flow ?? [] },
      ];
      return [{ kind: 'branch', question: '', wait: { ...wait, at: waiting }, arms: ended, at }];
    }
    const question = this.isWaitResult(waiting) ? 'In time?' : `${capital(phrase(waiting, this.values))}?`;
    const told = negated
      ? arms.map(({ label, flow }) => ({ label: label === 'yes' ? 'no' : 'yes', flow }))
      : arms;
    return [...this.of(test), { kind: 'branch', question, arms: told, at }];
  }

  private isWaitResult(node: ts.Expression): boolean {
    const declaration = ts.isIdentifier(node) ? this.values.declaration(node) : undefined;
    if (!declaration || !ts.isVariableDeclaration(declaration) || !declaration.initializer) return false;
    const [call] = unwrap(declaration.initializer);
    return ts.isCallExpression(call) && this.waitOf(call)?.atMost !== undefined;
  }

  private shortCircuit(node: ts.BinaryExpression): Flow {
    const flow = this.of(node.right);
    if (!hasSteps(flow)) return [...this.of(node.left), ...flow];
    const when = SHORT_CIRCUITS.get(node.operatorToken.kind);
    const arms = [
      { label: 'yes', flow: when === 'true' ? flow : [] },
      { label: 'no', flow: when === 'true' ? [] : flow },
    ];
    if (when !== 'missing') return this.decide(node.left, arms, node);
    const question = `${capital(phrase(node.left, this.values))} is there?`;
    return [...this.of(node.left), { kind: 'branch', question, arms, at: node }];
  }

  /** What a class is made with is known in its methods. */
  private construct({ expression, arguments: args }: ts.NewExpression): void {
    const value = this.values.of(expression);
    const constructor =
      value.kind === 'class' ? value.node.members.find(ts.isConstructorDeclaration) : undefined;
    if (constructor) this.values.pass(constructor, args ?? []);
  }

  /** A name: of a promise made earlier, whose steps are shown here, once. */
  private settled(node: ts.Identifier): Flow {
    const declaration = this.pending.size > 0 ? this.values.declaration(node) : undefined;
    const made = declaration && this.pending.get(declaration);
    if (!made || !declaration) return [];
    this.pending.delete(declaration);
    return this.of(made);
  }

  private call(node: ts.CallExpression): Flow {
    const callee = this.valueOf(node.expression);
    if (callee.kind === 'activity')
      return callee.name === undefined
        ? this.parts(node)
        : [...this.parts(node), step('activity', callee.name, node)];
    if (callee.kind === 'temporal') return this.temporal(node, callee);
    if (callee.kind === 'function') return [...this.inputs(node), ...this.enter(callee.node, node)];
    const combinator = combinatorOf(node);
    if (combinator !== undefined) return this.parallel(node, combinator);
    return this.method(node) ?? this.unknownCall(node);
  }

  private temporal(node: ts.CallExpression, { name, member }: Value & { kind: 'temporal' }): Flow {
    const [first, second] = node.arguments;
    if (name === 'CancellationScope') return this.scope(node, member);
    if (name === 'sleep') return [{ kind: 'timer', label: `Wait ${duration(first, this.values)}`, at: node }];
    if (name === 'condition') return [{ kind: 'wait', ...this.waitOf(node)!, at: node }];
    if (name === 'setHandler') return this.handle(first, second, node);
    if (name === 'matchInput') return this.matchInput(second, node);
    if (name === 'continueAsNew')
      return [...this.parts(node), { kind: 'exit', how: 'again', label: 'Go on as a new run', at: node }];
    if (name === 'executeChild' || name === 'startChild') {
      const child = first && childName(first, this.values);
      const flow = node.arguments.slice(1).flatMap((one) => this.of(one));
      return child === undefined ? flow : [...flow, step('child', child, node)];
    }
    if (name === 'dispatchSubagent')
      return [...this.parts(node), step('activity', dispatchName(first, this.values), node)];
    if (name === 'scheduleActivity' || name === 'scheduleLocalActivity') {
      const activity = this.values.text(first);
      return activity === undefined
        ? this.parts(node)
        : [...this.parts(node), step('activity', activity, node)];
    }
    return this.parts(node);
  }

  private scope(node: ts.CallExpression, member: string | undefined): Flow {
    const body = node.arguments.flatMap((one) => this.handed(one, node));
    if (member !== 'withTimeout' || !hasSteps(body)) return [...this.inputs(node), ...body];
    const label = `At most ${duration(node.arguments[0], this.values)}`;
    return [{ kind: 'limit', label, body, at: node }];
  }

  private waitOf(node: ts.CallExpression): Wait | undefined {
    const callee = this.valueOf(node.expression);
    if (callee.kind !== 'temporal' || callee.name !== 'condition') return undefined;
    const [predicate, timeout] = node.arguments;
    const never =
      predicate && ts.isArrowFunction(predicate) && predicate.body.kind === ts.SyntaxKind.FalseKeyword;
    const about = never ? 'it is cancelled' : predicate ? phrase(predicate, this.values) : 'a condition';
    const reads = predicate ? readsOf(predicate, this.values) : new Set<string>();
    return { about, reads, ...(timeout ? { atMost: duration(timeout, this.values) } : {}) };
  }

  private handle(message: ts.Expression | undefined, handler: ts.Expression | undefined, at: ts.Node): Flow {
    const value = message && this.valueOf(message);
    if (value?.kind !== 'message' || value.is === 'query' || value.name === undefined) return [];
    const { is, name } = value;
    const target = handler && this.valueOf(handler);
    const body = handler ? this.handed(handler, at) : [];
    const writes = target?.kind === 'function' ? writesOf(target.node.body, this.values) : new Set<string>();
    if (target?.kind !== 'undefined')
      this.handlers.set(at, { is, name, writes, body: hasSteps(body) ? body : [] });
    return [];
  }

  private matchInput(handlers: ts.Expression | undefined, at: ts.Node): Flow {
    const table = handlers && this.valueOf(handlers);
    if (table?.kind !== 'object') return [];
    const arms = table.node.properties.flatMap((property): Arm[] => {
      const name = property.name && ts.isIdentifier(property.name) ? property.name.text : undefined;
      const value = this.values.ofDeclaration(property);
      if (name === undefined || value.kind !== 'function') return [];
      return [{ label: STARTS[name] ?? name, flow: this.enter(value.node, at) }];
    });
    return [{ kind: 'branch', question: 'How was it started?', arms, at }];
  }

  private parallel(node: ts.CallExpression, combinator: string): Flow {
    let [list] = node.arguments;
    while (list && isWrapper(list)) list = list.expression;
    const label = COMBINATORS[combinator]!;
    if (!list || !ts.isArrayLiteralExpression(list)) return list ? this.of(list) : [];
    const arms = list.elements.map((element) =>
      this.of(ts.isSpreadElement(element) ? element.expression : element),
    );
    return [{ kind: 'parallel', label, arms, at: node }];
  }

  /** Methods that say something about the flow themselves; undefined for any other. */
  private method(node: ts.CallExpression): Flow | undefined {
    const { expression } = node;
    if (!ts.isPropertyAccessExpression(expression)) return undefined;
    const receiver = expression.expression;
    const name = expression.name.text;
    const [first, second] = node.arguments;
    if (name === 'signal' && this.valueOf(receiver).kind === 'handle')
      return this.send(first, receiver, node);
    if (name === 'catch' && first) return this.attempt(this.of(receiver), this.handed(first, node), node);
    if (name === 'then' && first) {
      const body = [...this.of(receiver), ...this.handed(first, node)];
      return second ? this.attempt(body, this.handed(second, node), node) : body;
    }
    if (!ITERATING.has(name) || !first) return isStoring(node) ? this.inputs(node) : undefined;
    const body = this.handed(first, node);
    if (!hasSteps(body)) return [...this.of(receiver), ...this.inputs(node)];
    const callback = this.valueOf(first);
    const each = callback.kind === 'function' ? `${childLabel(callback.node.parameters[0])} of ` : 'of ';
    const question = cut(`For each ${each}${phrase(receiver, this.values)}`);
    const loop: Step = {
      kind: 'loop',
      question,
      test: 'before',
      labels: ['next', 'done'],
      check: [],
      body,
      at: node,
    };
    return [...this.of(receiver), loop];
  }

  private send(signal: ts.Expression | undefined, receiver: ts.Expression, at: ts.Node): Flow {
    const value = signal && this.valueOf(signal);
    const name = value?.kind === 'text' ? value.text : value?.kind === 'message' ? value.name : undefined;
    return [...this.of(receiver), { kind: 'send', name: name ?? 'signal', at }];
  }

  private attempt(body: Flow, caught: Flow, at: ts.Node): Flow {
    return hasSteps(body) ? [{ kind: 'try', body, caught, always: [], at }] : body;
  }

  /** Nobody knows what is called: one of the functions kept under that name, or code that may call what it is given. */
  private unknownCall(node: ts.CallExpression): Flow {
    const kept = this.keptFor(node.expression)
      .map(({ label, node: one }) => ({ label, flow: this.enter(one, node) }))
      .filter(({ flow: body }) => hasSteps(body));
    const flow = [...this.of(node.expression), ...this.inputs(node)];
    if (kept.length === 1) return [...flow, ...kept[0]!.flow];
    if (kept.length > 1)
      return [...flow, { kind: 'branch', question: 'Whichever applies', arms: kept, at: node }];
    return [...flow, ...node.arguments.flatMap((one) => this.handed(one, node))];
  }

  private keptFor(callee: ts.Expression): { label: string; node: FunctionNode }[] {
    const known = this.stored.candidates(callee);
    if (known.length > 0 || !ts.isElementAccessExpression(callee))
      return known.map((node) => ({ label: '', node }));
    const table = this.valueOf(callee.expression);
    if (table.kind !== 'object') return [];
    return table.node.properties.flatMap((property) => {
      const value = ts.isShorthandPropertyAssignment(property)
        ? this.values.of(property.name)
        : this.values.ofDeclaration(property);
      const label = property.name && ts.isIdentifier(property.name) ? plainWords(property.name.text) : '';
      return value.kind === 'function' ? [{ label, node: value.node }] : [];
    });
  }

  /** What becomes of an argument that is a function: it is run. */
  private handed(node: ts.Expression, at: ts.Node): Flow {
    const value = this.valueOf(node);
    if (value.kind === 'function') return this.follow(value.node, at);
    return value.kind === 'activity' && value.name !== undefined && !ts.isCallExpression(node)
      ? [step('activity', value.name, node)]
      : [];
  }

  private enter(node: FunctionNode, at: ts.Node): Flow {
    const args = ts.isCallExpression(at) ? at.arguments : [];
    this.values.pass(node, args);
    const before = node.parameters.map((parameter) => this.bound.get(parameter));
    node.parameters.forEach((parameter, index) => {
      const argument = args[index];
      // A function that hands its own parameter on to itself must not become its own argument.
      if (argument && this.resolved(argument) !== parameter) this.bound.set(parameter, argument);
    });
    const flow = this.follow(node, at);
    node.parameters.forEach((parameter, index) => {
      const known = before[index];
      if (known) this.bound.set(parameter, known);
      else this.bound.delete(parameter);
    });
    return flow;
  }

  private resolved(node: ts.Expression): ts.Declaration | undefined {
    return ts.isIdentifier(node) ? this.values.declaration(node) : undefined;
  }

  /** As `values.of`; a parameter of a function that is being followed is what this call passed. */
  private valueOf(node: ts.Expression): Value | { kind: 'undefined' } {
    let target = node;
    for (let hops = 0; hops < 20; hops++) {
      while (isWrapper(target)) target = target.expression;
      if (ts.isIdentifier(target) && target.text === 'undefined') return { kind: 'undefined' };
      const declaration = this.resolved(target);
      const argument = declaration && ts.isParameter(declaration) ? this.bound.get(declaration) : undefined;
      if (!argument) break;
      target = argument;
    }
    return this.values.of(target);
  }

  /** The steps in the arguments. */
  private inputs(node: ts.CallExpression): Flow {
    return node.arguments.flatMap((one) => this.of(one));
  }

  private parts(node: ts.CallExpression): Flow {
    return [...this.of(node.expression), ...this.inputs(node)];
  }
}

function step(kind: 'activity' | 'child', name: string, at: ts.Node): Step {
  return { kind, name, at };
}

/** `all`, `race`, … of `Promise.all(…)`. */
function combinatorOf({ expression }: ts.CallExpression): string | undefined {
  if (!ts.isPropertyAccessExpression(expression) || !ts.isIdentifier(expression.expression)) return undefined;
  const name = expression.name.text;
  return expression.expression.text === 'Promise' && Object.hasOwn(COMBINATORS, name) ? name : undefined;
}

/** The expression under `await`, parentheses and `!`, and whether it is negated. */
function unwrap(node: ts.Expression): [ts.Expression, negated: boolean] {
  let negated = false;
  let target = node;
  for (;;) {
    if (isWrapper(target) || ts.isAwaitExpression(target)) target = target.expression;
    else if (ts.isPrefixUnaryExpression(target) && target.operator === ts.SyntaxKind.ExclamationToken) {
      negated = !negated;
      target = target.operand;
    } else return [target, negated];
  }
}

/** Whether a variable's promise is awaited, raced or joined later in the block that declares it. */
function isAwaitedLater(name: ts.Identifier): boolean {
  let block: ts.Node = name;
  while (block.parent && !ts.isBlock(block) && !ts.isSourceFile(block)) block = block.parent;
  const isUse = (node: ts.Node): boolean => {
    if (!ts.isIdentifier(node) || node === name || node.text !== name.text) return false;
    for (let at: ts.Node = node; at !== block; at = at.parent)
      if (ts.isAwaitExpression(at) || (ts.isCallExpression(at) && combinatorOf(at) !== undefined))
        return true;
    return false;
  };
  const search = (node: ts.Node): boolean => isUse(node) || (ts.forEachChild(node, search) ?? false);
  return search(block);
}
