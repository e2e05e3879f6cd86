// npm run sbom [file]: the bill of materials of what we ship, dist/sbom.cdx.json unless said otherwise.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedPackages } from './supply-chain/lock.mjs';
import { billOfMaterials } from './supply-chain/sbom.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const file = path.resolve(process.argv[2] ?? path.join(root, 'dist', 'sbom.cdx.json'));
const { version } = JSON.parse(readFileSync(path.join(root, 'packages', 'cli', 'package.json'), 'utf8'));
const shipped = shippedPackages(root);
mkdirSync(path.dirname(file), { recursive: true });
// Whole or not at all: a package may be packed while this is written.
const part = `${file}.${process.pid}.part`;
writeFileSync(part, billOfMaterials(shipped, version, new Date()));
renameSync(part, file);
console.error(`sbom: ${shipped.size} packages in ${path.relative(process.cwd(), file)}`);
