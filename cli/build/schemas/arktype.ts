import type { type as arktype, Type } from 'arktype';
import { definitionText, realDefinition, type Schema, schemaOf, register } from './schema.ts';
import { type Predicate, predicates, properties, slots, validators } from './validators.ts';

/**
 * Stands in for arktype in a bundle: the same `type(...)`, whose schemas know when a value is valid without
 * arktype, and ask arktype about everything else (what is wrong with an invalid value, JSON Schema, an operation
 * that is not foreseen here). So arktype is loaded only by a process that needs it, and wherever the compiled
 * code does not say "valid" its verdict is the one that counts.
 */

/** What the compiled code leaves to arktype. */
export const UNDECIDED = Symbol('undecided');

/** What the build is told while modules are loaded; a bundle tells nobody. */
export const listeners: {
  schema?: (schema: Schema) => void;
  /** A predicate narrows a schema. */
  predicate?: (fingerprint: string, predicate: Predicate) => void;
  /** A schema was asked for something that only arktype can answer. */
  member?: (schema: Schema, name: string) => void;
} = {};

let loaded: typeof arktype | undefined;

function load(): typeof arktype {
  // Not an import: a bundle runs what is required when it is first required.
  const { type: real }: { type: typeof arktype } = require('arktype');
  loaded = real;
  return real;
}

/** Operations that make a schema of a schema. */
const OPERATIONS: ReadonlySet<unknown> = new Set([
  'and',
  'array',
  'atLeast',
  'atLeastLength',
  'atMost',
  'atMostLength',
  'describe',
  'exclude',
  'extract',
  'get',
  'merge',
  'narrow',
  'omit',
  'onUndeclaredKey',
  'or',
  'partial',
  'pick',
  'required',
  'to',
]);

/** Definitions that make another value of a value, done as arktype does where the outcome is certain. */
const PARSERS: ReadonlyMap<unknown, Schema['decide']> = new Map([
  ['string.json.parse', parseJson],
  ['string.integer.parse', parseInteger],
]);

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') return UNDECIDED;
  try {
    return JSON.parse(value);
  } catch {
    // arktype says what is wrong with it.
    return UNDECIDED;
  }
}

function parseInteger(value: unknown): unknown {
  if (typeof value !== 'string') return UNDECIDED;
  const number = Number(value);
  return Number.isSafeInteger(number) && String(number) === value ? number : UNDECIDED;
}

function decideCompiled(fingerprint: string): Schema['decide'] {
  const isValid = validators.get(fingerprint);
  if (isValid === undefined) return () => UNDECIDED;
  return (value) => (isValid(value) ? value : UNDECIDED);
}

/** A schema that arktype would make by `make`, and that `text` tells from all others. */
function define(text: string | undefined, make: () => Type, decide?: Schema['decide']): object {
  const fingerprint = text === undefined ? undefined : Bun.hash(text).toString(36);
  let made: Type | undefined;
  const schema: Schema = {
    text,
    fingerprint,
    real: () => (made ??= make()),
    decide: decide ?? (fingerprint === undefined ? () => UNDECIDED : decideCompiled(fingerprint)),
    check(value) {
      const decided = schema.decide(value);
      return decided === UNDECIDED ? schema.real()(value) : decided;
    },
  };
  const proxy = new Proxy(schema.check, { get: (_, name) => member(schema, name) });
  register(proxy, schema);
  listeners.schema?.(schema);
  return proxy;
}

/** What a schema answers to `schema.name`. */
function member(schema: Schema, name: string | symbol): unknown {
  if (OPERATIONS.has(name)) return (...args: unknown[]) => operate(schema, String(name), args);
  if (name === 'assert') {
    return (value: unknown) => {
      const decided = schema.decide(value);
      return decided === UNDECIDED ? schema.real().assert(value) : decided;
    };
  }
  if (name === 'allows') {
    return (value: unknown) => schema.decide(value) !== UNDECIDED || schema.real().allows(value);
  }
  if (name === 'props' && schema.fingerprint !== undefined) {
    const known = properties.get(schema.fingerprint);
    if (known !== undefined) return known.map((key) => ({ key }));
  }
  listeners.member?.(schema, String(name));
  const real = schema.real();
  const value: unknown = Reflect.get(real, name);
  return typeof value === 'function' ? value.bind(real) : value;
}

function operate(schema: Schema, operation: string, args: readonly unknown[]): unknown {
  const make = (): Type =>
    Reflect.apply(Reflect.get(schema.real(), operation), schema.real(), args.map(realDefinition));
  if (operation === 'narrow') return narrowed(schema, make, args[0]);
  const text = definitionText(operation, [...args], schema);
  if (operation !== 'to') return define(text, make);
  const target = schemaOf(args[0]) ?? schemaOf(type(args[0]));
  return define(text, make, (value) => {
    const decided = schema.decide(value);
    return decided === UNDECIDED || target === undefined ? UNDECIDED : target.decide(decided);
  });
}

/** A predicate is no part of a definition's text: one that narrows a schema is known by that schema. */
function narrowed(schema: Schema, make: () => Type, predicate: unknown): unknown {
  const text = definitionText('narrow', [], schema);
  const made = define(text, make);
  const fingerprint = schemaOf(made)?.fingerprint;
  if (fingerprint === undefined || !isPredicate(predicate)) return made;
  listeners.predicate?.(fingerprint, predicate);
  const slot = slots.get(fingerprint);
  if (slot !== undefined) predicates[slot] = predicate;
  return made;
}

const isPredicate = (value: unknown): value is Predicate => typeof value === 'function';

const defineType = (...definition: unknown[]): object =>
  define(
    definitionText('type', definition),
    () => {
      const made: Type = Reflect.apply(load(), undefined, definition.map(realDefinition));
      return made;
    },
    definition.length === 1 ? PARSERS.get(definition[0]) : undefined,
  );

/** What is wrong with a value is always arktype's: before it is loaded there is none. */
const errors = {
  [Symbol.hasInstance]: (value: unknown) => loaded !== undefined && value instanceof loaded.errors,
};

/** arktype's `type`. */
export const type: (...definition: unknown[]) => object = new Proxy(defineType, {
  get(_, name) {
    if (name === 'errors') return errors;
    if (name === 'number') return define('number', () => load().number);
    if (name === 'enumerated') {
      return (...values: unknown[]) =>
        define(definitionText('enumerated', values), () => load().enumerated(...values));
    }
    const other: unknown = Reflect.get(load(), name);
    return other;
  },
});
