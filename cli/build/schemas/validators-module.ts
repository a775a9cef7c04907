import { compile } from './compile.ts';
import { recordSchemas, type Recorded } from './record.ts';
import type { Predicate } from './validators.ts';

/** The module that takes the place of validators.ts, and what went into it. */
export type ValidatorsModule = {
  readonly source: string;
  readonly recorded: Recorded;
  /** Fingerprints of schemas that stay arktype's. */
  readonly left: readonly string[];
};

/** Compiles the schemas behind some entries into a module with the exports of validators.ts. */
export async function writeValidators(entries: readonly string[]): Promise<ValidatorsModule> {
  const recorded = await recordSchemas(entries);
  const distinct: Predicate[] = [...new Set(recorded.predicates.values())];
  const slotOf = (predicate: Predicate): number | undefined => {
    const slot = distinct.indexOf(predicate);
    return slot === -1 ? undefined : slot;
  };
  const types = new Map([...recorded.schemas].map(([fingerprint, { real }]) => [fingerprint, real()]));
  const { functions, roots, left } = compile(types, slotOf);
  const slots = [...recorded.predicates].map(([fingerprint, predicate]) => [fingerprint, slotOf(predicate)]);
  const properties = [...types].flatMap(([fingerprint, type]) =>
    roots.has(fingerprint) && propertiesOf(type).length > 0 ? [[fingerprint, propertiesOf(type)]] : [],
  );
  const source = [
    'const context = { path: { push() {}, pop() {} }, mustBe: () => false };',
    'export const predicates = [];',
    `export const slots = new Map(${JSON.stringify(slots)});`,
    `export const properties = new Map(${JSON.stringify(properties)});`,
    ...functions.values(),
    `const valid = (check) => (data) => check(data, context) === true;`,
    `export const validators = new Map([${[...roots]
      .map(([fingerprint, root]) => `[${JSON.stringify(fingerprint)}, valid(${root})]`)
      .join(', ')}]);`,
    '',
  ].join('\n');
  return { source, recorded, left };
}

/** The names of an object's declared properties; of anything else none. */
function propertiesOf(type: object): string[] {
  const { structure } = Object(type);
  const props: unknown = structure?.props;
  return Array.isArray(props) ? props.map(({ key }) => String(key)) : [];
}
