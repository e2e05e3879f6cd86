// Pages made from the tables of packages/contracts: errors and exit codes, actions and roles, limits.
import { EXIT_CODES } from '../../packages/cli/dist/exit-codes.js';
import * as contracts from '../../packages/contracts/dist/index.js';
import { propertyComments } from './declarations.mjs';
import { code, page, table, text } from './markdown.mjs';

/** @returns {string} docs/reference/errors.md */
export function errorsPage() {
  const rows = Object.entries(contracts.ERROR_TABLE);
  const unknown = rows.filter(
    ([, { exitCode }]) => !EXIT_CODES.some(({ code: known }) => known === exitCode),
  );
  if (unknown.length > 0) throw new Error(`no meaning is given for the exit codes of ${unknown.join(', ')}`);
  return page('packages/contracts/src/errors.ts and packages/cli/src/exit-codes.ts', [
    '# Errors and exit codes',
    'Every failure has a code of this table and a sentence that says what went wrong and, in a terminal, what to do next. A code means the same in an API answer, in `--json` output and in an error of the SDK.',
    '## Exit codes of commands',
    table(
      ['exit code', 'means', 'failures'],
      EXIT_CODES.map(({ code: exitCode, means }) => [
        String(exitCode),
        text(means),
        rows
          .filter(([, row]) => row.exitCode === exitCode)
          .map(([name]) => code(name))
          .join(', '),
      ]),
    ),
    '## Codes',
    '“Retry” says whether the very same call may succeed later without anything being changed.',
    table(
      ['code', 'HTTP status', 'exit code', 'retry'],
      rows.map(([name, { status, exitCode, retryable }]) => [
        code(name),
        String(status),
        String(exitCode),
        retryable ? 'yes' : 'no',
      ]),
    ),
    '## The body of a failure',
    '`error` and `code` are always there. `correlationId` comes with every 5xx: it finds the line in the server’s log. `problems` is a list of sentences and comes with `ARTIFACT_INVALID`; `data` comes with `TEMPORAL_START_FAILED` and is the FAILED execution. With `--json` a command prints the same, and `hint`, the next thing to do, where there is one.',
  ]);
}

/** @returns {string} docs/reference/actions.md */
export function actionsPage() {
  const { ACTIONS, ROLE_ACTIONS, RUNTIME_ACTIONS } = contracts;
  const roles = Object.keys(ROLE_ACTIONS);
  const mark = (holds) => (holds ? 'yes' : '');
  return page('packages/contracts/src/actions.ts', [
    '# Actions and roles',
    'A call of the API needs one action. A key holds the actions of its roles; a running workflow holds exactly those of its manifest’s `required_actions`, out of the last column.',
    table(
      ['action', ...roles.map(code), 'a running workflow'],
      ACTIONS.map((action) => [
        code(action),
        ...roles.map((role) => mark(ROLE_ACTIONS[role].includes(action))),
        mark(RUNTIME_ACTIONS.includes(action)),
      ]),
    ),
  ]);
}

/** @returns {string} docs/reference/limits.md */
export function limitsPage() {
  const comments = propertyComments('packages/contracts/dist/limits.d.ts', 'LIMITS');
  return page('packages/contracts/src/limits.ts', [
    '# Limits',
    'Every number that a client, an author or an operator can run into.',
    table(
      ['limit', 'value', ''],
      Object.entries(contracts.LIMITS).map(([name, value]) => [
        code(name),
        amount(name, value),
        text(comments.get(name) ?? ''),
      ]),
    ),
  ]);
}

const UNITS = [
  [1024 * 1024, 'MiB'],
  [1024, 'KiB'],
];

function amount(name, value) {
  const [size, unit] = (/Bytes$/.test(name) && UNITS.find(([bytes]) => value % bytes === 0)) || [1, ''];
  if (unit) return `${value / size} ${unit}`;
  if (/Seconds$/.test(name) && value >= 3600) return `${grouped(value)} s (${grouped(value / 3600)} hours)`;
  return /Seconds$/.test(name) ? `${value} s` : grouped(value);
}

function grouped(value) {
  return value.toLocaleString('en-GB').replaceAll(',', ' ');
}
