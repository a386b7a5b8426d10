import { EventEmitter } from 'node:events';

/** Every topic with its event type. Each domain adds its own by declaration merging, as for `Database`. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface BusTopics {}

type Topic = keyof BusTopics & string;

/** Fans events out inside this process. Losing one must never matter: the database is the truth. */
export interface Bus {
  publish<T extends Topic>(topic: T, event: BusTopics[T]): void;
  /** Returns the function that ends the subscription. */
  subscribe<T extends Topic>(topic: T, listener: (event: BusTopics[T]) => void): () => void;
}

/** `onListenerError` keeps one broken listener from failing the publisher or the other listeners. */
export const createBus = (onListenerError: (error: unknown) => void): Bus => {
  const emitter = new EventEmitter();
  // One listener per open socket: the default warning at ten would be noise.
  emitter.setMaxListeners(0);
  return {
    publish: (topic, event) => {
      emitter.emit(topic, event);
    },
    subscribe: (topic, listener) => {
      const guarded: typeof listener = (event) => {
        try {
          listener(event);
        } catch (error) {
          onListenerError(error);
        }
      };
      emitter.on(topic, guarded);
      return () => emitter.off(topic, guarded);
    },
  };
};
