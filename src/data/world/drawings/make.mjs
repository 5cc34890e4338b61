// Takes the things' drawings from four open sets and compares their names with Unicode's. To run it again, in an empty folder:
//   npm install @iconify-json/noto@1.2.9 @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/twemoji@1.2.5 @iconify-json/openmoji@1.2.29 emojibase-data@17.0.0
//   npx tsx …/src/data/world/drawings/make.mjs "$PWD"
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { THINGS } from '../things.ts';

const require = createRequire(join(process.argv[2], 'from-here.js'));

/** Everyday words that the annotations lack: they tell of a hot beverage, and in Chinese of heads and of an egg of any bird. */
const OURS = new Set(['cup', '杯子', '兔子', '牛', '鸡蛋']);

const slugOf = (label) => label.toLowerCase().replace(/[^a-z0-9]+/g, '-');
const [english, chinese] = ['en', 'zh'].map((language) => require(`emojibase-data/${language}/data.json`));
for (const thing of THINGS) {
  const named = english.find(({ label }) => slugOf(label) === thing.slug);
  const translated = chinese.find(({ hexcode }) => hexcode === named.hexcode);
  const words = [named, translated].flatMap(({ label, tags }) => [label, ...tags]);
  for (const name of [thing.english.replace(/^.* of /, ''), thing.chinese]) {
    if (OURS.has(name) || words.some((word) => word.includes(name))) continue;
    throw new Error(`${thing.slug}: Unicode does not call it ${name}, but ${words.join(', ')}`);
  }
}

for (const set of ['noto', 'fluent-emoji-flat', 'twemoji', 'openmoji']) {
  const { icons, aliases, width } = require(`@iconify-json/${set}/icons.json`);
  const { name, license, author } = require(`@iconify-json/${set}/info.json`);
  const { version } = require(`@iconify-json/${set}/package.json`);
  const drawings = THINGS.map(({ slug }) => [slug, (icons[slug] ?? icons[aliases[slug].parent]).body]);
  const credit = { set: name, author: author.name, url: author.url, licence: license.spdx, terms: license.url };
  const file = {
    ...credit,
    from: `@iconify-json/${set} ${version}`,
    side: width,
    drawings: Object.fromEntries(drawings),
  };
  writeFileSync(new URL(`${set}.json`, import.meta.url), `${JSON.stringify(file, null, 1)}\n`);
}
