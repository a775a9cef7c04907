/**
 * A line of JSON, or undefined when it is not JSON: CLIs mix plain text into their streams, and a killed
 * one leaves half a line. Neither is an error, because the raw line is in the output anyway.
 */
export const parseJsonLine = (line: string): unknown => {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};
