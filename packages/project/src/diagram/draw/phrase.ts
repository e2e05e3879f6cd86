/** Code in plain, short words, for people who read the diagram and not the code. */
import ts from 'typescript';
import { wordsOf } from '../compare/words.js';
import { isWrapper, type Values } from '../code/values.js';

const LONGEST = 60;
/** Deeper expressions are cut. */
const DEPTH = 12;

const OPERATORS = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, 'is'],
  [ts.SyntaxKind.EqualsEqualsToken, 'is'],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, 'is not'],
  [ts.SyntaxKind.ExclamationEqualsToken, 'is not'],
  [ts.SyntaxKind.GreaterThanToken, 'is more than'],
  [ts.SyntaxKind.GreaterThanEqualsToken, 'is at least'],
  [ts.SyntaxKind.LessThanToken, 'is less than'],
  [ts.SyntaxKind.LessThanEqualsToken, 'is at most'],
  [ts.SyntaxKind.AmpersandAmpersandToken, 'and'],
  [ts.SyntaxKind.BarBarToken, 'or'],
  [ts.SyntaxKind.QuestionQuestionToken, 'or else'],
  [ts.SyntaxKind.InKeyword, 'is in'],
  [ts.SyntaxKind.PlusToken, 'plus'],
  [ts.SyntaxKind.MinusToken, 'minus'],
  [ts.SyntaxKind.AsteriskToken, 'times'],
  [ts.SyntaxKind.SlashToken, 'divided by'],
]);

/** An expression in words, cut to what fits a node. */
export function phrase(node: ts.Expression, values: Values): string {
  return cut(new Phraser(values).words(node, 0));
}

/** `sendReminder` → `send reminder`. */
export function plainWords(name: string): string {
  return wordsOf(name).join(' ') || name;
}

export function cut(text: string, longest = LONGEST): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest - 1).trimEnd()}…` : line;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** First words that ask for "the" before a single thing. Of any other word nobody knows whether it is a verb. */
const VERBS = new Set(
  `accept activate add adjust allocate announce apply approve archive ask assign attach authorize book build calculate
  call cancel capture change charge check claim clean clear close collect compare compile complete compose compute
  confirm connect convert copy count create credit debit decline decrease delete deliver deploy describe destroy detect
  disable discard dispatch download email enable enrich enter evaluate execute expire export extract fetch file fill find
  finish flag forward fulfil fulfill generate get give grant greet handle hold identify import increase inform insert
  inspect install invite issue launch list load lock log look lookup mail make mark match measure merge migrate move notify
  open order pack parse pause pay perform pick place plan poll post prepare print process produce provision publish pull
  purchase push put query queue quote read receive record refresh refund register reject release reload remind remove
  rename renew render reopen repair replace reply report request reserve reset resolve restart restore retrieve retry
  return review revoke run save scan schedule score search select send set settle ship sign split start stop store submit
  subscribe summarize suspend sync take tell terminate test thank total track train transcribe transfer transform
  translate trigger try unlock unpack unsubscribe update upload use validate verify void wait warn watch write`.split(
    /\s+/,
  ),
);
/** Second words that "the" does not go before. */
const NO_ARTICLE = new Set(
  'all each every any the a an for to by with as if up down in on off out new now again at from of it via until when'.split(
    ' ',
  ),
);

/** The name of a step as a sentence's words: `sendReminder` → `Send the reminder`. */
export function sentenceOf(name: string): string {
  const words = wordsOf(name);
  const [first, second] = words;
  if (first === undefined) return name;
  const plain = words.length <= 3 && VERBS.has(first) && !/\d/.test(name);
  if (plain && second !== undefined && !NO_ARTICLE.has(second)) words.splice(1, 0, 'the');
  return capital(words.join(' '));
}

const UNITS: [pattern: RegExp, unit: string][] = [
  [/^(?:ms|msecs?|milliseconds?)$/, 'millisecond'],
  [/^(?:s|secs?|seconds?)$/, 'second'],
  [/^(?:m|mins?|minutes?)$/, 'minute'],
  [/^(?:h|hrs?|hours?)$/, 'hour'],
  [/^(?:d|days?)$/, 'day'],
  [/^(?:w|weeks?)$/, 'week'],
  [/^(?:y|yrs?|years?)$/, 'year'],
];

/** A length of time in words: `3 days`, from a literal or a constant; else what the code calls it. */
export function duration(node: ts.Expression | undefined, values: Values): string {
  if (!node) return 'a while';
  const text = values.text(node);
  if (text !== undefined) return spelled(text);
  const ms = numberOf(node, values, 0);
  if (ms !== undefined) return ofMilliseconds(ms);
  if (ts.isTemplateExpression(node)) {
    const parts = node.templateSpans.map((span) => {
      const number = numberOf(span.expression, values, 0);
      if (number !== undefined) return number + span.literal.text;
      const words = lastWords(span.expression, values);
      // `${waitSeconds} seconds` says its unit twice.
      return words.endsWith(span.literal.text.trim()) ? words : `‘${words}’${span.literal.text}`;
    });
    return cut(node.head.text + parts.join(''));
  }
  return phrase(node, values);
}

function spelled(text: string): string {
  const [, count, unit] = /^\s{0,9}(-?[\d.]{1,20})\s{0,9}([a-z]{0,20})\s{0,9}$/i.exec(text) ?? [];
  if (count === undefined) return cut(text);
  if (!unit) return ofMilliseconds(Number(count));
  const known = UNITS.find(([pattern]) => pattern.test(unit.toLowerCase()))?.[1];
  return known ? counted(Number(count), known) : cut(text);
}

function ofMilliseconds(ms: number): string {
  const sizes: [number, string][] = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ];
  const size = sizes.find(([length]) => ms >= length && ms % length === 0);
  return size ? counted(ms / size[0], size[1]) : counted(ms, 'millisecond');
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** A constant number: a literal, arithmetic of constants, a constant variable. */
function numberOf(node: ts.Expression, values: Values, depth: number): number | undefined {
  if (depth > DEPTH) return undefined;
  if (isWrapper(node)) return numberOf(node.expression, values, depth + 1);
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isIdentifier(node)) {
    const declaration = values.declaration(node);
    const constant =
      declaration &&
      ts.isVariableDeclaration(declaration) &&
      (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;
    return constant && declaration.initializer
      ? numberOf(declaration.initializer, values, depth + 1)
      : undefined;
  }
  if (!ts.isBinaryExpression(node)) return undefined;
  const left = numberOf(node.left, values, depth + 1);
  const right = numberOf(node.right, values, depth + 1);
  if (left === undefined || right === undefined) return undefined;
  if (node.operatorToken.kind === ts.SyntaxKind.AsteriskToken) return left * right;
  return node.operatorToken.kind === ts.SyntaxKind.PlusToken ? left + right : undefined;
}

/** The last part of a chain: `waits.untilReminder` → `until reminder`. */
function lastWords(node: ts.Expression, values: Values): string {
  return ts.isPropertyAccessExpression(node) ? plainWords(node.name.text) : phrase(node, values);
}

const IN_TIME = 'it came in time';

function opposite(words: string): string {
  return words === IN_TIME ? 'it did not come in time' : `not ${words}`;
}

class Phraser {
  constructor(private readonly values: Values) {}

  words(node: ts.Expression, depth: number): string {
    if (depth > DEPTH) return '…';
    const inner = (one: ts.Expression): string => this.words(one, depth + 1);
    if (isWrapper(node) || ts.isAwaitExpression(node) || ts.isTypeOfExpression(node))
      return inner(node.expression);
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) return plainWords(node.text);
    if (ts.isStringLiteralLike(node)) return node.text === '' ? 'empty' : `‘${cut(node.text, 30)}’`;
    if (ts.isNumericLiteral(node)) return node.text;
    if (ts.isPropertyAccessExpression(node)) return this.member(node, inner);
    if (ts.isElementAccessExpression(node))
      return `${inner(node.expression)} ${inner(node.argumentExpression)}`;
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) return this.call(node, inner);
    if (ts.isPrefixUnaryExpression(node))
      return node.operator === ts.SyntaxKind.ExclamationToken
        ? opposite(inner(node.operand))
        : inner(node.operand);
    if (ts.isBinaryExpression(node)) return this.binary(node, inner);
    if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return inner(node.body);
    if (ts.isConditionalExpression(node)) return inner(node.condition);
    return plainWords(cut(node.getText(), 40)) || '…';
  }

  private member(node: ts.PropertyAccessExpression, inner: (node: ts.Expression) => string): string {
    if (node.expression.kind === ts.SyntaxKind.ThisKeyword) return plainWords(node.name.text);
    return `${inner(node.expression)} ${plainWords(node.name.text)}`;
  }

  private call(node: ts.CallExpression | ts.NewExpression, inner: (node: ts.Expression) => string): string {
    const value = this.values.of(node.expression);
    const args = node.arguments ?? [];
    if (value.kind === 'activity' && value.name !== undefined) return plainWords(value.name);
    if (/^Promise\.(?:race|any)$/.test(node.expression.getText())) return 'what came first';
    if (value.kind === 'temporal' && value.name === 'patched')
      return `on the new path ${args[0] ? inner(args[0]) : ''}`;
    if (value.kind === 'temporal' && value.name === 'isCancellation') return 'was it cancelled';
    if (value.kind === 'temporal' && value.name === 'condition') return IN_TIME;
    const shown = args.filter((one) => !ts.isArrowFunction(one) && !ts.isObjectLiteralExpression(one));
    const words = shown.slice(0, 2).map(inner).join(', ');
    return words === '' ? inner(node.expression) : `${inner(node.expression)} ${words}`;
  }

  private binary(node: ts.BinaryExpression, inner: (node: ts.Expression) => string): string {
    const { left, right, operatorToken } = node;
    if (operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword) {
      const kind = inner(right);
      return `${inner(left)} is ${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
    }
    const operator = OPERATORS.get(operatorToken.kind);
    if (operator === undefined) return inner(left);
    const isEqual = operator === 'is';
    if (isEqual || operator === 'is not') {
      if (isNothing(right)) return `${inner(left)} is ${isEqual ? 'missing' : 'there'}`;
      if (right.kind === ts.SyntaxKind.TrueKeyword) return isEqual ? inner(left) : opposite(inner(left));
      if (right.kind === ts.SyntaxKind.FalseKeyword) return isEqual ? opposite(inner(left)) : inner(left);
    }
    const length = lengthOf(left);
    if (length && ts.isNumericLiteral(right) && right.text === '0')
      return `${inner(length)} ${isEqual ? 'is empty' : 'is not empty'}`;
    return `${inner(left)} ${operator} ${inner(right)}`;
  }
}

function isNothing(node: ts.Expression): boolean {
  return node.kind === ts.SyntaxKind.NullKeyword || (ts.isIdentifier(node) && node.text === 'undefined');
}

function lengthOf(node: ts.Expression): ts.Expression | undefined {
  return ts.isPropertyAccessExpression(node) && ['length', 'size'].includes(node.name.text)
    ? node.expression
    : undefined;
}
