// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { DataAwsAvailabilityZones } from '@cdktf/provider-aws/lib/data-aws-availability-zones';
import { Eip } from '@cdktf/provider-aws/lib/eip';
import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway';
import { NatGateway } from '@cdktf/provider-aws/lib/nat-gateway';
import { Route } from '@cdktf/provider-aws/lib/route';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { Subnet } from '@cdktf/provider-aws/lib/subnet';
import { Vpc } from '@cdktf/provider-aws/lib/vpc';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import { Fn } from 'cdktf';
import type { Construct } from 'constructs';
import type { Names } from '../names.ts';
import type { Settings } from '../settings.ts';

const CIDR = '10.80.0.0/16';
const HTTPS = 443;
const SSH = 22;
const EVERYWHERE = '0.0.0.0/0';

/** What the worker calls without leaving AWS, in the mode `private`. */
const INTERFACE_ENDPOINTS = [
  'ecr.api',
  'ecr.dkr',
  'ecs',
  'ecs-agent',
  'ecs-telemetry',
  'logs',
  'secretsmanager',
  'sqs',
];

export type Network = {
  readonly vpc: Vpc;
  /** Where tasks run. */
  readonly subnets: readonly Subnet[];
  readonly workers: SecurityGroup;
  /** Whether tasks need a public address to reach anything. */
  readonly publicAddresses: boolean;
};

/**
 * The workers' network. `public`: tasks have public addresses and no ingress at all; nothing costs while nothing
 * runs. `private`: tasks have none and leave through NAT, and AWS is reached through interface endpoints. In
 * both, S3 and DynamoDB are reached through gateway endpoints, which are free, and agents reach model APIs and
 * git hosts.
 */
export function network(scope: Construct, settings: Settings, names: Names): Network {
  const vpc = new Vpc(scope, 'vpc', {
    cidrBlock: CIDR,
    enableDnsHostnames: true,
    enableDnsSupport: true,
    tags: { Name: names.own('workers') },
  });
  const internet = new InternetGateway(scope, 'internet', { vpcId: vpc.id });
  const zones = new DataAwsAvailabilityZones(scope, 'zones', { state: 'available' });
  const openTable = new RouteTable(scope, 'public-routes', { vpcId: vpc.id });
  new Route(scope, 'public-default', {
    routeTableId: openTable.id,
    destinationCidrBlock: EVERYWHERE,
    gatewayId: internet.id,
  });
  const indexes = Array.from({ length: settings.availabilityZones }, (_, index) => index);
  const subnet = (kind: string, index: number, offset: number): Subnet =>
    new Subnet(scope, `${kind}-${index}`, {
      vpcId: vpc.id,
      cidrBlock: `10.80.${(offset + index) * 16}.0/20`,
      availabilityZone: Fn.element(zones.names, index),
      tags: { Name: `${names.own('workers')}-${kind}-${index}` },
    });
  const open = indexes.map((index) => subnet('public', index, 0));
  attach(scope, 'public', open, openTable);
  const isPrivate = settings.network === 'private';
  const closed = isPrivate ? indexes.map((index) => subnet('private', index, 8)) : [];
  const tables = [openTable, ...(isPrivate ? [natRoutes(scope, vpc, open, closed)] : [])];

  for (const service of ['s3', 'dynamodb']) {
    new VpcEndpoint(scope, `endpoint-${service}`, {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${settings.region}.${service}`,
      vpcEndpointType: 'Gateway',
      routeTableIds: tables.map(({ id }) => id),
    });
  }
  const workers = workerGroup(scope, vpc, names);
  if (isPrivate) interfaceEndpoints(scope, settings, names, { vpc, subnets: closed, workers });
  return { vpc, subnets: isPrivate ? closed : open, workers, publicAddresses: !isPrivate };
}

function attach(scope: Construct, kind: string, subnets: readonly Subnet[], table: RouteTable): void {
  for (const [index, subnet] of subnets.entries()) {
    new RouteTableAssociation(scope, `${kind}-association-${index}`, {
      subnetId: subnet.id,
      routeTableId: table.id,
    });
  }
}

/** One NAT gateway for all zones: agents that cannot reach their model are retried, a second one is paid daily. */
function natRoutes(
  scope: Construct,
  vpc: Vpc,
  open: readonly Subnet[],
  closed: readonly Subnet[],
): RouteTable {
  const [first] = open;
  if (first === undefined) throw new Error('a NAT gateway needs a public subnet');
  const address = new Eip(scope, 'nat-address', { domain: 'vpc' });
  const nat = new NatGateway(scope, 'nat', { allocationId: address.id, subnetId: first.id });
  const table = new RouteTable(scope, 'private-routes', { vpcId: vpc.id });
  new Route(scope, 'private-default', {
    routeTableId: table.id,
    destinationCidrBlock: EVERYWHERE,
    natGatewayId: nat.id,
  });
  attach(scope, 'private', closed, table);
  return table;
}

/** No ingress. Out: HTTPS (models, AWS, package registries), git over SSH, and DNS within the VPC. */
function workerGroup(scope: Construct, vpc: Vpc, names: Names): SecurityGroup {
  const group = new SecurityGroup(scope, 'workers-group', {
    name: names.own('workers'),
    description: 'Outpost workers: no ingress',
    vpcId: vpc.id,
  });
  const out = (id: string, port: number, description: string): void => {
    new VpcSecurityGroupEgressRule(scope, `workers-${id}`, {
      securityGroupId: group.id,
      description,
      cidrIpv4: EVERYWHERE,
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
    });
  };
  out('https', HTTPS, 'Model APIs, AWS, git over HTTPS, package registries');
  out('ssh', SSH, 'git over SSH');
  return group;
}

function interfaceEndpoints(
  scope: Construct,
  settings: Settings,
  names: Names,
  { vpc, subnets, workers }: { vpc: Vpc; subnets: readonly Subnet[]; workers: SecurityGroup },
): void {
  const group = new SecurityGroup(scope, 'endpoints-group', {
    name: names.own('endpoints'),
    description: 'Interface endpoints: HTTPS from the workers',
    vpcId: vpc.id,
  });
  new VpcSecurityGroupIngressRule(scope, 'endpoints-https', {
    securityGroupId: group.id,
    description: 'HTTPS from the workers',
    referencedSecurityGroupId: workers.id,
    ipProtocol: 'tcp',
    fromPort: HTTPS,
    toPort: HTTPS,
  });
  for (const service of INTERFACE_ENDPOINTS) {
    new VpcEndpoint(scope, `endpoint-${service.replaceAll('.', '-')}`, {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${settings.region}.${service}`,
      vpcEndpointType: 'Interface',
      privateDnsEnabled: true,
      subnetIds: subnets.map(({ id }) => id),
      securityGroupIds: [group.id],
    });
  }
}
