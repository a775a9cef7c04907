import { describe, expect, test } from 'bun:test';
import { type Answer, diagnose, type Run } from '../../cli/doctor/checks.ts';
import { unknownVariables } from '../../cli/doctor/environment.ts';
import { settingsOf } from '../../stacks/settings.ts';
import { ACCOUNT, TENANT } from './synthesis.ts';

const settings = settingsOf('prod', {
  accountId: ACCOUNT,
  state: { bucket: 'example-terraform-state', region: 'eu-west-1' },
  dedicatedTenants: [{ id: TENANT, uid: 200_017 }],
});

/** A machine and an account by what each command answers; any other fails. */
const machine =
  (answers: Readonly<Record<string, string>>): Run =>
  async (argv): Promise<Answer> => {
    const line = argv.join(' ');
    const known = Object.entries(answers).find(([part]) => line.includes(part));
    return known === undefined ? { exitCode: 1, output: '' } : { exitCode: 0, output: known[1] };
  };

const HEALTHY = {
  'node --version': 'v22.1.0',
  'terraform version': 'Terraform v1.11.4',
  'docker info': 'Server',
  'get-caller-identity': `${ACCOUNT}\n`,
  'describe-secret': 'arn',
  'head-bucket': '',
  'get-parameters-by-path': 'None\n',
  'get-item --table-name outpost-tenants-prod': '200017\n',
  'L-3032A538': '140.0',
  'L-B99A9384': '1000.0',
};

const problems = async (
  changes: Readonly<Record<string, string | undefined>>,
  version = '1.4.5',
): Promise<string[]> => {
  const answers = Object.fromEntries(
    Object.entries({ ...HEALTHY, ...changes }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  );
  return (await diagnose(machine(answers), settings, version))
    .filter(({ ok }) => !ok)
    .map(({ what }) => what);
};

describe('the doctor', () => {
  test('finds nothing where all is well', async () => expect(await problems({})).toEqual([]));

  test.each([
    ['an old Terraform', { 'terraform version': 'Terraform v1.9.8' }, 'Terraform'],
    ['no Terraform', { 'terraform version': undefined }, 'Terraform'],
    ['an old Node', { 'node --version': 'v18.20.0' }, 'Node'],
    ['a silent Docker', { 'docker info': undefined }, 'Docker'],
    ['credentials of another account', { 'get-caller-identity': '999999999999' }, 'AWS'],
    ['a missing pepper', { 'describe-secret': undefined }, '/outpost/prod/pepper'],
    ['a bucket of the state that is not there', { 'head-bucket': undefined }, 's3://example-terraform-state'],
    [
      'parameters that nobody reads',
      { 'get-parameters-by-path': '/outpost/prod/pepper\n' },
      'SSM /outpost/prod/',
    ],
    ['too few vCPUs for 50 workers and a dedicated one', { 'L-3032A538': '101.0' }, 'Fargate vCPUs'],
    [
      'a dedicated tenant with another uid',
      { 'get-item --table-name outpost-tenants-prod': '200018\n' },
      `Dedicated tenant ${TENANT}`,
    ],
    [
      'a dedicated tenant that is none',
      { 'get-item --table-name outpost-tenants-prod': 'None\n' },
      `Dedicated tenant ${TENANT}`,
    ],
    ['too little concurrency', { 'L-B99A9384': '10.0' }, 'Lambda concurrency'],
  ])('finds %s', async (_, changes, what) => expect(await problems(changes)).toEqual([what]));

  test('finds another Bun than the layer’s', async () =>
    expect(await problems({}, '1.3.0')).toEqual(['Bun']));

  test('lists all problems at once, each with a remedy', async () => {
    const findings = await diagnose(machine({}), settingsOf('staging', {}), '1.0.0');
    const found = findings.filter(({ ok }) => !ok);
    expect(found.map(({ what }) => what)).toEqual([
      'Bun',
      'Node',
      'Terraform',
      'Docker',
      'Account',
      'State',
      'AWS',
    ]);
    expect(found.every(({ remedy }) => remedy !== undefined && remedy.length > 0)).toBe(true);
  });

  test('names variables that nothing reads, and no others', () => {
    const env = { OUTPOST_ENV: 'prod', OUTPOST_ENVIROMENT: 'prod', PATH: '/bin', OUTPOST_TEST_SCALE: '2' };
    expect(unknownVariables(env).map(({ what }) => what)).toEqual(['OUTPOST_ENVIROMENT']);
  });

  test('as a command goes on with the machine when the settings are wrong', () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, 'cli/doctor.ts'], {
      env: { PATH: process.env['PATH'] ?? '', OUTPOST_ENV: 'production', OUTPOST_ENVIROMENT: 'x' },
    });
    expect(stderr.toString()).toBe('');
    const text = stdout.toString();
    for (const what of ['OUTPOST_ENVIROMENT', 'Settings', 'Bun', 'Terraform', 'Docker']) {
      expect(text).toMatch(new RegExp(`^(ok     |problem) ${what}: `, 'm'));
    }
    expect(text).toContain('OUTPOST_ENV must be one of dev, staging, prod');
    expect(exitCode).toBe(1);
  }, 180_000);
});
