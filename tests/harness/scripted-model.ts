import { type } from 'arktype';
import { type ScriptedModel, startScriptedModel } from '../../local/model/server.ts';

/** The scripted model for tests: in this process, on a free port, with its record of requests. */

const Requests = type({
  method: 'string',
  path: 'string',
  key_present: 'boolean',
  key_last4: 'string | null',
  scenario: 'string | null',
}).array();
export type ModelRequests = typeof Requests.infer;

export type TestModel = ScriptedModel & { requests(): Promise<ModelRequests> };

export const startTestModel = (): TestModel => {
  const model = startScriptedModel(0);
  const requests = async (): Promise<ModelRequests> =>
    Requests.assert(await (await fetch(`${model.endpoint}/_requests`)).json());
  return { ...model, requests };
};
