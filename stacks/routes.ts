import { readFileSync } from 'node:fs';
import { type } from 'arktype';

/** A route of the gateway. */
export type Route = {
  readonly method: string;
  readonly path: string;
  /** Nobody needs a key for it, so it has no authorizer. */
  readonly public: boolean;
};

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const Document = type('string.json.parse').to({
  paths: { '[string]': { '[string]': { 'security?': 'object[]' } } },
});

/**
 * The routes of the OpenAPI document, which is generated from the API's route table. One without a `security`
 * of its own is taken as protected.
 */
export function readRoutes(file: string): Route[] {
  const { paths } = Document.assert(readFileSync(file, 'utf8'));
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, { security }]) => ({
        method: method.toUpperCase(),
        path,
        public: security !== undefined && security.length === 0,
      })),
  );
}
