// Renders the artwork packages pinned in package.json to one raw RGBA file plus labels, the training set of the starter model.
// Transparent backgrounds are kept: the training composes pictures on backgrounds of its own and names them in the captions.
// Usage: node prepare.mjs OUT_DIR [SIZE_PX]   (once `npm ci` has run in this folder)
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';

const require = createRequire(import.meta.url);
const outDir = process.argv[2];
const sizePx = Number(process.argv[3] ?? 128);
const ICON_SETS = [
  ['fluent-emoji', 'glossy'],
  ['fluent-emoji-flat', 'flat'],
  ['noto', 'cartoon'],
];

const slug = (text) =>
  text
    .toLowerCase()
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[’'“”".:,()!&]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const withoutSelector = (hexcode) => hexcode.toLowerCase().replace(/-fe0f/g, '');
const names = require('emojibase-data/en/data.json');
const labelBySlug = new Map(names.map((entry) => [slug(entry.label), entry.label.toLowerCase()]));
const labelByHex = new Map(names.map((entry) => [withoutSelector(entry.hexcode), entry.label.toLowerCase()]));

/** The labels that concepts.tsv teaches; everything else (flags, people, letters) is left out. */
function wantedLabels() {
  const lines = fs.readFileSync(new URL('./concepts.tsv', import.meta.url), 'utf8').split('\n');
  const columns = lines.filter((line) => line && !line.startsWith('#')).map((line) => line.split('\t'));
  return new Set(columns.flatMap((column) => column[2].split('|')));
}

function* vectorPictures() {
  for (const [set, style] of ICON_SETS) {
    const icons = require(`@iconify-json/${set}/icons.json`);
    for (const [name, icon] of Object.entries(icons.icons)) {
      const box = { left: 0, top: 0, width: 32, height: 32, ...icons, ...icon };
      const head = `xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"`;
      const view = `${box.left} ${box.top} ${box.width} ${box.height}`;
      const svg = `<svg ${head} width="${sizePx}" height="${sizePx}" viewBox="${view}">${icon.body}</svg>`;
      yield { style, label: labelBySlug.get(name) ?? name.replace(/-/g, ' '), source: Buffer.from(svg) };
    }
  }
}

function* renderedPictures() {
  const folder = path.join(path.dirname(require.resolve('@lobehub/fluent-emoji-3d/package.json')), 'assets');
  for (const file of fs.readdirSync(folder).sort()) {
    const label = labelByHex.get(withoutSelector(path.basename(file, '.webp')));
    if (label) yield { style: '3d', label, source: path.join(folder, file) };
  }
}

fs.mkdirSync(outDir, { recursive: true });
const wanted = wantedLabels();
const transparent = { r: 0, g: 0, b: 0, alpha: 0 };
const pixels = fs.openSync(path.join(outDir, `rgba_${sizePx}.u8`), 'w');
const pictures = [];
for (const { style, label, source } of [...renderedPictures(), ...vectorPictures()]) {
  if (!wanted.has(label)) continue;
  const fitted = sharp(source).resize(sizePx, sizePx, { fit: 'contain', background: transparent });
  fs.writeSync(pixels, await fitted.ensureAlpha().raw().toBuffer());
  pictures.push({ style, label });
}
fs.closeSync(pixels);
fs.writeFileSync(path.join(outDir, 'pictures.json'), JSON.stringify(pictures));
const missing = [...wanted].filter((label) => !pictures.some((picture) => picture.label === label));
console.log(`${pictures.length} pictures, ${sizePx} px; labels without a picture: ${missing.join(', ') || 'none'}`);
