// Small pieces of Markdown, safe inside a table cell and in VitePress, which reads a bare `<` as the start of a tag.

/** Prose that did not come as Markdown: what is outside of backticks is escaped. @param {string} value */
export function text(value) {
  return value
    .split(/(```[^]*?```|`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replace(/</g, '&lt;').replace(/\{\{/g, '{&#123;')))
    .join('');
}

/** @param {unknown} value */
export function code(value) {
  const string = String(value);
  return string.includes('`') ? `\`\` ${string} \`\`` : `\`${string}\``;
}

/** A JSON value in code. @param {unknown} value */
export function json(value) {
  return code(JSON.stringify(value));
}

/** @param {string} language @param {string} content */
export function fence(language, content) {
  return `\`\`\`${language}\n${content.trimEnd()}\n\`\`\``;
}

/**
 * A table, not aligned, so that a change of one row changes one line; empty when there is no row.
 * @param {string[]} header
 * @param {string[][]} rows
 */
export function table(header, rows) {
  if (rows.length === 0) return '';
  const line = (cells) =>
    `| ${cells.map((cell) => cell.replace(/\|/g, '\\|').replace(/\n+/g, ' ')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * A page: what is empty is left out, one blank line between the rest.
 * @param {string} source what the page is made from, for whoever comes to edit it
 * @param {(string | undefined)[]} blocks
 */
export function page(source, blocks) {
  const note = `<!-- Made by \`npm run docs:generate\` from ${source}. Do not edit. -->`;
  return `${[note, ...blocks].filter(Boolean).join('\n\n')}\n`;
}
