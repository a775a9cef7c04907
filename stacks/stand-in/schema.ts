import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A type as Terraform writes it in JSON: `"string"`, `["list","string"]`, `"dynamic"` ... */
export type TypeJson = string | readonly [string, TypeJson];

export type Attribute = {
  readonly name: string;
  readonly type: TypeJson;
  readonly required: boolean;
  readonly optional: boolean;
  readonly computed: boolean;
};

export type NestedBlock = {
  readonly name: string;
  readonly nesting: 'SINGLE' | 'LIST' | 'SET';
  readonly required: boolean;
  readonly block: Block;
};

export type Block = { readonly attributes: readonly Attribute[]; readonly blocks: readonly NestedBlock[] };

const PRIMITIVES: Readonly<Record<string, string>> = { string: 'string', number: 'number', boolean: 'bool' };

const NESTINGS: Readonly<Record<string, NestedBlock['nesting']>> = { set: 'SET', struct: 'SINGLE' };

/** What the deployed provider (6.29) has beyond the bindings, which are made from 6.25. */
const YOUNGER: Readonly<Record<string, readonly Attribute[]>> = {
  'lambda-permission': [
    { name: 'invoked_via_function_url', type: 'bool', required: false, optional: true, computed: false },
  ],
};

/**
 * Reads schemas back out of the generated bindings: their code lists each attribute with its type, and their
 * declarations say which are required. Enumerations and conflicts are not in there.
 */
export type SchemaReader = {
  resource(type: string): Block;
  dataSource(type: string): Block;
  provider(): Block;
};

export function createSchemaReader(bindings: string): SchemaReader {
  const folderOf = (type: string): string => type.replace(/^aws_/, '').replaceAll('_', '-');
  return {
    resource: (type) => readSchema(bindings, folderOf(type), 'TerraformResource'),
    dataSource: (type) => readSchema(bindings, `data-aws-${folderOf(type)}`, 'TerraformDataSource'),
    provider: () => readSchema(bindings, 'provider', 'TerraformProvider'),
  };
}

type Flags = { readonly computed: boolean; readonly after: string };

/** What one binding declares. */
type Binding = {
  readonly classes: ReadonlyMap<string, { readonly base: string; readonly body: string }>;
  /** The attributes that each struct is written out with. */
  readonly structs: ReadonlyMap<string, string>;
  /** By interface, each property and whether it must be given. */
  readonly interfaces: ReadonlyMap<string, ReadonlyMap<string, boolean>>;
};

function readSchema(bindings: string, folder: string, base: string): Block {
  const binding = readBinding(join(bindings, folder));
  const root = [...binding.classes].find(([, each]) => each.base.endsWith(base));
  if (root === undefined) throw new Error(`the binding ${folder} has no ${base}`);
  const [name, { body }] = root;
  const attrs =
    /synthesizeHclAttributes\(\) \{\n\s+const attrs = \{([\s\S]*?)\n {8}\};/.exec(body)?.[1] ?? '';
  const block = readBlock(binding, attrs, flagsOf(body), `${name}Config`);
  return { ...block, attributes: [...block.attributes, ...(YOUNGER[folder] ?? [])] };
}

function readBinding(folder: string): Binding {
  const read = (extension: string): string => {
    const structs = join(folder, 'index-structs');
    const more = existsSync(structs) ? readdirSync(structs).filter((file) => file.endsWith(extension)) : [];
    return [join(folder, `index${extension}`), ...more.map((file) => join(structs, file))]
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
  };
  const code = read('.js');
  const declarations = read('.d.ts');
  const all = (text: string, pattern: RegExp): RegExpExecArray[] => [...text.matchAll(pattern)];
  return {
    classes: new Map(
      all(code, /class (\w+) extends ([\w.]+) \{([\s\S]*?)\n\}\nexports\./g).map(
        ([, name = '', base = '', body = '']) => [name, { base, body }],
      ),
    ),
    structs: new Map(
      all(code, /function (\w+)ToHclTerraform\(struct\) \{[\s\S]*?const attrs = \{([\s\S]*?)\n {4}\};/g).map(
        ([, name = '', attrs = '']) => [name.toLowerCase(), attrs],
      ),
    ),
    interfaces: new Map(
      all(declarations, /export interface (\w+)[^{]*\{([\s\S]*?)\n\}/g).map(([, name = '', body = '']) => [
        name.toLowerCase(),
        new Map(all(body, /readonly (\w+)(\??):/g).map(([, property = '', mark]) => [property, mark === ''])),
      ]),
    ),
  };
}

/** The comment above each accessor says whether AWS computes the attribute; its code says the type. */
function flagsOf(body: string): Map<string, Flags> {
  const comments = body.matchAll(
    /\/\/ ([a-z0-9_]+) - computed: (true|false), optional: (?:true|false), required: (?:true|false)\n(?=([\s\S]{0,160}))/g,
  );
  return new Map(
    [...comments].map(([, name = '', computed, after = '']) => [
      name,
      { computed: computed === 'true', after },
    ]),
  );
}

const ENTRY =
  /^\s+([a-z0-9_]+): \{\n\s+value: ([\s\S]*?),\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "([^"]+)",\n\s+\},/gm;

function readBlock(
  binding: Binding,
  attrs: string,
  flags: ReadonlyMap<string, Flags>,
  interfaceName: string,
): Block {
  const isRoot = interfaceName.endsWith('Config');
  const required = binding.interfaces.get(interfaceName.toLowerCase());
  const attributes: Attribute[] = [];
  const blocks: NestedBlock[] = [];
  const seen = new Set<string>();
  for (const [, name = '', value = '', isBlock, type = '', storage = ''] of attrs.matchAll(ENTRY)) {
    seen.add(name);
    const property = /(?:this\._|struct\.)(\w+)/.exec(value)?.[1] ?? '';
    const isRequired = required?.get(property) === true;
    const struct = /(?<!cdktf\.)\b(\w+)ToHclTerraform\b/.exec(value)?.[1];
    const inner = struct === undefined ? undefined : binding.structs.get(struct.toLowerCase());
    if (isBlock === 'true' && struct !== undefined && inner !== undefined) {
      const className = struct.charAt(0).toUpperCase() + struct.slice(1);
      const body = binding.classes.get(`${className}OutputReference`)?.body ?? '';
      blocks.push({
        name,
        nesting: NESTINGS[type] ?? 'LIST',
        required: isRequired,
        block: readBlock(binding, inner, flagsOf(body), className),
      });
      continue;
    }
    attributes.push({
      name,
      type: writtenType(type, storage),
      required: isRequired,
      optional: !isRequired,
      // AWS gives every resource its id, also where a binding forgets to say so.
      computed: flags.get(name)?.computed ?? (name === 'id' && isRoot),
    });
  }
  for (const [name, { computed, after }] of flags) {
    if (seen.has(name)) continue;
    attributes.push({ name, type: accessorType(after), required: false, optional: false, computed });
  }
  return { attributes: attributes.filter((each) => each.computed || each.optional || each.required), blocks };
}

function writtenType(type: string, storage: string): TypeJson {
  if (type === 'simple') return PRIMITIVES[storage] ?? 'dynamic';
  const [, element = '', kind] = /^(string|number|boolean|any)(List|Map)?$/.exec(storage) ?? [];
  if (element === '') return 'dynamic';
  const inner = PRIMITIVES[element] ?? 'dynamic';
  if (type === 'map' || kind === 'Map') return ['map', inner];
  return [type === 'set' ? 'set' : 'list', inner];
}

/** The type of what AWS computes, by the accessor that reads it: the first, since the next may be another's. */
function accessorType(code: string): TypeJson {
  const accessor =
    /getStringAttribute|getNumberAttribute|getBooleanAttribute|getListAttribute|StringMap\(/.exec(code);
  const types: Readonly<Record<string, TypeJson>> = {
    getStringAttribute: 'string',
    getNumberAttribute: 'number',
    getBooleanAttribute: 'bool',
    getListAttribute: ['list', 'string'],
    'StringMap(': ['map', 'string'],
  };
  return types[accessor?.[0] ?? ''] ?? 'dynamic';
}
