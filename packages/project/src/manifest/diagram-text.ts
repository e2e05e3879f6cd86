/** A diagram as it is compared, checked and shown: without a byte order mark, lines ended by LF. */
export function normalizeDiagram(text: string): string {
  return text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
}
