import { render } from 'preact';
import { followAddress } from './address.ts';
import { App, screen } from './app.tsx';
import { openModel } from './model.ts';
import { showSamples } from './samples.ts';

void openModel();
showSamples();
render(<App />, document.getElementById('page')!);
followAddress(screen);
