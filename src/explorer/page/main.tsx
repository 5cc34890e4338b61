import { render } from 'preact';
import { followAddress } from './address.ts';
import { App, screen } from './app.tsx';
import { followDrops } from './drops.ts';
import { openModel } from './model.ts';
import { keepOffline } from './offline.ts';
import { showPictures } from './pictures/list.ts';

void openModel().then(keepOffline); // fetched to be kept when nobody waits for anything else
showPictures();
render(<App />, document.getElementById('page')!);
followAddress(screen);
followDrops(() => {
  screen.value = 'ask';
});
