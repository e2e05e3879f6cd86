// npm run audit: no known grave vulnerability in what production installs. Where nobody can be asked it says so and
// passes; `-- --require` fails then, for a machine that must ask, such as the one that makes a release.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { readAccepted } from './supply-chain/accepted.mjs';
import { askForAdvisories, weigh } from './supply-chain/advisories.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    require: { type: 'boolean', default: false },
    root: { type: 'string', default: path.resolve(here, '..') },
    accepted: { type: 'string', default: path.join(here, 'supply-chain', 'accepted.json') },
  },
});
const accepted = readAccepted(values.accepted);
const answer = await askForAdvisories(values.root);
if (!answer.asked) {
  console.error(`audit: not asked: ${answer.reason}`);
  process.exit(values.require ? 1 : 0);
}
const { problems, notes } = weigh(answer.advisories, accepted.advisories, new Date());
for (const note of notes) console.log(note);
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(
    `audit: ${problems.length} grave. Update or replace the package, or say in scripts/supply-chain/accepted.json why it may stay, and until when.`,
  );
  process.exit(1);
}
console.log('audit: asked, nothing grave');
