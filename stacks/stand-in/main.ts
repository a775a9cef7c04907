import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials, loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type Block, createSchemaReader, type NestedBlock } from './schema.ts';
import { applied, conformed, decodeState, type DynamicValue, encodeState, planned } from './values.ts';

/**
 * A stand-in for Terraform's AWS provider, for tests: `bun stacks/stand-in/main.ts <cdk.tf.json ...>` serves the
 * resources that these stacks use and prints the value of TF_REATTACH_PROVIDERS. It knows names, types and what
 * is required (from the bindings), makes up what AWS computes, and calls nobody.
 */
const files = process.argv.slice(2);

type StackJson = { resource?: Record<string, unknown>; data?: Record<string, unknown> };
const stacks = files.map((file) => {
  const stack: StackJson = JSON.parse(readFileSync(file, 'utf8'));
  return stack;
});
const typesOf = (kind: 'data' | 'resource'): string[] => [
  ...new Set(
    stacks.flatMap((stack) => Object.keys(stack[kind] ?? {})).filter((type) => type.startsWith('aws_')),
  ),
];

const bindings = dirname(Bun.resolveSync('@cdktf/provider-aws/package.json', import.meta.dirname));
const reader = createSchemaReader(join(bindings, 'lib'));
const resources = new Map(typesOf('resource').map((type) => [type, reader.resource(type)]));
const dataSources = new Map(typesOf('data').map((type) => [type, reader.dataSource(type)]));

type Message = Record<string, unknown>;
type Request = {
  readonly type_name?: string;
  readonly config?: DynamicValue;
  readonly prior_state?: DynamicValue;
  readonly proposed_new_state?: DynamicValue;
  readonly planned_state?: DynamicValue;
  readonly current_state?: DynamicValue;
  readonly raw_state?: { readonly json?: Uint8Array };
  readonly private?: Uint8Array;
};

function blockOf(blocks: ReadonlyMap<string, Block>, type = ''): Block {
  const block = blocks.get(type);
  if (block === undefined) throw new Error(`the stand-in was not started for ${type}`);
  return block;
}

let count = 0;
const inventor = (type: string) => (name: string) => {
  count += 1;
  return name === 'arn' || name.endsWith('_arn')
    ? `arn:aws:${type.replace(/^aws_/, '').split('_')[0]}:us-east-1:123456789012:${type}/${count}`
    : `${type}-${name}-${count}`;
};

const METHODS: Record<string, (request: Request) => Message> = {
  GetProviderSchema: () => ({
    provider: toSchema(reader.provider()),
    resource_schemas: Object.fromEntries([...resources].map(([type, block]) => [type, toSchema(block)])),
    data_source_schemas: Object.fromEntries([...dataSources].map(([type, block]) => [type, toSchema(block)])),
    server_capabilities: {},
  }),
  ValidateProviderConfig: () => ({}),
  ConfigureProvider: () => ({}),
  ValidateResourceConfig: () => ({}),
  ValidateDataResourceConfig: () => ({}),
  StopProvider: () => ({}),
  UpgradeResourceState: ({ type_name, raw_state }) => {
    const state = decodeState(raw_state);
    return {
      upgraded_state: encodeState(state === null ? null : conformed(blockOf(resources, type_name), state)),
    };
  },
  ReadResource: ({ current_state, private: kept }) => ({ new_state: current_state, private: kept }),
  PlanResourceChange: ({ type_name, prior_state, proposed_new_state }) => {
    const proposed = decodeState(proposed_new_state);
    const prior = decodeState(prior_state);
    const isNew = proposed !== null && prior === null;
    return {
      planned_state: encodeState(isNew ? planned(blockOf(resources, type_name), proposed) : proposed),
      legacy_type_system: true,
    };
  },
  ApplyResourceChange: ({ type_name = '', planned_state }) => {
    const state = decodeState(planned_state);
    const made = state === null ? null : applied(blockOf(resources, type_name), state, inventor(type_name));
    return { new_state: encodeState(made), legacy_type_system: true };
  },
  ReadDataSource: ({ type_name = '', config }) => {
    const block = blockOf(dataSources, type_name);
    // Alike at each read, or every plan would find a change.
    const invent = (name: string): string => `${type_name}-${name}`;
    return { state: encodeState(applied(block, planned(block, decodeState(config) ?? {}), invent)) };
  },
};

function toSchema(block: Block): Message {
  return { version: 0, block: toBlock(block) };
}

const toBlock = (block: Block): Message => ({
  attributes: block.attributes.map(({ type, ...flags }) => ({
    ...flags,
    type: Buffer.from(JSON.stringify(type)),
  })),
  block_types: block.blocks.map((nested: NestedBlock) => ({
    type_name: nested.name,
    nesting: nested.nesting,
    min_items: nested.required && nested.nesting !== 'SINGLE' ? 1 : 0,
    block: toBlock(nested.block),
  })),
});

function service(): ServiceDefinition {
  const proto = loadSync(join(import.meta.dirname, 'provider.proto'), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: false,
  });
  const loaded = loadPackageDefinition(proto)['tfplugin6'];
  if (loaded === undefined || !('Provider' in loaded)) throw new Error('provider.proto has no Provider');
  const { Provider } = loaded;
  if (typeof Provider !== 'function' || !('service' in Provider)) throw new Error('Provider is no service');
  return Provider.service;
}

const MEGABYTE = 1024 * 1024;
const server = new Server({
  'grpc.max_receive_message_length': 64 * MEGABYTE,
  'grpc.max_send_message_length': 256 * MEGABYTE,
});
type Call = { readonly request: Request };
type Callback = (error: null, answer: Message) => void;
server.addService(
  service(),
  Object.fromEntries(
    Object.entries(METHODS).map(([name, method]) => [
      name,
      ({ request }: Call, callback: Callback): void => {
        try {
          callback(null, method(request));
        } catch (error) {
          callback(null, { diagnostics: [{ severity: 'ERROR', summary: `${name}: ${String(error)}` }] });
        }
      },
    ]),
  ),
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  const reattach = {
    'hashicorp/aws': {
      Protocol: 'grpc',
      ProtocolVersion: 6,
      Pid: process.pid,
      Test: true,
      Addr: { Network: 'tcp', String: `127.0.0.1:${port}` },
    },
  };
  process.stdout.write(`${JSON.stringify(reattach)}\n`);
});
