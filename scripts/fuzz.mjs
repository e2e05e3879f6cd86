// npm run fuzz [-- --examples 40] [--seed n] [--only <regular expression of paths>]: Schemathesis calls every operation
// of the served OpenAPI document, as documented and against it, on a platform of its own. No answer may be a server
// error that is not documented, have a status or a type that is not, or a body that its schema does not allow.
// Needs Python 3 and, the first time, the Python package index. Build first (`npm run build`).
import { spawnSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startSubject } from './fuzz/subject.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const requirements = path.join(root, 'scripts', 'fuzz', 'requirements.txt');
const hooks = path.join(root, 'scripts', 'fuzz', 'hooks.py');
const venv = path.join(root, '.cache', 'fuzz-venv');
const schemathesis = path.join(venv, 'bin', 'schemathesis');

const statuses = path.join(root, '.cache', 'fuzz-statuses.json');

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'allow_header_conformance',
  'unsupported_method',
];

/** With which key, and what of the API. The first has most to find, so it gets most examples. */
const PASSES = [
  { key: 'admin', share: 1, exclude: '^/(api/v1/tenants|internal/)' },
  { key: 'platform', share: 0.5, include: '^/api/v1/(tenants|members|keys|audit|master-keys)' },
  { key: 'narrow', share: 0.2, exclude: '^/internal/' },
];

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: 'string' },
  },
});

/** A virtual environment with exactly what requirements.txt says; made once, and again when that changes. */
function ensureSchemathesis() {
  const wanted = readFileSync(requirements, 'utf8');
  const mark = path.join(venv, 'requirements.txt');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  mkdirSync(path.dirname(venv), { recursive: true });
  must('python3', ['-m', 'venv', '--clear', venv]);
  must(path.join(venv, 'bin', 'pip'), [
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    requirements,
  ]);
  writeFileSync(mark, wanted);
}

function must(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error?.code === 'ENOENT') throw new Error(`${command} is needed and was not found`);
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with ${status}`);
}

/** @returns the exit code: 0 when nothing was found */
function fuzz(subject, { key, share, include, exclude }) {
  const filters = [
    ...(include ? ['--include-path-regex', include] : []),
    ...(exclude ? ['--exclude-path-regex', exclude] : []),
    ...(values.only ? ['--include-path-regex', values.only] : []),
  ];
  const examples = Math.max(1, Math.round(Number(values.examples) * share));
  console.log(`\n== ${key} key, up to ${examples} examples an operation, seed ${values.seed}`);
  const child = spawn(
    schemathesis,
    [
      'run',
      `${subject.url}/openapi.json`,
      ...filters,
      ...['--checks', CHECKS.join(',')],
      ...['--max-examples', String(examples), '--seed', values.seed],
      ...[
        '--workers',
        '1',
        '--request-timeout',
        '60',
        '--continue-on-failure',
        '--generation-database',
        'none',
      ],
      ...['--suppress-health-check', 'all', '--warnings', 'off', '--no-color'],
    ],
    {
      // Where Schemathesis looks for a configuration: none of this repository's.
      cwd: venv,
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: hooks,
        PEGASUS_FUZZ: JSON.stringify({
          seed: Number(values.seed),
          token: subject.keys[key],
          known: subject.known,
          protected: subject.protected,
          statuses,
        }),
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (key !== 'narrow') tellDepth();
      resolve(code ?? 1);
    });
  });
}

/** Which operations never did what they are for: little is known of those. */
function tellDepth() {
  if (!existsSync(statuses)) return;
  const answered = Object.entries(JSON.parse(readFileSync(statuses, 'utf8')));
  const succeeded = ([, counts]) => Object.keys(counts).some((status) => status.startsWith('2'));
  const shallow = answered.filter((one) => !succeeded(one));
  console.log(
    `${answered.length - shallow.length} of ${answered.length} operations succeeded at least once; never:`,
  );
  for (const [operation, counts] of shallow) {
    const seen = Object.entries(counts).map(([status, times]) => `${status} × ${times}`);
    console.log(`   ${operation}  (${seen.join(', ')})`);
  }
}

ensureSchemathesis();
const subject = await startSubject(root);
try {
  let failed = 0;
  for (const pass of PASSES) if ((await fuzz(subject, pass)) !== 0) failed += 1;
  console.log(failed === 0 ? '\nfuzz: nothing found' : '\nfuzz: something was found, see above');
  console.log(`again: npm run fuzz -- --examples ${values.examples} --seed ${values.seed}`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await subject.close();
}
