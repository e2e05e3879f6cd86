// Which licences what we ship may have: permissive ones, that ask for no more than their text to be kept.
import parse from 'spdx-expression-parse';

const PERMISSIVE = new Set([
  ...['MIT', 'MIT-0', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause'],
  ...['Apache-2.0', 'BlueOak-1.0.0', 'Unlicense', 'CC0-1.0', 'Zlib', 'Python-2.0'],
]);

/**
 * @param {Iterable<import('./lock.mjs').Shipped>} packages
 * @param {import('./accepted.mjs').Accepted['licences']} accepted
 * @returns {string[]} a sentence for each package that may not be shipped, and for each acceptance that nothing needs
 */
export function licenceProblems(packages, accepted) {
  const needed = new Set();
  const problems = [];
  for (const { name, version, licence } of packages) {
    if (licence !== undefined && isPermissive(licence)) continue;
    const exception = accepted.find((each) => each.package === name);
    // A package without a licence of its own to compare has been read by whoever accepted it.
    if (exception !== undefined && (licence === undefined || licence === exception.licence))
      needed.add(exception);
    else
      problems.push(
        `${name}@${version} has ${licence === undefined ? 'no licence' : `the licence ${licence}`}`,
      );
  }
  const idle = accepted.filter((each) => !needed.has(each));
  return [...problems, ...idle.map((each) => `${each.package} is accepted and needs no acceptance any more`)];
}

/** Of `OR` one side is enough, of `AND` both are needed; what is no SPDX expression is not permissive. */
function isPermissive(expression) {
  try {
    return permits(parse(expression));
  } catch {
    return false;
  }
}

function permits(node) {
  if ('license' in node) return PERMISSIVE.has(node.license) && !node.plus;
  const sides = [node.left, node.right];
  return node.conjunction === 'or' ? sides.some(permits) : sides.every(permits);
}
