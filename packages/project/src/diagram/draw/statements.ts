import ts from 'typescript';
import { childLabel } from './labels.js';
import { type Expressions } from './expressions.js';
import { type Arm, type Flow, hasSteps, type LoopTest, type Step } from './flow.js';
import { capital, cut, phrase } from './phrase.js';

/** Turns the statements of a function into a flow. What is neither a step nor a way out leaves nothing. */
export class Statements {
  constructor(private readonly expressions: Expressions) {}

  /** The body of a function, its `return`s included. */
  body(body: ts.ConciseBody): Flow {
    return ts.isBlock(body) ? this.all(body.statements) : this.expressions.of(body);
  }

  private all(statements: readonly ts.Statement[]): Flow {
    return statements.flatMap((statement) => this.one(statement));
  }

  private one(node: ts.Statement): Flow {
    const { expressions } = this;
    if (ts.isExpressionStatement(node)) return expressions.of(node.expression);
    if (ts.isVariableStatement(node)) return expressions.declarations(node.declarationList);
    if (ts.isBlock(node)) return this.all(node.statements);
    if (ts.isLabeledStatement(node)) return this.one(node.statement);
    if (ts.isIfStatement(node)) return this.branch(node);
    if (ts.isSwitchStatement(node)) return this.choice(node);
    if (ts.isTryStatement(node)) return this.attempt(node);
    if (ts.isReturnStatement(node)) return [...this.value(node), exit(node, 'return', returned(node))];
    if (ts.isThrowStatement(node))
      return [...expressions.of(node.expression), exit(node, 'throw', this.thrown(node.expression))];
    if (ts.isBreakStatement(node)) return [exit(node, 'break')];
    if (ts.isContinueStatement(node)) return [exit(node, 'continue')];
    return this.loop(node);
  }

  private value(node: ts.ReturnStatement): Flow {
    return node.expression ? this.expressions.of(node.expression) : [];
  }

  private thrown(node: ts.Expression): string {
    const text = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.arguments?.[0];
    const message = text && this.expressions.values.text(messageOf(text));
    return message ? `Fails: ${cut(message)}` : 'Fails';
  }

  private branch(node: ts.IfStatement): Flow {
    const arms = [
      { label: 'yes', flow: this.one(node.thenStatement) },
      { label: 'no', flow: node.elseStatement ? this.one(node.elseStatement) : [] },
    ];
    return this.expressions.decide(node.expression, arms, node);
  }

  private choice(node: ts.SwitchStatement): Flow {
    const { expressions } = this;
    const clauses = node.caseBlock.clauses;
    const arms: Arm[] = [];
    let labels: string[] = [];
    clauses.forEach((clause, index) => {
      labels.push(ts.isCaseClause(clause) ? phrase(clause.expression, expressions.values) : 'otherwise');
      if (clause.statements.length === 0 && index < clauses.length - 1) return;
      // A case without `break` goes on in the next one.
      const flow: Flow = [];
      for (const later of clauses.slice(index)) {
        flow.push(...this.all(later.statements));
        if (flow.some(({ kind }) => kind === 'exit')) break;
      }
      arms.push({ label: labels.join(' or '), flow });
      labels = [];
    });
    if (!clauses.some(ts.isDefaultClause)) arms.push({ label: 'otherwise', flow: [] });
    const constant = node.expression.kind === ts.SyntaxKind.TrueKeyword;
    const question = constant ? 'Which?' : `${capital(phrase(node.expression, expressions.values))}?`;
    // `break` in a case leaves the switch: a loop that runs once has the same way out.
    const step: Step = { kind: 'branch', question, arms, at: node };
    return [...expressions.of(node.expression), { kind: 'call', body: [step], at: node, leaves: 'break' }];
  }

  private attempt(node: ts.TryStatement): Flow {
    const body = this.all(node.tryBlock.statements);
    const caught = node.catchClause && this.all(node.catchClause.block.statements);
    const always = node.finallyBlock ? this.all(node.finallyBlock.statements) : [];
    if (!hasSteps(body)) return [...body, ...always];
    return [{ kind: 'try', body, caught, always, at: node }];
  }

  private loop(node: ts.Statement): Flow {
    const { expressions } = this;
    const { values } = expressions;
    if (ts.isForOfStatement(node) || ts.isForInStatement(node)) {
      const question = `For each ${childLabel(node.initializer)} of ${phrase(node.expression, values)}`;
      const body = this.one(node.statement);
      return [
        ...expressions.of(node.expression),
        {
          kind: 'loop',
          question: cut(question),
          test: 'before',
          labels: ['next', 'done'],
          check: [],
          body,
          at: node,
        },
      ];
    }
    if (ts.isWhileStatement(node)) return this.conditional(node, node.expression, 'before', []);
    if (ts.isDoStatement(node)) return this.conditional(node, node.expression, 'after', []);
    if (!ts.isForStatement(node)) return [];
    const { initializer, condition, incrementor } = node;
    const first =
      initializer === undefined
        ? []
        : ts.isVariableDeclarationList(initializer)
          ? expressions.declarations(initializer)
          : expressions.of(initializer);
    const last = incrementor ? expressions.of(incrementor) : [];
    return [...first, ...this.conditional(node, condition, 'before', last)];
  }

  private conditional(
    node: ts.IterationStatement,
    condition: ts.Expression | undefined,
    when: LoopTest,
    last: Flow,
  ): Flow {
    const { expressions } = this;
    const endless = condition === undefined || condition.kind === ts.SyntaxKind.TrueKeyword;
    const check = condition && !endless ? expressions.of(condition) : [];
    const question = endless ? 'Again' : `${capital(phrase(condition, expressions.values))}?`;
    const body = [...this.one(node.statement), ...last];
    const test = endless ? 'never' : when;
    return [{ kind: 'loop', question, test, labels: ['yes', 'no'], check, body, at: node }];
  }
}

function exit(at: ts.Node, how: 'return' | 'throw' | 'break' | 'continue', label = ''): Step {
  return { kind: 'exit', how, label, at };
}

/** A run that ends in a text says so. */
function returned({ expression }: ts.ReturnStatement): string {
  return expression && ts.isStringLiteralLike(expression) && expression.text !== ''
    ? `Done: ${cut(expression.text)}`
    : 'Done';
}

function messageOf(node: ts.Expression): ts.Expression {
  if (!ts.isObjectLiteralExpression(node)) return node;
  const message = node.properties.find(
    (one) => ts.isPropertyAssignment(one) && one.name.getText() === 'message',
  );
  return message && ts.isPropertyAssignment(message) ? message.initializer : node;
}
