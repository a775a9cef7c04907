/** Stripe's request format: a form whose names nest with brackets, `items[0][price]=...`. */
export type Form = { [name: string]: FormValue };
export type FormValue = string | Form | readonly FormValue[];

/** The request format of API v2: JSON, here with every value as text, as a form has it. */
export function parseJson(text: string): Form {
  const value: unknown = JSON.parse(text === '' ? '{}' : text);
  const form = asText(value);
  return isForm(form) ? form : {};
}

function asText(value: unknown): FormValue {
  if (Array.isArray(value)) return value.map(asText);
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, asText(each)]));
}

type Tree = Map<string, string | Tree>;

export function parseForm(text: string): Form {
  const root: Tree = new Map();
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.replaceAll(']', '').split('[');
    const last = path.pop() ?? '';
    let place = root;
    for (const step of path) {
      const next = place.get(step);
      const inner: Tree = next instanceof Map ? next : new Map();
      place.set(step, inner);
      place = inner;
    }
    place.set(last, value);
  }
  return toForm(root);
}

const toForm = (tree: Tree): Form =>
  Object.fromEntries([...tree].map(([name, value]) => [name, toValue(value)]));

function toValue(value: string | Tree): FormValue {
  if (typeof value === 'string') return value;
  const names = [...value.keys()];
  return names.length > 0 && names.every((name, index) => name === String(index))
    ? [...value.values()].map(toValue)
    : toForm(value);
}

const isForm = (value: FormValue | undefined): value is Form =>
  typeof value === 'object' && !Array.isArray(value);

export const textOf = (form: Form, name: string): string | undefined => {
  const value = form[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

export const formOf = (form: Form, name: string): Form => {
  const value = form[name];
  return isForm(value) ? value : {};
};

export const listOf = (form: Form, name: string): readonly Form[] => {
  const value = form[name];
  return Array.isArray(value) ? value.filter(isForm) : [];
};

export const textsOf = (form: Form, name: string): readonly string[] => {
  const value = form[name];
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
};

export const isTrue = (form: Form, name: string): boolean => form[name] === 'true';

/** A form of texts only: metadata, a meter event's payload. */
export const labelsOf = (form: Form, name: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(formOf(form, name)).filter(
      (pair): pair is [string, string] => typeof pair[1] === 'string',
    ),
  );
