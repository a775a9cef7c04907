import parameters from './parameters.json' with { type: 'json' };
import { StripeError } from './errors.ts';
import type { Form, FormValue } from './form.ts';

type Fields = { readonly [name: string]: Field };
type Field = { readonly required?: boolean; readonly fields?: Fields };

const ROUTES: Readonly<Record<string, Fields>> = parameters;

/**
 * Refuses what the SDK's types do not know, and what they require and was not sent, with Stripe's words.
 * Throws StripeError, also for a route that the stand-in does not have.
 */
export function checkParameters(route: string, form: Form): void {
  const fields = ROUTES[route];
  if (fields === undefined) throw new StripeError(404, `Unrecognized request URL (${route})`);
  checkFields(fields, form, '');
}

function checkFields(fields: Fields, form: Form, within: string): void {
  const shown = (name: string): string => (within === '' ? name : `${within}[${name}]`);
  for (const [name, value] of Object.entries(form)) {
    const field = fields[name];
    if (field === undefined) {
      const param = shown(name);
      throw new StripeError(400, `Received unknown parameter: ${param}`, {
        param,
        code: 'parameter_unknown',
      });
    }
    if (field.fields !== undefined) checkValue(field.fields, value, shown(name));
  }
  const absent = Object.entries(fields).find(([name, field]) => field.required === true && !(name in form));
  if (absent !== undefined) {
    const param = shown(absent[0]);
    throw new StripeError(400, `Missing required param: ${param}.`, { param, code: 'parameter_missing' });
  }
}

function checkValue(fields: Fields, value: FormValue, within: string): void {
  if (typeof value === 'string') return;
  if (Array.isArray(value)) {
    value.forEach((each, index) => checkValue(fields, each, `${within}[${index}]`));
    return;
  }
  checkFields(fields, value as Form, within);
}
