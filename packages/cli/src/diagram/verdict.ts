import { type DiagramCheck } from '@pegasus-workflows/contracts';
import { type Palette } from '../output/colors.js';

/** One line beside a diagram: whether it can be trusted. */
export function verdictLine(check: DiagramCheck, colors: Palette): string {
  const { verdict, missing, unknown, note } = check;
  if (verdict === 'MATCHES') return colors.good('✓ checked against the code: matches');
  if (verdict === 'UNCHECKED') return colors.quiet(`not checked against the code. ${note ?? ''}`.trimEnd());
  const parts = [
    missing.length > 0 ? `leaves out ${missing.map(({ name }) => name).join(', ')}` : '',
    unknown.length > 0
      ? `names ${unknown.map(({ name }) => name).join(', ')}, which the code does not have`
      : '',
  ];
  return colors.warn(`checked against the code: differs; it ${parts.filter(Boolean).join(' and ')}`);
}
