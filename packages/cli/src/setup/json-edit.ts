import { applyEdits, createScanner, type Edit, type Node } from 'jsonc-parser';

/**
 * Adds a property behind the last one of an object and touches nothing else. The library's own `modify` would format
 * what stands around it anew, and take the comment of the property before.
 *
 * @param object a node of the tree of `text`
 */
export function addProperty(text: string, object: Node, key: string, value: unknown): string {
  const style = styleOf(text);
  const close = object.offset + object.length - 1;
  const contentEnd = text.slice(0, close).trimEnd().length;
  const last = object.children?.at(-1);
  const depth = depthOf(object) + 1;
  const isOneLine = last !== undefined && !text.slice(object.offset, close).includes('\n');
  if (isOneLine) {
    const content = `, ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    return applyEdits(text, [{ offset: end(last), length: 0, content }]);
  }
  const isOpenEnded = last !== undefined && hasComma(text, end(last), close);
  const line = `${style.eol}${style.indent.repeat(depth)}${JSON.stringify(key)}: ${written(value, depth, style)}`;
  const closing = `${style.eol}${style.indent.repeat(depth - 1)}`;
  const edits: Edit[] = [
    { offset: contentEnd, length: close - contentEnd, content: `${line}${isOpenEnded ? ',' : ''}${closing}` },
  ];
  if (last && !isOpenEnded) edits.unshift({ offset: end(last), length: 0, content: ',' });
  return applyEdits(text, edits);
}

/** Puts another value in the place of a node's. */
export function replaceValue(text: string, node: Node, value: unknown): string {
  const { offset, length } = node;
  // A property node is between the object and its value.
  const content = written(value, depthOf(node), styleOf(text));
  return applyEdits(text, [{ offset, length, content }]);
}

interface Style {
  indent: string;
  eol: string;
}

/** The indentation and line ending the file has. */
function styleOf(text: string): Style {
  return { indent: /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

function written(value: unknown, depth: number, { indent, eol }: Style): string {
  return JSON.stringify(value, null, indent).replaceAll('\n', `${eol}${indent.repeat(depth)}`);
}

/** How many objects and lists a node is in. */
function depthOf(node: Node): number {
  let depth = 0;
  for (let at = node.parent; at; at = at.parent) if (at.type !== 'property') depth += 1;
  return depth;
}

function end({ offset, length }: Node): number {
  return offset + length;
}

/** Whether a comma stands between two places, comments aside. */
function hasComma(text: string, from: number, to: number): boolean {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  scanner.scan();
  return scanner.getTokenOffset() < to && text[scanner.getTokenOffset()] === ',';
}
