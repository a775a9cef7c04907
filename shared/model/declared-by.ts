/**
 * Picks what a model declares of a record, whatever else is stored beside it. To be made with the module: the build
 * compiles what it finds then.
 */
export function declaredBy(model: {
  readonly props: readonly { readonly key: string }[];
}): <Value>(record: Readonly<Record<string, Value>>) => Record<string, Value> {
  const names = new Set(model.props.map(({ key }) => key));
  return (record) => Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name)));
}
