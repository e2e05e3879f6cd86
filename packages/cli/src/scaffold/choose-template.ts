import { PegasusError } from '@pegasus-workflows/contracts';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { TEMPLATE_NAMES, type TemplateName } from './templates.js';

/**
 * The template of that name.
 *
 * @throws PegasusError VALIDATION_ERROR, with the nearest name or all of them
 */
export function chooseTemplate(name: string): TemplateName {
  const found = TEMPLATE_NAMES.find((known) => known === name);
  if (found) return found;
  const meant = nearest(name, TEMPLATE_NAMES);
  throw new PegasusError('VALIDATION_ERROR', `There is no template "${name}".`, {
    hint: meant ? `Did you mean ${meant}?` : `The templates are: ${TEMPLATE_NAMES.join(', ')}.`,
  });
}
