// What package-lock.json installs where our packages are installed: the shipped packages and all that they pull in.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const dependenciesSchema = z.record(z.string(), z.string()).optional();
const lockSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(
    z.string(),
    z.object({
      name: z.string().optional(),
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      link: z.boolean().optional(),
      dependencies: dependenciesSchema,
      optionalDependencies: dependenciesSchema,
      peerDependencies: dependenciesSchema,
      peerDependenciesMeta: z.record(z.string(), z.object({ optional: z.boolean().optional() })).optional(),
    }),
  ),
});

/**
 * @typedef {object} Shipped one name and version, however many folders it is installed in
 * @property {string} name
 * @property {string} version
 * @property {string | undefined} licence SPDX expression, as the package declares it
 * @property {string | undefined} integrity of its tarball, such as `sha512-…`; our own packages have none
 * @property {boolean} own one of this repository
 * @property {string[]} dependencies `name@version` of each direct one
 */

/**
 * Follows dependencies, optional ones and required peers from `packages/*`; development dependencies are left out.
 * @param {string} root of the repository
 * @returns {Map<string, Shipped>} by `name@version`
 */
export function shippedPackages(root) {
  const text = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  const { packages } = lockSchema.parse(JSON.parse(text));
  /** @type {Map<string, Shipped>} */
  const shipped = new Map();
  const visited = new Set();
  const queue = Object.keys(packages).filter((place) => /^packages\/[^/]+$/.test(place));
  for (const place of queue) {
    if (visited.has(place)) continue;
    visited.add(place);
    const entry = packages[place];
    const next = dependenciesOf(packages, place);
    queue.push(...next);
    const name = nameAt(packages, place);
    const id = `${name}@${entry.version}`;
    const dependencies = next.map((other) => `${nameAt(packages, other)}@${packages[other].version}`);
    shipped.set(id, {
      name,
      version: entry.version ?? '',
      licence: entry.license ?? declaredLicence(root, place),
      integrity: entry.integrity,
      own: place.startsWith('packages/') && !place.includes('node_modules/'),
      dependencies: [...new Set([...(shipped.get(id)?.dependencies ?? []), ...dependencies])].sort(),
    });
  }
  return shipped;
}

/** The folders that a package's dependencies are resolved to; an optional one that has none is left out. */
function dependenciesOf(packages, place) {
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = packages[place];
  const needed = Object.keys({ ...dependencies, ...peerDependencies }).filter(
    (name) => !(name in optionalDependencies) && !peerDependenciesMeta[name]?.optional,
  );
  const places = needed.map((name) => {
    const found = resolve(packages, place, name);
    if (found === undefined)
      throw new Error(
        `package-lock.json has no ${name} for ${place}; run npm install and commit the lock file.`,
      );
    return found;
  });
  const optional = Object.keys(optionalDependencies).map((name) => resolve(packages, place, name));
  return [...places, ...optional.filter((found) => found !== undefined)];
}

/** Node's way: the nearest node_modules upwards; a link is followed to the package of this repository. */
function resolve(packages, place, name) {
  for (let folder = place; ; folder = folder.replace(/(^|\/)[^/]*$/, '')) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    const entry = packages[candidate];
    if (entry !== undefined) return entry.link ? entry.resolved : candidate;
    if (folder === '') return undefined;
  }
}

function nameAt(packages, place) {
  return packages[place].name ?? place.replace(/^.*node_modules\//, '');
}

/** Lock files leave a licence out that package.json has in an old form. */
function declaredLicence(root, place) {
  const file = path.join(root, place, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8'));
  const declared = [license ?? licenses ?? []]
    .flat()
    .map((each) => (typeof each === 'string' ? each : each.type));
  return declared.length === 0 ? undefined : declared.join(' OR ');
}
