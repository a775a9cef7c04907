import { styleText } from 'node:util';

/** What people see of `bun start`: a line a step, in colour where there is a terminal. */

const colours = process.stdout.isTTY && !process.env['NO_COLOR'];

type Style = Parameters<typeof styleText>[0];

export const paint = (style: Style, text: string): string =>
  colours ? styleText(style, text, { validateStream: false }) : text;

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

const NAME_WIDTH = 16;

/** Runs one step and shows how long it took. What `work` answers with is said beside its name. */
export async function step<T>(
  name: string,
  work: (note: (text: string) => void) => Promise<[T, string]>,
): Promise<T> {
  const started = performance.now();
  const label = name.padEnd(NAME_WIDTH);
  const note = (text: string): void => {
    if (process.stdout.isTTY)
      process.stdout.write(`\r\u001B[2K  ${paint('yellow', '…')} ${label}${paint('dim', text)}`);
  };
  note('');
  try {
    const [result, text] = await work(note);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    clearLine();
    say(`  ${paint('green', '✓')} ${label}${text} ${paint('dim', `${seconds} s`)}`);
    return result;
  } catch (error) {
    clearLine();
    say(`  ${paint('red', '✗')} ${label}`);
    throw error;
  }
}

function clearLine(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[2K');
}
