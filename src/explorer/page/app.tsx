import type { FunctionComponent } from 'preact';
import { inAddress, named } from './address.ts';
import { DeviceChooser } from './parts/device-chooser.tsx';
import { lazy } from './parts/lazy.tsx';
import { OfflineNote } from './parts/offline-note.tsx';
import { AskScreen } from './screens/ask.tsx';

/** The screens, in their order. All but the first are loaded when they are first shown. */
const SCREENS: Readonly<Record<string, { readonly title: string; readonly Screen: FunctionComponent }>> = {
  ask: { title: 'Ask', Screen: AskScreen },
  look: { title: 'Where it looked', Screen: lazy(async () => (await import('./screens/look.tsx')).LookScreen) },
  walk: { title: 'Walk', Screen: lazy(async () => (await import('./screens/walk.tsx')).WalkScreen) },
  verify: { title: 'Verify', Screen: lazy(async () => (await import('./screens/verify.tsx')).VerifyScreen) },
  profile: { title: 'Profile', Screen: lazy(async () => (await import('./screens/profile.tsx')).ProfileScreen) },
  break: { title: 'Break it', Screen: lazy(async () => (await import('./screens/break.tsx')).BreakScreen) },
};

export const screen = inAddress('screen', 'ask');

export function App() {
  const shown = named(SCREENS, screen.value) ?? 'ask';
  const { title, Screen } = SCREENS[shown];
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
      <main aria-label={title}>
        <Screen />
      </main>
      <OfflineNote />
    </>
  );
}
