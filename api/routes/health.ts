import { type } from 'arktype';
import { route } from '../http/route.ts';

export const health = route({
  method: 'GET',
  path: '/health',
  operationId: 'health',
  tag: 'Service',
  summary: 'Whether the API is up',
  access: 'public',
  unaudited: true,
  action: 'service.health',
  answers: { 200: { description: 'It is.', schema: type({ status: "'ok'" }) } },
  handle: async () => ({ status: 200, body: { status: 'ok' } }),
});
