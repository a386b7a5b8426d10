import type { Page } from '@playwright/test';
import {
  drawMs,
  expect,
  expectAccessible,
  liveCard,
  openStudio,
  promptField,
  test,
  themes,
  tiles,
  useSteps,
  withSettings,
} from './studio.ts';

const inEachTheme = async (page: Page, where: string): Promise<void> => {
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await expectAccessible(page, `${where}, ${colorScheme}`);
  }
};

test('no page keeps anybody out, in either theme', async ({ page }) => {
  await openStudio(page);
  await expect(tiles(page).first()).toBeVisible();
  await inEachTheme(page, 'the studio');

  await withSettings(page, async () => inEachTheme(page, 'the settings'));
  await page.getByRole('button', { name: 'Account and theme' }).click();
  await inEachTheme(page, 'the account menu');
  await page.keyboard.press('Escape');

  await tiles(page).first().click();
  await expect(page.getByRole('button', { name: 'Remix' })).toBeVisible();
  await inEachTheme(page, 'a picture');

  await page.goto('/no/such/page');
  await inEachTheme(page, 'the 404 page');
});

test('the sign-in page keeps nobody out', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ storageState: { cookies: [], origins: [] }, ...(baseURL && { baseURL }) });
  const page = await context.newPage();
  await page.goto('/sign-in');
  await inEachTheme(page, '/sign-in');
  await context.close();
});

test('a picture is made, opened, remixed and left with the keyboard alone', { tag: '@keyboard' }, async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 2);
  await page.locator('body').click({ position: { x: 700, y: 20 } });
  await page.locator('body').press('/');
  await expect(promptField(page)).toBeFocused();
  const prompt = `a lamp, take ${Date.now()}`;
  await promptField(page).pressSequentially(prompt);
  await page.keyboard.press('Enter');
  await expect(liveCard(page, prompt)).toHaveAttribute('data-card', 'succeeded', { timeout: drawMs });

  const picture = liveCard(page, prompt).getByRole('button', { name: /^Open picture/ });
  for (let presses = 0; presses < 60; presses += 1) {
    if (await picture.evaluate((element) => element === document.activeElement)) break;
    await page.keyboard.press('Tab');
  }
  await expect(picture).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Picture' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(picture, 'focus comes back to where it was').toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('r');
  await expect(promptField(page)).toBeFocused();
  await expect(promptField(page)).toHaveValue(prompt);
});

/** What a finger can aim at and that is smaller than 44 by 44 CSS pixels. */
const smallTargets = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const controls = 'button, a[href], input:not(.sr-only), select, textarea, label:has(input.sr-only)';
    return [...document.querySelectorAll<HTMLElement>(controls)]
      .filter((control) => control.checkVisibility() && control.closest('[inert]') === null)
      .map((control) => ({ control, box: control.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && Math.round(Math.min(box.width, box.height)) < 44)
      .map(({ control, box }) => `${control.outerHTML.slice(0, 80)} is ${box.width} by ${box.height}`);
  });

test('everything that can be tapped is large enough and nothing is wider than the page', { tag: '@touch' }, async ({
  page,
}) => {
  await openStudio(page);
  await expect(tiles(page).first()).toBeVisible();
  expect(await smallTargets(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(page.viewportSize()?.width);
  await withSettings(page, async () => expect(await smallTargets(page)).toEqual([]));
  await tiles(page).first().click();
  await expect(page.getByRole('button', { name: 'Remix' })).toBeVisible();
  expect(await smallTargets(page)).toEqual([]);
});

test('the chosen theme is in the page before any script runs', async ({ page }) => {
  await openStudio(page);
  await page.getByRole('button', { name: 'Account and theme' }).click();
  await page.getByText('Light', { exact: true }).click();
  // A page's cookie reaches the browser's own store a moment after the script that set it.
  const storedTheme = async () =>
    (await page.context().cookies()).find((cookie) => cookie.name === 'studio_theme')?.value;
  await expect.poll(storedTheme).toBe('light');
  const html = await (await page.request.get('/')).text();
  expect(html).toMatch(/<html[^>]* data-theme="light"/);
});

test('the console stays clean: no blocked script, no error', async ({ page }) => {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await openStudio(page);
  await tiles(page).first().click();
  await expect(page.getByRole('button', { name: 'Remix' })).toBeVisible();
  expect(problems).toEqual([]);
});
