// npm run licences: everything that our packages install may be used as we use it. Reads package-lock.json alone.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readAccepted } from './supply-chain/accepted.mjs';
import { licenceProblems } from './supply-chain/licences.mjs';
import { shippedPackages } from './supply-chain/lock.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const accepted = readAccepted(path.join(root, 'scripts', 'supply-chain', 'accepted.json'));
const shipped = shippedPackages(root);
const problems = licenceProblems(shipped.values(), accepted.licences);
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(
    `licences: ${problems.length} problems. Use another package, or say in scripts/supply-chain/accepted.json why it may stay.`,
  );
  process.exit(1);
}
console.log(`licences: ${shipped.size} packages, ${accepted.licences.length} of them accepted with a reason`);
