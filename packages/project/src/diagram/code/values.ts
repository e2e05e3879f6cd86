/**
 * Job: say what an expression of workflow code is, as far as steps are concerned: an activity, a signal, a function to
 * follow, one of Temporal's functions.
 *
 * Boundary: names and syntax alone. No type is evaluated; what only running the code would tell is `unknown`.
 *
 * Invariants
 * 1. Total: every expression has an answer, whatever cycles the code contains; each question takes bounded steps.
 * 2. A name means its declaration by the language's own scopes, shadowing and renaming imports included.
 */
import ts from 'typescript';
import { type CodeProgram, isTemporal } from './program.js';
import { isTemporalName, type TemporalName } from './temporal.js';

export type FunctionNode = ts.FunctionLikeDeclaration & { body: ts.ConciseBody };

export type Value =
  /** `name` undefined: computed when the code runs. */
  | { kind: 'activity'; name: string | undefined; local: boolean }
  | { kind: 'proxy'; local: boolean }
  | { kind: 'message'; is: 'signal' | 'query' | 'update'; name: string | undefined }
  | { kind: 'handle'; of: 'child' | 'external' }
  | { kind: 'temporal'; name: TemporalName; member?: string }
  | { kind: 'function'; node: FunctionNode; name: string | undefined }
  | { kind: 'class'; node: ts.ClassLikeDeclaration }
  | { kind: 'instance'; node: ts.ClassLikeDeclaration }
  | { kind: 'object'; node: ts.ObjectLiteralExpression }
  | { kind: 'module'; symbol: ts.Symbol }
  | { kind: 'text'; text: string }
  | { kind: 'unknown' };

export const UNKNOWN: Value = { kind: 'unknown' };
/** How far one question may lead through variables, members and calls. */
const DEPTH = 40;
/** Questions within one question: a hostile chain of alternatives must not multiply. */
const STEPS = 2_000;

const MESSAGES: Partial<Record<TemporalName, 'signal' | 'query' | 'update'>> = {
  defineSignal: 'signal',
  defineQuery: 'query',
  defineUpdate: 'update',
};

export class Values {
  /** What calls were seen to pass for a parameter. */
  private readonly passed = new Map<ts.ParameterDeclaration, ts.Expression[]>();
  private depth = 0;
  private steps = 0;

  constructor(private readonly program: CodeProgram) {}

  of(expression: ts.Expression): Value {
    if (this.depth === 0) this.steps = 0;
    if (this.depth >= DEPTH || ++this.steps > STEPS) return UNKNOWN;
    this.depth += 1;
    try {
      return this.evaluate(expression);
    } finally {
      this.depth -= 1;
    }
  }

  /** A constant text: a literal, a template of constants, a constant's or an enum member's value. */
  text(expression: ts.Expression | undefined): string | undefined {
    if (!expression) return undefined;
    const value = this.of(expression);
    return value.kind === 'text' ? value.text : undefined;
  }

  /** Remembers the arguments of a call of `node`, so that its parameters are known to be them. */
  pass(node: FunctionNode | ts.ConstructorDeclaration, args: readonly ts.Expression[]): void {
    node.parameters.forEach((parameter, index) => {
      const argument = args[index];
      if (!argument || ts.isSpreadElement(argument)) return;
      const known = this.passed.get(parameter) ?? [];
      if (known.length < 20 && !known.includes(argument)) this.passed.set(parameter, [...known, argument]);
    });
  }

  /** What was passed for a parameter, the last call first. */
  argumentsOf(parameter: ts.ParameterDeclaration): readonly ts.Expression[] {
    return this.passed.get(parameter) ?? [];
  }

  /** The declaration a name stands for, imports followed. */
  declaration(name: ts.Identifier): ts.Declaration | undefined {
    const { checker } = this.program;
    const symbol = ts.isShorthandPropertyAssignment(name.parent)
      ? checker.getShorthandAssignmentValueSymbol(name.parent)
      : checker.getSymbolAtLocation(name);
    return symbol && this.declarationOf(symbol);
  }

  /** An export of a file of the program. */
  exported(file: string, name: string): ts.Declaration | undefined {
    const source = this.program.source(file);
    const symbol = source && this.program.checker.getSymbolAtLocation(source);
    return symbol && this.exportOf(symbol, name);
  }

  ofDeclaration(declaration: ts.Declaration): Value {
    if (isTemporal(declaration) && !ts.isSourceFile(declaration)) return temporal(declaration);
    if (ts.isVariableDeclaration(declaration))
      return declaration.initializer ? named(this.of(declaration.initializer), declaration.name) : UNKNOWN;
    if (ts.isBindingElement(declaration)) return this.bound(declaration);
    if (ts.isParameter(declaration))
      return this.first([...(this.passed.get(declaration) ?? []), declaration.initializer]);
    if (ts.isClassDeclaration(declaration)) return { kind: 'class', node: declaration };
    if (ts.isEnumMember(declaration))
      return declaration.initializer ? this.of(declaration.initializer) : UNKNOWN;
    if (isFunction(declaration))
      return { kind: 'function', node: declaration, name: declarationName(declaration) };
    if (ts.isPropertyAssignment(declaration)) return this.of(declaration.initializer);
    if (ts.isExportAssignment(declaration)) return this.of(declaration.expression);
    if (ts.isSourceFile(declaration)) {
      const symbol = this.program.checker.getSymbolAtLocation(declaration);
      return symbol ? { kind: 'module', symbol } : UNKNOWN;
    }
    return UNKNOWN;
  }

  private declarationOf(symbol: ts.Symbol): ts.Declaration | undefined {
    const { checker } = this.program;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return target.valueDeclaration ?? target.declarations?.[0];
  }

  private exportOf(module: ts.Symbol, name: string): ts.Declaration | undefined {
    const symbol = this.program.checker.getExportsOfModule(module).find((one) => one.name === name);
    return symbol && this.declarationOf(symbol);
  }

  private evaluate(expression: ts.Expression): Value {
    if (isWrapper(expression)) return this.of(expression.expression);
    if (ts.isAwaitExpression(expression)) return this.of(expression.expression);
    if (ts.isStringLiteralLike(expression)) return { kind: 'text', text: expression.text };
    if (ts.isTemplateExpression(expression)) return this.template(expression);
    if (ts.isIdentifier(expression)) {
      const declaration = this.declaration(expression);
      return declaration ? this.ofDeclaration(declaration) : UNKNOWN;
    }
    if (ts.isPropertyAccessExpression(expression))
      return this.member(this.receiver(expression.expression), expression.name.text);
    if (ts.isElementAccessExpression(expression))
      return this.member(this.of(expression.expression), this.text(expression.argumentExpression));
    if (ts.isArrowFunction(expression) || ts.isFunctionExpression(expression))
      return { kind: 'function', node: expression, name: declarationName(expression) };
    if (ts.isObjectLiteralExpression(expression)) return { kind: 'object', node: expression };
    if (ts.isClassExpression(expression)) return { kind: 'class', node: expression };
    if (ts.isNewExpression(expression)) return this.instance(expression);
    if (ts.isCallExpression(expression)) return this.result(expression);
    if (ts.isConditionalExpression(expression))
      return this.first([expression.whenTrue, expression.whenFalse]);
    if (ts.isBinaryExpression(expression) && isFallback(expression.operatorToken.kind))
      return this.first([expression.left, expression.right]);
    return UNKNOWN;
  }

  private receiver(expression: ts.Expression): Value {
    if (expression.kind !== ts.SyntaxKind.ThisKeyword) return this.of(expression);
    for (let node: ts.Node = expression; node.parent; node = node.parent)
      if (ts.isClassLike(node)) return { kind: 'instance', node };
    return UNKNOWN;
  }

  /** `name` undefined: a computed one. */
  private member(owner: Value, name: string | undefined): Value {
    if (owner.kind === 'proxy') return { kind: 'activity', name, local: owner.local };
    if (owner.kind === 'object')
      return name === undefined ? this.anyMember(owner.node) : this.property(owner.node, name);
    if (name === undefined) return UNKNOWN;
    if (owner.kind === 'temporal') return { ...owner, member: name };
    if (owner.kind === 'instance') return this.ofClass(owner.node, name);
    const declaration = owner.kind === 'module' ? this.exportOf(owner.symbol, name) : undefined;
    return declaration ? this.ofDeclaration(declaration) : UNKNOWN;
  }

  private property(node: ts.ObjectLiteralExpression, name: string): Value {
    for (const property of [...node.properties].reverse()) {
      if (ts.isSpreadAssignment(property)) {
        const found = this.member(this.of(property.expression), name);
        if (found.kind !== 'unknown') return found;
      } else if (property.name && propertyName(property.name) === name) {
        if (ts.isShorthandPropertyAssignment(property)) return this.of(property.name);
        return this.ofDeclaration(property);
      }
    }
    return UNKNOWN;
  }

  /** What a computed name may be, when every property is of a kind that matters: an activity of several, for one. */
  private anyMember(node: ts.ObjectLiteralExpression): Value {
    const spread = node.properties.find(ts.isSpreadAssignment);
    return spread ? this.member(this.of(spread.expression), undefined) : UNKNOWN;
  }

  private ofClass(node: ts.ClassLikeDeclaration, name: string): Value {
    for (const member of node.members) {
      if (member.name && propertyName(member.name) === name) {
        if (isFunction(member)) return { kind: 'function', node: member, name };
        if (ts.isPropertyDeclaration(member) && member.initializer) return this.of(member.initializer);
      }
      if (!ts.isConstructorDeclaration(member)) continue;
      const parameter = member.parameters.find(
        (one) => ts.isParameterPropertyDeclaration(one, member) && propertyName(one.name) === name,
      );
      if (parameter) return this.ofDeclaration(parameter);
    }
    const base = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)?.types[0];
    const parent = base ? this.of(base.expression) : UNKNOWN;
    return parent.kind === 'class' ? this.member({ kind: 'instance', node: parent.node }, name) : UNKNOWN;
  }

  private instance({ expression }: ts.NewExpression): Value {
    const value = this.of(expression);
    return value.kind === 'class' ? { kind: 'instance', node: value.node } : UNKNOWN;
  }

  private bound(element: ts.BindingElement): Value {
    const pattern = element.parent;
    const { parent } = pattern;
    if (ts.isArrayBindingPattern(pattern) || element.dotDotDotToken) {
      // `const { a, ...rest } = acts`: the rest of a proxy is one.
      return element.dotDotDotToken && ts.isObjectBindingPattern(pattern) ? this.container(parent) : UNKNOWN;
    }
    const key = element.propertyName ?? element.name;
    const name = propertyName(key);
    const found = name === undefined ? UNKNOWN : this.member(this.container(parent), name);
    return found.kind === 'unknown' && element.initializer ? this.of(element.initializer) : found;
  }

  private container(parent: ts.BindingElement | ts.VariableDeclaration | ts.ParameterDeclaration): Value {
    if (this.depth >= DEPTH) return UNKNOWN;
    this.depth += 1;
    try {
      return this.ofDeclaration(parent);
    } finally {
      this.depth -= 1;
    }
  }

  private result(call: ts.CallExpression): Value {
    const callee = this.of(call.expression);
    if (callee.kind === 'function') return this.returned(callee.node);
    if (callee.kind !== 'temporal' || callee.member !== undefined) return objectCall(call, this);
    const [first, second] = call.arguments;
    const { name } = callee;
    const message = MESSAGES[name];
    if (message) return { kind: 'message', is: message, name: this.text(first) };
    if (name === 'proxyActivities' || name === 'proxyLocalActivities')
      return { kind: 'proxy', local: name === 'proxyLocalActivities' };
    if (name === 'startChild') return { kind: 'handle', of: 'child' };
    if (name === 'getExternalWorkflowHandle') return { kind: 'handle', of: 'external' };
    if (name === 'makeContinueAsNewFunc') return { kind: 'temporal', name: 'continueAsNew' };
    return name === 'defineWorkflow' && second ? this.of(second) : UNKNOWN;
  }

  /** What a function gives back, when it has one return: a proxy with its options, for one. */
  private returned({ body }: FunctionNode): Value {
    if (!ts.isBlock(body)) return this.of(body);
    const returns = body.statements.filter(ts.isReturnStatement);
    return returns.length === 1 && returns[0]!.expression ? this.of(returns[0]!.expression) : UNKNOWN;
  }

  private template(expression: ts.TemplateExpression): Value {
    let text = expression.head.text;
    for (const span of expression.templateSpans) {
      const value = this.text(span.expression);
      if (value === undefined || text.length > 1_000) return UNKNOWN;
      text += value + span.literal.text;
    }
    return { kind: 'text', text };
  }

  private first(expressions: readonly (ts.Expression | undefined)[]): Value {
    for (const expression of expressions) {
      const value = expression ? this.of(expression) : UNKNOWN;
      if (value.kind !== 'unknown') return value;
    }
    return UNKNOWN;
  }
}

function temporal(declaration: ts.Declaration): Value {
  const name = ts.getNameOfDeclaration(declaration);
  return name && ts.isIdentifier(name) && isTemporalName(name.text)
    ? { kind: 'temporal', name: name.text }
    : UNKNOWN;
}

/** `Object.freeze({…})` is its argument. */
function objectCall(call: ts.CallExpression, values: Values): Value {
  const { expression } = call;
  const freezes =
    ts.isPropertyAccessExpression(expression) &&
    ts.isIdentifier(expression.expression) &&
    expression.expression.text === 'Object' &&
    ['freeze', 'seal'].includes(expression.name.text);
  return freezes && call.arguments[0] ? values.of(call.arguments[0]) : UNKNOWN;
}

/** A function takes the name of the variable it is first given to. */
function named(value: Value, name: ts.BindingName): Value {
  if (value.kind !== 'function' || value.name !== undefined || !ts.isIdentifier(name)) return value;
  return { ...value, name: name.text };
}

export function isFunction(node: ts.Node): node is FunctionNode {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

/** Parentheses, casts and assertions: what TypeScript strips or what changes nothing. */
export function isWrapper(
  node: ts.Node,
): node is
  | ts.ParenthesizedExpression
  | ts.AsExpression
  | ts.SatisfiesExpression
  | ts.NonNullExpression
  | ts.TypeAssertion {
  return (
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isTypeAssertionExpression(node)
  );
}

function isFallback(kind: ts.SyntaxKind): boolean {
  return kind === ts.SyntaxKind.QuestionQuestionToken || kind === ts.SyntaxKind.BarBarToken;
}

function declarationName(node: ts.FunctionLikeDeclaration): string | undefined {
  return node.name && propertyName(node.name);
}

export function propertyName(name: ts.PropertyName | ts.BindingName): string | undefined {
  return ts.isIdentifier(name) || ts.isStringLiteralLike(name) || ts.isPrivateIdentifier(name)
    ? name.text
    : undefined;
}
