import { startScriptedModel } from './server.ts';

/** The scripted model as a process. MODEL_PORT: its port, 0 or unset for a free one. */

const port = Number(process.env['MODEL_PORT'] ?? 0);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  process.stderr.write('MODEL_PORT must be a port number (0 takes a free one)\n');
  process.exit(2);
}

const model = startScriptedModel(port);
const stop = async (): Promise<void> => {
  await model.stop();
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
// Whoever reads the line may signal at once.
process.stdout.write(`${JSON.stringify({ endpoint: model.endpoint, pid: process.pid })}\n`);
