/** Preloaded: makes this process's Date wrong by SHIFT_MS, as on a machine whose clock is wrong. */
const shift = Number(process.env['SHIFT_MS']);
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, self) =>
    Reflect.construct(target, values.length === 0 ? [target.now() + shift] : values, self),
  apply: () => new RealDate(RealDate.now() + shift).toString(),
  get: (target, name) =>
    name === 'now' ? () => target.now() + shift : (Reflect.get(target, name) as unknown),
});
