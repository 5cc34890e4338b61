import { type Signal, signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';

/** A component whose code is fetched when it is first shown. */
export function lazy<Properties extends object>(
  load: () => Promise<FunctionComponent<Properties>>,
): FunctionComponent<Properties> {
  let loaded: Signal<FunctionComponent<Properties> | string> | undefined;
  return function Lazy(properties: Properties) {
    if (!loaded) {
      const state = signal<FunctionComponent<Properties> | string>('loading …');
      loaded = state;
      load().then(
        (component) => {
          state.value = component;
        },
        () => {
          state.value = 'this part of the page cannot be fetched: is the server still there?';
          loaded = undefined;
        },
      );
    }
    const Part = loaded.value;
    return typeof Part === 'string' ? <p role="status">{Part}</p> : <Part {...properties} />;
  };
}
