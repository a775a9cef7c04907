/** The shell commands that scenarios have the CLI run: POSIX sh, and the tools of Linux and macOS. */

export const HELLO_FILE = 'hello.txt';
export const HELLO_CONTENT = 'hello from the scripted model\n';

/** Writes hello.txt and says so. */
export const WRITE_HELLO = `printf 'hello from the scripted model\\n' > ${HELLO_FILE} && echo wrote ${HELLO_FILE}`;

/**
 * One child, one in a session of its own and one orphan; the command itself waits for the first two. claude
 * refuses commands that begin with a long sleep.
 */
export const SPAWN = 'echo spawning; sleep 777 & setsid sleep 778 & ( ( sleep 779 & ) & ) ; wait';

/** Every key-like variable in full, then each value again in base64. */
export const PRINT_KEYS = [
  "env | grep -E '^[A-Za-z0-9_]*(API_KEY|TOKEN|SECRET)[A-Za-z0-9_]*='",
  `| while IFS= read -r pair; do printf '%s\\n' "$pair"; printf '%s' "\${pair#*=}" | base64 | tr -d '\\n'; echo; done`,
].join(' ');

const DEFAULT_FLOOD_MB = 16;
const MAX_FLOOD_MB = 4096;

/** Prints `argument` megabytes (1 MB = 1,048,576 bytes; 16 without an argument, 4,096 at most). */
export const floodCommand = (argument: string | null): string => {
  const asked = Number(argument ?? DEFAULT_FLOOD_MB);
  const megabytes = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MAX_FLOOD_MB) : DEFAULT_FLOOD_MB;
  return `yes 'flood from the scripted model' | head -c ${megabytes * 1_048_576}`;
};
