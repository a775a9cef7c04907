import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { malformedXml } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** An element's content; a list repeats the element that holds it, undefined leaves it out. */
export type XmlContent = string | number | boolean | XmlFields | undefined;
export type XmlFields = { readonly [name: string]: XmlContent | readonly XmlContent[] };

/** Renders an S3 document with its namespace. */
export function xmlDocument(root: string, content: XmlContent): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${render(content)}</${root}>`;
}

/** Renders an S3 error, which has no namespace. */
export function xmlError(fields: XmlFields): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${render(fields)}</Error>`;
}

function render(content: XmlContent): string {
  if (content === undefined) return '';
  if (typeof content !== 'object') return escapeText(String(content));
  return Object.entries(content).map(renderField).join('');
}

function renderField([name, value]: [string, XmlContent | readonly XmlContent[]]): string {
  const items = isList(value) ? value : [value];
  return items
    .filter((item) => item !== undefined)
    .map((item) => `<${name}>${render(item)}</${name}>`)
    .join('');
}

function isList(value: XmlContent | readonly XmlContent[]): value is readonly XmlContent[] {
  return Array.isArray(value);
}

/** A carriage return would be normalised to a line feed by the reader, so control characters are references. */
function escapeText(text: string): string {
  return text.replaceAll(
    /[<>&"'\u0000-\u0008\u000b-\u001f]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}

/** A parsed element: its text, or its children (a name that occurs twice holds a list). */
export type XmlNode = string | { readonly [name: string]: XmlNode | XmlNode[] };

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  // oxlint-disable-next-line typescript/no-deprecated -- without it numeric references stay as they are
  htmlEntities: true,
  processEntities: { enabled: true, maxTotalExpansions: 10_000_000, maxExpandedLength: 100_000_000 },
});

/**
 * Parses a request body and returns the content of its root element.
 * @throws MalformedXML for text that is not XML, has another root, declares entities, or refers to a
 * character that XML 1.0 does not allow (the parser would drop it, and so change a key's name).
 */
export function parseXml(body: Uint8Array, root: string): XmlNode {
  const text = decodeUtf8(body);
  if (text.includes('<!DOCTYPE')) throw malformedXml('a document type is not allowed');
  if (hasForbiddenReference(text)) throw malformedXml('a character reference is not allowed in XML 1.0');
  // oxlint-disable-next-line typescript/no-deprecated -- its successor is another package for the same code
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw malformedXml(verdict.err.msg);
  const parsed: Record<string, XmlNode> = parser.parse(text);
  const content = parsed[root];
  if (content === undefined) throw malformedXml(`expected the root element ${root}`);
  return content;
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw malformedXml('the body is not UTF-8');
  }
}

function hasForbiddenReference(text: string): boolean {
  for (const [, hex, decimal] of text.matchAll(/&#(?:x([0-9a-f]+)|([0-9]+));/gi)) {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    const allowed = code === 9 || code === 10 || code === 13 || (code >= 32 && code <= 0x10ffff);
    if (!allowed) return true;
  }
  return false;
}

/** The children of that name, none or many. */
export function children(node: XmlNode, name: string): XmlNode[] {
  if (typeof node === 'string') return [];
  const found = node[name];
  if (found === undefined) return [];
  return Array.isArray(found) ? found : [found];
}

/** The text of the one child of that name, or undefined. */
export function childText(node: XmlNode, name: string): string | undefined {
  const [first, ...others] = children(node, name);
  if (first === undefined) return undefined;
  if (others.length > 0 || typeof first !== 'string') throw malformedXml(`one ${name} with text is expected`);
  return first;
}

/** The names of a node's child elements. */
export function childNames(node: XmlNode): string[] {
  return typeof node === 'string' ? [] : Object.keys(node).filter((name) => name !== '#text');
}
