/**
 * Job: keeps a workflow run from changing what JavaScript itself is for the runs after it.
 *
 * Runs of one artifact share a V8 context (`reuseV8Context`). The SDK gives each its own globals and modules, and freezes
 * the globals' own properties; what hangs on their prototypes it leaves as it is, so that one run's
 * `Object.prototype.x = …` would be there in every later one, and could stop them all.
 *
 * Boundary: a script at the end of the artifact's bundle, which the SDK evaluates once in each new context, before any
 * run. It guards runs from each other; what guards tenants is the process and its sandbox.
 */

const SOURCE_MAP = '//# sourceMappingURL=data:';

/**
 * The bundle with the guard behind its code, where it is on no line of the source map.
 *
 * @throws Error when the bundle has no inline source map, without which the SDK does not take it
 */
export function guardedBundle(bundle: string): string {
  const end = bundle.lastIndexOf(SOURCE_MAP);
  if (end === -1) throw new Error('the workflow bundle has no source map: package the workflow again');
  return `${bundle.slice(0, end)}\n;(${guard.toString()})();\n${bundle.slice(end)}`;
}

/**
 * Freezes the prototypes of the language. A frozen property could not be assigned on the objects that inherit it either,
 * though that changes nobody's prototype (`error.name = …`, `Own.prototype.toString = …`): those which programs
 * assign in that way become accessors, whose setter defines the property on the object at hand.
 *
 * Self-contained: its text runs in the workflow's context.
 */
function guard(): void {
  const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const assigned: [prototype: object, names: string[]][] = [
    [
      Object.prototype,
      ['constructor', 'toString', 'toLocaleString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'],
    ],
    [Function.prototype, ['constructor', 'toString', 'name', 'bind', 'call', 'apply']],
    [Error.prototype, ['constructor', 'toString', 'name', 'message', 'stack']],
  ];
  const allowOnHeirs = (prototype: object, name: string): void => {
    const found = getOwnPropertyDescriptor(prototype, name);
    if (!found || !('value' in found) || !found.configurable) return;
    const value: unknown = found.value;
    defineProperty(prototype, name, {
      get: () => value,
      set(this: object, given: unknown) {
        if (this === prototype)
          throw new TypeError(`"${name}" is the same for every run and cannot be changed`);
        defineProperty(this, name, { value: given, writable: true, enumerable: true, configurable: true });
      },
      enumerable: false,
      configurable: false,
    });
  };
  const isNative = (value: unknown): boolean =>
    typeof value === 'function' && /\{ \[native code\] \}$/.test(Function.prototype.toString.call(value));
  const prototypes = new Set<object>();
  const add = (value: unknown): void => {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') prototypes.add(value);
  };
  for (const name of Reflect.ownKeys(globalThis)) {
    const value: unknown = getOwnPropertyDescriptor(globalThis, name)?.value;
    const prototype = typeof value === 'function' ? (value as { prototype?: object }).prototype : undefined;
    // Those of the language, and nothing that the bundle has put there; the SDK's own `Date` has the language's prototype.
    if (!prototype || !isNative(getOwnPropertyDescriptor(prototype, 'constructor')?.value)) continue;
    add(prototype);
    if (/Error$/.test(String(name))) assigned.push([prototype, ['constructor', 'name', 'message']]);
  }
  // What has no name of its own: iterators, generators, the class behind all typed arrays.
  const generator = function* (): Generator {};
  const asyncGenerator = async function* (): AsyncGenerator {};
  for (const value of [
    [][Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    ''[Symbol.iterator](),
    'x'.matchAll(/x/g),
    generator,
    generator.prototype,
    asyncGenerator,
    asyncGenerator.prototype,
    async () => undefined,
    Uint8Array,
    Uint8Array.prototype,
  ])
    for (
      let one: object | null = getPrototypeOf(value) as object | null;
      one;
      one = getPrototypeOf(one) as object | null
    )
      add(one);
  for (const [prototype, names] of assigned) for (const name of names) allowOnHeirs(prototype, name);
  for (const prototype of prototypes) freeze(prototype);
}
