/** Hands each line of a stream to `handle`, the last one with or without its line break. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  handle: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    parts.forEach(handle);
  }
  if (rest !== '') handle(rest);
}
