/** The shapes in use, by tenant, document, operation and inner variables. */
import { type ExecutionArgs, type OperationDefinitionNode, visit } from 'graphql';
import { RenderingQueue } from '../delivery/rendering-queue.ts';
import type { Context } from './context.ts';
import { chooseOperation, type PreparedArgs } from './operations.ts';
import { Reader, Shape, type ShapeOptions } from './shape.ts';

/** The variables that an operation uses outside the arguments of its root field, by name. */
function innerVariables(args: ExecutionArgs, operation: OperationDefinitionNode): string[] {
  const roots = new Set(operation.selectionSet.selections);
  const names = new Set<string>();
  visit(args.document, {
    VariableDefinition: () => false,
    Field: (node) => (roots.has(node) ? { ...node, arguments: [] } : undefined),
    Variable: (node) => void names.add(node.name.value),
  });
  return [...names].sort();
}

export interface Shapes {
  /** Adds a reader to the shape of an operation; the reader releases it. */
  read(args: PreparedArgs, context: Context): Reader;
  release(shape: Shape): void;
}

export function createShapes(options: ShapeOptions): Shapes {
  const shapes = new Map<string, Shape>();
  const withQueue = { ...options, queue: new RenderingQueue() };
  const documents = new WeakMap<object, { readonly id: number; readonly names: Map<string, string[]> }>();
  let count = 0;

  function keyOf(args: PreparedArgs, context: Context): string {
    let known = documents.get(args.document);
    if (!known) {
      count += 1;
      known = { id: count, names: new Map() };
      documents.set(args.document, known);
    }
    const operation = chooseOperation(args.document, args.operationName);
    const name = operation.name?.value ?? '';
    const names = known.names.get(name) ?? innerVariables(args, operation);
    known.names.set(name, names);
    // An absent variable differs from null, since a field may have a default for an absent argument.
    const values = names.map((each) => (Object.hasOwn(args.coerced, each) ? [args.coerced[each]] : null));
    return JSON.stringify([context.tenant, known.id, name, values]);
  }

  return {
    read(args, context) {
      const key = keyOf(args, context);
      let shape = shapes.get(key);
      if (!shape) {
        shape = new Shape(key, args, withQueue, () => context.share());
        shapes.set(key, shape);
      }
      shape.readers += 1;
      return new Reader(context, shape, this);
    },
    release(shape) {
      shape.readers -= 1;
      if (shape.readers === 0 && shapes.get(shape.key) === shape) shapes.delete(shape.key);
    },
  };
}
