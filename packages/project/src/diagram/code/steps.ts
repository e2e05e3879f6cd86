import type { DIAGRAM_STEP_KINDS } from '@pegasus-workflows/contracts';
import ts from 'typescript';
import type { ReadSource } from '../../code/resolve-module.js';
import { bindProgram, type EntryFunction, fileOf, isTemporal, lineOf, UnreadableCode } from './program.js';
import { isFunction, propertyName, type Value, Values } from './values.js';

export type StepKind = (typeof DIAGRAM_STEP_KINDS)[number];

/** A step that a diagram must show. `line` counts from 1; of several uses, the first in the order of the code. */
export interface CodeStep {
  kind: StepKind;
  name: string;
  file: string;
  line: number;
}

/** What a diagram is compared with. */
export interface CodeSteps {
  /** By file and line. */
  steps: CodeStep[];
  /** Steps of the children whose code is here too: a diagram may show them, and need not. */
  ofChildren: CodeStep[];
  /** Other names that a node may bear: updates, queries, functions of the workflow. */
  names: Set<string>;
  /** `file:line` of steps whose names only running the code would tell. */
  computed: string[];
  /** Why the code could not be read; then there are no steps. */
  unreadable?: string;
}

/** Recursion of the walk; deeper code than this is generated. */
const TOO_DEEP = 'the workflow code is nested too deeply to be read';

/**
 * Finds every activity, signal and child workflow that workflow code uses: in the entry functions and in all that they
 * call or refer to, through the project's modules. Never throws for what the code says.
 */
export function findSteps(entries: readonly EntryFunction[], read: ReadSource): CodeSteps {
  try {
    return new Scan(new Values(bindProgram(entries, read))).run(entries);
  } catch (error) {
    if (error instanceof UnreadableCode) return unreadable(error.message);
    // A stack that is full, or one of the compiler's own assertions about code that nobody writes.
    return unreadable(error instanceof RangeError ? TOO_DEEP : 'the workflow code could not be read');
  }
}

function unreadable(why: string): CodeSteps {
  return { steps: [], ofChildren: [], names: new Set(), computed: [], unreadable: why };
}

class Scan {
  private readonly found = new Map<string, CodeStep>();
  private readonly names = new Set<string>();
  private readonly computed = new Set<string>();
  private readonly reached = new Set<ts.Node>();
  private readonly queue: ts.Node[] = [];
  private readonly children = new Set<ts.Declaration>();

  constructor(private readonly values: Values) {}

  run(entries: readonly EntryFunction[]): CodeSteps {
    for (const { file, exportName } of entries) {
      this.names.add(exportName);
      const declaration = this.values.exported(file, exportName);
      if (declaration) this.reach(declaration);
    }
    this.drainTwice();
    const steps = [...this.found.values()];
    const computed = [...this.computed].sort();
    for (const child of this.children) this.reach(child);
    this.drainTwice();
    const required = new Set(steps.map(keyOf));
    const ofChildren = [...this.found.values()].filter((step) => !required.has(keyOf(step)));
    for (const { name } of [...steps, ...ofChildren]) this.names.delete(name);
    return { steps: steps.sort(byPlace), ofChildren: ofChildren.sort(byPlace), names: this.names, computed };
  }

  /** Once more with all that was passed for parameters known: a function may be seen before its last caller. */
  private drainTwice(): void {
    this.drain();
    this.queue.push(...this.reached);
    this.drain();
  }

  private drain(): void {
    for (let node = this.queue.shift(); node; node = this.queue.shift()) this.visit(node);
  }

  /** Code that runs, or may run, because what runs already refers to it. */
  private reach(declaration: ts.Declaration): void {
    if (isTemporal(declaration) || ts.isSourceFile(declaration)) return;
    const node = outermost(declaration);
    if (!ts.isVariableDeclaration(node) && !isFunction(node) && !ts.isClassLike(node)) return;
    if (this.reached.has(node)) return;
    this.reached.add(node);
    const name = ts.getNameOfDeclaration(node);
    if (name && ts.isIdentifier(name) && !this.isProxy(node)) this.names.add(name.text);
    this.queue.push(node);
  }

  private isProxy(node: ts.Declaration): boolean {
    const { kind } = this.values.ofDeclaration(node);
    return kind === 'proxy' || kind === 'activity';
  }

  private visit(node: ts.Node): void {
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
    if (ts.isCallExpression(node) && this.call(node)) return;
    if (ts.isNewExpression(node)) this.construct(node);
    if (ts.isIdentifier(node)) this.identifier(node);
    else if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) this.access(node);
    ts.forEachChild(node, (child) => {
      // Declared here and reached when something refers to it.
      if (!ts.isFunctionDeclaration(child) && !ts.isClassDeclaration(child)) this.visit(child);
    });
  }

  /** @returns whether its parts were visited */
  private call(node: ts.CallExpression): boolean {
    const callee = this.values.of(node.expression);
    if (callee.kind === 'function') this.values.pass(callee.node, node.arguments);
    if (callee.kind !== 'temporal' || callee.member !== undefined) return false;
    const [first] = node.arguments;
    const { name } = callee;
    if (name === 'scheduleActivity' || name === 'scheduleLocalActivity')
      this.add('activity', this.values.text(first), node);
    if (name === 'dispatchSubagent') this.add('activity', dispatchName(first, this.values), node);
    if (name === 'setHandler' && first) this.handler(this.values.of(first), node);
    if (name !== 'executeChild' && name !== 'startChild') return false;
    this.add('child', first && childName(first, this.values), node);
    const child = first && this.values.of(first);
    if (child?.kind === 'function') this.children.add(child.node);
    // The child's own steps are the child's; only its options are code of this workflow.
    for (const argument of node.arguments.slice(1)) this.visit(argument);
    return true;
  }

  private handler(message: Value, node: ts.Node): void {
    if (message.kind !== 'message') return;
    if (message.is === 'signal') this.add('signal', message.name, node);
    else if (message.name !== undefined) this.names.add(message.name);
  }

  private construct(node: ts.NewExpression): void {
    const value = this.values.of(node.expression);
    if (value.kind !== 'class') return;
    const constructor = value.node.members.find(ts.isConstructorDeclaration);
    if (constructor) this.values.pass(constructor, node.arguments ?? []);
  }

  private identifier(node: ts.Identifier): void {
    if (isMemberOrLabel(node) || isBindingName(node)) return;
    const declaration = this.values.declaration(node);
    if (!declaration) return;
    this.use(this.values.ofDeclaration(declaration), node);
    this.reach(declaration);
  }

  private access(node: ts.PropertyAccessExpression | ts.ElementAccessExpression): void {
    const value = this.values.of(node);
    this.use(value, node);
    // `helpers.notify()` of a namespace import leads into that module.
    if (value.kind === 'function') this.reach(value.node);
  }

  private use(value: Value, node: ts.Node): void {
    if (value.kind === 'activity') this.add('activity', value.name, node);
  }

  private add(kind: StepKind, name: string | undefined, node: ts.Node): void {
    const file = fileOf(node);
    const line = lineOf(node);
    if (name === undefined) {
      this.computed.add(`${file}:${line}`);
      return;
    }
    const key = keyOf({ kind, name });
    const known = this.found.get(key);
    if (!known || (known.file === file && line < known.line)) this.found.set(key, { kind, name, file, line });
  }
}

function keyOf({ kind, name }: Pick<CodeStep, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

function byPlace(a: CodeStep, b: CodeStep): number {
  return a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1;
}

/** The workflow type that a child is started by: a string, or the name of its function. */
export function childName(argument: ts.Expression, values: Values): string | undefined {
  const value = values.of(argument);
  if (value.kind === 'text') return value.text;
  if (value.kind === 'function' && value.name !== undefined) return value.name;
  if (ts.isIdentifier(argument)) {
    const declaration = values.declaration(argument);
    // Out of a package: the name it was exported under is as near as its syntax leads.
    if (declaration && ts.isImportSpecifier(declaration))
      return (declaration.propertyName ?? declaration.name).text;
    return declaration && ts.isParameter(declaration) ? undefined : importedName(argument);
  }
  return ts.isPropertyAccessExpression(argument) ? argument.name.text : undefined;
}

/** A dispatch of a coding agent, by the role that its task names: `dispatchCoder`. */
export function dispatchName(task: ts.Expression | undefined, values: Values): string {
  const properties = task && ts.isObjectLiteralExpression(task) ? task.properties : [];
  const named = properties.find((one) => one.name !== undefined && propertyName(one.name) === 'role');
  const role = named && ts.isPropertyAssignment(named) ? values.text(named.initializer) : undefined;
  const words = role?.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `dispatch${words?.join('') ?? 'Subagent'}`;
}

/** The exported name behind an imported one whose module is not of the project. */
function importedName(node: ts.Identifier): string | undefined {
  for (const statement of node.getSourceFile().statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (!bindings || !ts.isNamedImports(bindings)) continue;
    const element = bindings.elements.find(({ name }) => name.text === node.text);
    if (element) return (element.propertyName ?? element.name).text;
  }
  return undefined;
}

function outermost(declaration: ts.Declaration): ts.Declaration {
  let node = declaration;
  while (ts.isBindingElement(node)) node = node.parent.parent;
  return node;
}

function isMemberOrLabel({ parent }: ts.Identifier): boolean {
  return ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent);
}

/** A name where it is declared, or the name of a member: no use of what it stands for. */
function isBindingName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent)) return parent.initializer !== node;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isPropertyAssignment(parent))
    return parent.name === node;
  return ts.isDeclarationStatement(parent) || isFunction(parent)
    ? 'name' in parent && parent.name === node && propertyName(node) !== undefined
    : false;
}
