import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition';
import type { EfsAccessPoint } from '@cdktf/provider-aws/lib/efs-access-point';
import type { EfsFileSystem } from '@cdktf/provider-aws/lib/efs-file-system';
import type { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';

/** ECS allows 120 s at most; the worker hands its job back within 115 s. */
const STOP_TIMEOUT_SECONDS = 120;
const HEALTH_PORT = 8080;
/** The image's own HEALTHCHECK, which ECS does not read. */
const HEALTH_CHECK = `process.exit((await fetch('http://127.0.0.1:${HEALTH_PORT}/health')).ok ? 0 : 1)`;
/** MiB of memory that /tmp and /run may take. */
const TMPFS_MIB = 512;

/** Docker's default capabilities that the supervisor has no use for. */
const DROPPED_CAPABILITIES = [
  'AUDIT_WRITE',
  'FSETID',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SYS_CHROOT',
];

export type WorkerTask = {
  readonly family: string;
  readonly image: string;
  readonly fileSystem: EfsFileSystem;
  readonly accessPoint: EfsAccessPoint;
  readonly logs: CloudwatchLogGroup;
  readonly executionRoleArn: string;
  readonly taskRoleArn: string;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * The task of one worker. The supervisor is root with the capabilities that it needs to become its tenants
 * (SETUID, SETGID, SETPCAP), to make and clean their folders (CHOWN, DAC_OVERRIDE, FOWNER) and to end their
 * processes (KILL); agents have none. The root file system is read-only; what is written lies on the
 * workspaces, on the task's own disk and in memory.
 */
export function workerTask(
  scope: Construct,
  id: string,
  deployment: Deployment,
  task: WorkerTask,
): EcsTaskDefinition {
  const { settings } = deployment;
  const { workers } = settings;
  return new EcsTaskDefinition(scope, id, {
    family: task.family,
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: String(workers.cpu),
    memory: String(workers.memory),
    runtimePlatform: {
      operatingSystemFamily: 'LINUX',
      cpuArchitecture: settings.architecture === 'arm64' ? 'ARM64' : 'X86_64',
    },
    ephemeralStorage: { sizeInGib: workers.ephemeralStorage },
    executionRoleArn: task.executionRoleArn,
    taskRoleArn: task.taskRoleArn,
    volume: [
      {
        name: 'workspaces',
        efsVolumeConfiguration: {
          fileSystemId: task.fileSystem.id,
          transitEncryption: 'ENABLED',
          authorizationConfig: { accessPointId: task.accessPoint.id, iam: 'ENABLED' },
        },
      },
      { name: 'data' },
    ],
    containerDefinitions: JSON.stringify([container(deployment, task)]),
  });
}

function container({ settings, names }: Deployment, task: WorkerTask) {
  const env: Record<string, string> = {
    ...task.env,
    OUTPOST_DATA_DIR: '/var/lib/outpost',
    OUTPOST_WORKSPACES_DIR: '/workspaces',
    OUTPOST_AGENTS_DIR: '/opt/outpost/agents',
    OUTPOST_WORKER_HEALTH_PORT: String(HEALTH_PORT),
    OUTPOST_ISOLATION: 'uid',
  };
  return {
    name: 'worker',
    image: task.image,
    essential: true,
    readonlyRootFilesystem: true,
    stopTimeout: STOP_TIMEOUT_SECONDS,
    linuxParameters: {
      initProcessEnabled: true,
      capabilities: { drop: DROPPED_CAPABILITIES },
      tmpfs: ['/tmp', '/run'].map((containerPath) => ({
        containerPath,
        size: TMPFS_MIB,
        mountOptions: ['nosuid', 'nodev'],
      })),
    },
    mountPoints: [
      { sourceVolume: 'workspaces', containerPath: '/workspaces', readOnly: false },
      { sourceVolume: 'data', containerPath: '/var/lib/outpost', readOnly: false },
    ],
    environment: Object.entries(env).map(([name, value]) => ({ name, value })),
    healthCheck: {
      command: ['CMD', '/usr/local/bin/bun', '-e', HEALTH_CHECK],
      interval: 30,
      timeout: 5,
      retries: 3,
      startPeriod: 30,
    },
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': task.logs.name,
        'awslogs-region': settings.region,
        'awslogs-stream-prefix': names.environment,
        mode: 'non-blocking',
        'max-buffer-size': '4m',
      },
    },
  };
}
