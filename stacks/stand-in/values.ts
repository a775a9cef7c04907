import { decode, encode, ExtensionCodec } from '@msgpack/msgpack';
import type { Attribute, Block, NestedBlock, TypeJson } from './schema.ts';

/** A value that Terraform only knows after the apply. */
class Unknown {
  readonly unknown = true;
}
const UNKNOWN = new Unknown();

/** A resource's attributes and blocks; null where there is no resource. */
export type State = Record<string, unknown> | null;

/** Terraform writes unknown values as an extension of MessagePack: type 0, or 12 with refinements. */
const REFINED = 12;
const codec = new ExtensionCodec();
codec.register({
  type: 0,
  encode: (value) => (value instanceof Unknown ? new Uint8Array([0]) : null),
  decode: () => UNKNOWN,
});
codec.register({ type: REFINED, encode: () => null, decode: () => UNKNOWN });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Unknown);

export type DynamicValue = { readonly msgpack?: Uint8Array; readonly json?: Uint8Array };

export function decodeState(value: DynamicValue | null | undefined): State {
  if (value?.msgpack !== undefined && value.msgpack.length > 0) {
    const decoded = decode(value.msgpack, { extensionCodec: codec });
    return isRecord(decoded) ? decoded : null;
  }
  if (value?.json === undefined || value.json.length === 0) return null;
  const parsed: unknown = JSON.parse(new TextDecoder().decode(value.json));
  return isRecord(parsed) ? parsed : null;
}

export const encodeState = (state: State): { msgpack: Buffer } => ({
  msgpack: Buffer.from(encode(state, { extensionCodec: codec })),
});

/** What AWS will compute, as unknown. */
export const planned = (block: Block, state: Record<string, unknown>): Record<string, unknown> =>
  mapBlock(block, state, (attribute, value) =>
    attribute.computed && (value === null || value === undefined) ? UNKNOWN : value,
  );

/** What AWS computes, made up: of the right type, another for each resource, and alike for the same one. */
export function applied(
  block: Block,
  state: Record<string, unknown>,
  invent: (name: string) => string,
): Record<string, unknown> {
  return mapBlock(block, state, (attribute, value) =>
    value instanceof Unknown ? invented(attribute.name, attribute.type, invent) : value,
  );
}

/** Every attribute and block of the schema, null or empty where the state lacks it. */
export function conformed(block: Block, state: Record<string, unknown>): Record<string, unknown> {
  return mapBlock(block, state, (attribute, value) =>
    attribute.type === 'dynamic' ? null : (value ?? null),
  );
}

function mapBlock(
  block: Block,
  state: Record<string, unknown>,
  change: (attribute: Attribute, value: unknown) => unknown,
): Record<string, unknown> {
  const attributes = block.attributes.map((each) => [each.name, change(each, state[each.name] ?? null)]);
  const blocks = block.blocks.map((each) => [each.name, mapNested(each, state[each.name], change)]);
  const mapped: Record<string, unknown> = Object.fromEntries([...attributes, ...blocks]);
  return mapped;
}

function mapNested(
  nested: NestedBlock,
  value: unknown,
  change: (attribute: Attribute, value: unknown) => unknown,
): unknown {
  if (value instanceof Unknown) return value;
  if (Array.isArray(value)) return value.map((each: unknown) => mapOne(nested, each, change));
  if (isRecord(value)) return mapOne(nested, value, change);
  return nested.nesting === 'SINGLE' ? null : [];
}

const mapOne = (
  { block }: NestedBlock,
  value: unknown,
  change: (attribute: Attribute, value: unknown) => unknown,
): unknown => (isRecord(value) ? mapBlock(block, value, change) : value);

function invented(name: string, type: TypeJson, invent: (name: string) => string): unknown {
  if (type === 'string') return invent(name);
  if (type === 'number') return 0;
  if (type === 'bool') return false;
  if (typeof type === 'string') return null;
  if (type[0] === 'map') return {};
  // Zones and the like are picked from by index.
  return type[1] === 'string' ? [invent(`${name}-0`), invent(`${name}-1`), invent(`${name}-2`)] : [];
}
