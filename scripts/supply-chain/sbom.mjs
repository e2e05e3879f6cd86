// The bill of materials of what we ship, as CycloneDX. Made from package-lock.json: `npm sbom` leaves out what a
// package of a workspace shares with the root's development dependencies, zod among them.
import { Utils } from '@cyclonedx/cyclonedx-library/Contrib/Bom';
import { Factories } from '@cyclonedx/cyclonedx-library/Contrib/License';
import { ComponentType, HashAlgorithm, LicenseAcknowledgement } from '@cyclonedx/cyclonedx-library/Enums';
import {
  Bom,
  Component,
  ComponentRepository,
  HashDictionary,
  LicenseRepository,
  Metadata,
  Tools,
} from '@cyclonedx/cyclonedx-library/Models';
import { JSON as Serialize, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize';
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec';
import { PackageURL } from 'packageurl-js';
import parse from 'spdx-expression-parse';

const ALGORITHMS = { sha512: HashAlgorithm['SHA-512'], sha1: HashAlgorithm['SHA-1'] };
const licences = new Factories.LicenseFactory(parse);

/**
 * @param {Map<string, import('./lock.mjs').Shipped>} shipped
 * @param {string} version of the platform
 * @param {Date} made
 * @returns {string} CycloneDX 1.6 as JSON; references are package URLs
 */
export function billOfMaterials(shipped, version, made) {
  const platform = new Component(ComponentType.Application, 'pegasus', {
    version,
    bomRef: `pegasus@${version}`,
  });
  const components = new Map([...shipped].map(([id, each]) => [id, componentOf(each)]));
  for (const [id, { dependencies, own }] of shipped) {
    const component = components.get(id);
    for (const each of dependencies) component.dependencies.add(components.get(each).bomRef);
    if (own) platform.dependencies.add(component.bomRef);
  }
  const tool = new Component(ComponentType.Application, 'sbom.mjs', { group: 'pegasus', version });
  const bom = new Bom({
    serialNumber: Utils.randomSerialNumber(),
    metadata: new Metadata({
      timestamp: made,
      component: platform,
      tools: new Tools({ components: new ComponentRepository([tool]) }),
    }),
    components: new ComponentRepository(components.values()),
  });
  return new JsonSerializer(new Serialize.Normalize.Factory(Spec1dot6)).serialize(bom, {
    sortLists: true,
    space: 1,
  });
}

/** @param {import('./lock.mjs').Shipped} shipped */
function componentOf({ name: fullName, version, licence, integrity }) {
  const [, group, name] = /^(?:(@[^/]+)\/)?(.+)$/.exec(fullName);
  const purl = new PackageURL('npm', group, name, version, undefined, undefined).toString();
  return new Component(ComponentType.Library, name, {
    group,
    version,
    purl,
    bomRef: purl,
    licenses: new LicenseRepository(licence === undefined ? [] : [declared(licence)]),
    hashes: new HashDictionary(hashesOf(integrity)),
  });
}

function declared(licence) {
  const made = licences.makeFromString(licence);
  made.acknowledgement = LicenseAcknowledgement.Declared;
  return made;
}

/** Of `sha512-<base64> …`, as npm writes it, to hexadecimal, as CycloneDX does. */
function hashesOf(integrity = '') {
  return integrity
    .split(' ')
    .map((each) => /^(?<algorithm>[a-z0-9]+)-(?<digest>.+)$/.exec(each)?.groups)
    .filter((each) => each !== undefined && each.algorithm in ALGORITHMS)
    .map(({ algorithm, digest }) => [ALGORITHMS[algorithm], Buffer.from(digest, 'base64').toString('hex')]);
}
