/**
 * What a hostile agent is after: a process of the platform with a secret in its environment, in its memory and in
 * an open file, and the task role's credentials on loopback behind an unguessable path, as Fargate has them.
 * Prints `{pid, port}`; answers `GET /<path>/requests` with the paths that were asked for.
 */
import { openSync } from 'node:fs';

const path = process.env['PLATFORM_CREDENTIALS_PATH'] ?? '';
const secret = process.env['PLATFORM_SECRET'] ?? '';
const secretFile = openSync(process.env['PLATFORM_SECRET_FILE'] ?? '', 'r');
const requests: string[] = [];
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    const asked = new URL(request.url).pathname;
    if (asked === `${path}/requests`) return Response.json(requests);
    requests.push(asked);
    if (asked === path) return Response.json({ AccessKeyId: 'AKIAPLATFORM', SecretAccessKey: secret });
    return new Response('not found', { status: 404 });
  },
});
console.log(JSON.stringify({ pid: process.pid, port: server.port, file: secretFile }));
