/** A client of the API, as a tenant or the operator would write one. */
export type Client = {
  /** Sends JSON and answers with the parsed body. Throws ApiRefused for anything but success. */
  call(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  open(path: string, headers?: Record<string, string>): Promise<Response>;
};

export class ApiRefused extends Error {
  override readonly name = 'ApiRefused';
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export function createClient(url: string, apiKey: string): Client {
  const authorization = `Bearer ${apiKey}`;
  return {
    async call(method, path, body) {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const parsed = (await answer.json()) as Record<string, unknown>;
      if (!answer.ok) throw new ApiRefused(answer.status, `${method} ${path}: ${String(parsed['detail'])}`);
      return parsed;
    },
    open: (path, headers = {}) => fetch(`${url}${path}`, { headers: { authorization, ...headers } }),
  };
}
