// npm run secrets: no credential in what a commit would carry.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesToCommit, findSecrets } from './supply-chain/secrets.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const files = filesToCommit(root);
const found = await findSecrets(root, files);
for (const { file, line, kind } of found) console.error(`${file}:${line}  ${kind}`);
if (found.length > 0) {
  console.error(
    `secrets: ${found.length} found. Take each out and revoke it; a made-up one in a test holds 123456789, as .secretlintrc.json allows.`,
  );
  process.exit(1);
}
console.log(`secrets: none in ${files.length} files`);
