/** Draws pictures on a running studio (STUDIO_E2E_URL) and takes the two screenshots of the README. */
import { resolve } from 'node:path';
import { chromium, type Page, request } from '@playwright/test';
import { draw, openStudio, owner, withSettings } from './studio.ts';

const baseURL = process.env.STUDIO_E2E_URL ?? 'http://127.0.0.1:8188';
const folder = resolve(import.meta.dirname, '../../docs/images');

const prompts = [
  'a red apple, 3d style',
  'a yellow rocket, flat style',
  'a small house, 3d style',
  'a slice of pizza, flat style',
  'a green tree, 3d style',
  'a blue car, flat style',
  'a cat, 3d style',
  'a red heart, flat style',
  'a sunflower, 3d style',
  'a sailing boat, flat style',
];

const signIn = async () => {
  const context = await request.newContext({ baseURL });
  const { hasOwner } = await (await context.get('/api/v1/studio')).json();
  await context.post(`/api/v1/auth/${hasOwner ? 'login' : 'register'}`, { data: owner });
  return context.storageState();
};

const save = async (page: Page, name: string): Promise<void> => {
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: resolve(folder, name), animations: 'disabled' });
};

const browser = await chromium.launch({
  executablePath: process.env.STUDIO_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const desktop = await browser.newContext({
  baseURL,
  storageState: await signIn(),
  viewport: { width: 1440, height: 900 },
  colorScheme: 'dark',
});
const page = await desktop.newPage();
await openStudio(page);
for (const prompt of prompts) await draw(page, prompt);
await page.reload();
await withSettings(page, async () => undefined);
await draw(page, 'a red apple, 3d style');
await save(page, 'studio-desktop.png');

const phone = await browser.newContext({
  baseURL,
  storageState: await desktop.storageState(),
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
  colorScheme: 'light',
});
const pocket = await phone.newPage();
await openStudio(pocket);
await draw(pocket, 'a red apple, 3d style');
await save(pocket, 'studio-phone.png');
await browser.close();
