/**
 * One job from probe to wipe, as whoever runs this: prints `{level, reason, killed, remains, ...}` as JSON.
 * Arguments: a folder it may use, and optionally the level to force.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { probeIsolation } from '../../../worker/launcher/isolation.ts';
import { listProcesses } from '../../../worker/launcher/kill.ts';
import { launch } from '../../../worker/launcher/launch.ts';
import { prepareRoot } from '../../../worker/workspace/folders.ts';
import { prepareFolders, wipeAfterJob, writeJobFiles } from '../../../worker/workspace/workspace.ts';
import { TEST_UIDS, eventually, freshUid, shellSpec } from './probe.ts';

const [folder = '', forced] = process.argv.slice(2);
const root = join(folder, 'workspaces');
await prepareRoot(root);
const isolation = await probeIsolation({
  workspacesRoot: root,
  executableRoots: ['/usr/bin'],
  uids: TEST_UIDS,
  ...(forced === 'process' ? { forced } : {}),
});
const uid = isolation.level === 'uid' ? freshUid() : null;
const jobId = `job-${crypto.randomUUID()}`;
const folders = await prepareFolders(isolation, { root, tenantId: 'tenant', workspace: 'w', jobId, uid });
await writeJobFiles(isolation, folders, uid, [
  { path: `${folders.home}/f`, content: 'written', mode: 0o600 },
]);
const script = `cat ${folders.home}/f; echo; for i in $(seq 20); do (setsid sleep 779 >/dev/null 2>&1 </dev/null &); done
  mkdir /tmp/${jobId}; trap '' TERM; echo up; sleep 777; sleep 777`;
const agent = launch(isolation, shellSpec(script, { uid, jobId, cwd: folders.workspace }));
const { value } = await agent.stdout.getReader().read();
await eventually(async () => (await listProcesses(isolation, { uid, jobId })).length >= 21);
const { killed } = await agent.terminate(100);
await wipeAfterJob(isolation, { folders, uid });
console.log(
  JSON.stringify({
    level: isolation.level,
    reason: isolation.reason,
    layers: isolation.layers,
    firstOutput: new TextDecoder().decode(value).split('\n')[0],
    killed,
    remains: (await listProcesses(isolation, { uid, jobId })).length,
    jobFolderLeft: existsSync(folders.job),
    sharedFileLeft: existsSync(`/tmp/${jobId}`),
  }),
);
// Below level uid nobody could tell whose this is, so no wipe takes it.
rmSync(`/tmp/${jobId}`, { recursive: true, force: true });
