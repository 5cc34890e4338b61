import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { inAddress } from './address.ts';
import { DeviceChooser } from './parts/device-chooser.tsx';
import { OfflineNote } from './parts/offline-note.tsx';
import { AskScreen } from './screens/ask.tsx';

/** The screens, in their order. All but the first are loaded when they are first shown. */
const SCREENS: Readonly<Record<string, { readonly title: string; readonly load: () => Promise<FunctionComponent> }>> = {
  ask: { title: 'Ask', load: async () => AskScreen },
  look: { title: 'Where it looked', load: async () => (await import('./screens/look.tsx')).LookScreen },
  walk: { title: 'Walk', load: async () => (await import('./screens/walk.tsx')).WalkScreen },
  verify: { title: 'Verify', load: async () => (await import('./screens/verify.tsx')).VerifyScreen },
  profile: { title: 'Profile', load: async () => (await import('./screens/profile.tsx')).ProfileScreen },
  break: { title: 'Break it', load: async () => (await import('./screens/break.tsx')).BreakScreen },
};

export const screen = inAddress('screen', 'ask');

const loaded = signal<Readonly<Record<string, FunctionComponent>>>({ ask: AskScreen });

/** The component of a screen, once it is there. */
function screenOf(name: string): FunctionComponent | undefined {
  const there = loaded.value[name];
  if (there) return there;
  void SCREENS[name].load().then((component) => {
    loaded.value = { ...loaded.value, [name]: component };
  });
  return undefined;
}

export function App() {
  const shown = Object.hasOwn(SCREENS, screen.value) ? screen.value : 'ask'; // an address can say anything
  const Screen = screenOf(shown);
  return (
    <>
      <header>
        <h1>Qwen-VL, number by number</h1>
        <nav aria-label="Screens">
          {Object.entries(SCREENS).map(([name, { title }]) => (
            <button
              key={name}
              type="button"
              aria-current={name === shown ? 'page' : undefined}
              onClick={() => {
                screen.value = name;
              }}
            >
              {title}
            </button>
          ))}
        </nav>
        <DeviceChooser />
      </header>
      <main aria-label={SCREENS[shown].title}>{Screen ? <Screen /> : <p>loading …</p>}</main>
      <OfflineNote />
    </>
  );
}
