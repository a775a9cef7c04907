// The Lambda Runtime API for Node, with node:http as AWS's own client has it: `fetch` would start slower.
import { request } from 'node:http';

const [hostname, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? '').split(':');

const call = (method, path, body) =>
  new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: `/2018-06-01/runtime/${path}` }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });

export async function runLoop(handler) {
  for (;;) {
    const { headers, text } = await call('GET', 'invocation/next');
    const id = headers['lambda-runtime-aws-request-id'];
    const answer = await handler(JSON.parse(text), {});
    await call('POST', `invocation/${id}/response`, JSON.stringify(answer));
  }
}
