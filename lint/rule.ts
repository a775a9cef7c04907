import type { RuleTester } from 'oxlint/plugins-dev';
import { relative } from 'node:path';

type AnyRule = Parameters<RuleTester['run']>[1];

/** A rule in the shape of ESLint, which oxlint runs. */
export type Rule = Exclude<AnyRule, { createOnce: unknown }>;
export type Context = Parameters<Rule['create']>[0];
type Visitors = ReturnType<Rule['create']>;

type NodeOf<Name extends keyof Visitors> = Parameters<NonNullable<Visitors[Name]>>[0];
export type ImportDeclaration = NodeOf<'ImportDeclaration'>;
export type MemberExpression = NodeOf<'MemberExpression'>;
export type NewExpression = NodeOf<'NewExpression'>;
export type VariableDeclarator = NodeOf<'VariableDeclarator'>;
export type Expression = NodeOf<'ExpressionStatement'>['expression'];

/** The path of the file in hand from the root of the repository, with forward slashes. */
export const repositoryPath = (context: Context): string =>
  relative(context.cwd, context.filename).replaceAll('\\', '/');
