import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type Locator, type Page, request } from '@playwright/test';

export const owner = {
  name: 'Ada Lovelace',
  email: 'ada@example.org',
  password: 'a long and dull passphrase',
} as const;

/** For one small picture on a busy machine without a GPU. */
export const drawMs = 180_000;

type Cookies = Awaited<ReturnType<import('@playwright/test').BrowserContext['cookies']>>;

/** The refresh cookie rotates on every page load, so each test hands the newest one on to the next. */
interface Jar {
  cookies: Cookies;
}

export const test = base.extend<{ keepCookies: undefined }, { jar: Jar }>({
  jar: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from this pattern
    async ({}, use, { project }) => {
      const context = await request.newContext({ baseURL: project.use.baseURL ?? '' });
      const answer = await context.post('/api/v1/auth/login', { data: owner });
      expect(answer.status(), 'sign-in of the owner').toBe(200);
      await use({ cookies: (await context.storageState()).cookies });
      await context.dispose();
    },
    { scope: 'worker' },
  ],
  storageState: ({ jar }, use) => use({ cookies: jar.cookies, origins: [] }),
  keepCookies: [
    async ({ context, jar }, use) => {
      await use(undefined);
      jar.cookies = await context.cookies();
    },
    { auto: true },
  ],
});

export { expect };

export const promptField = (page: Page): Locator => page.getByRole('textbox', { name: 'Prompt', exact: true });

export const liveCard = (page: Page, prompt: string): Locator =>
  page.getByRole('region', { name: 'In progress' }).getByRole('article', { name: prompt }).first();

export const tiles = (page: Page): Locator => page.locator('main a[data-asset]');

/** Opens the studio and waits until the engine can be asked. */
export const openStudio = async (page: Page, path = '/'): Promise<void> => {
  await page.goto(path);
  await expect(page.getByText('Engine ready')).toBeAttached({ timeout: 60_000 });
};

const isPhone = (page: Page): boolean => (page.viewportSize()?.width ?? 0) < 1_024;

/** Runs `edit` with every setting in reach: in the panel beside the pictures, or in the phone's sheet. */
export const withSettings = async (page: Page, edit: (settings: Locator) => Promise<void>): Promise<void> => {
  if (isPhone(page)) {
    await page.getByRole('button', { name: /^Settings/ }).click();
    const sheet = page.getByRole('dialog', { name: 'Settings' });
    await edit(sheet);
    await page.keyboard.press('Escape');
    await expect(sheet).toBeHidden();
    return;
  }
  const more = page.getByRole('button', { name: 'More', exact: true });
  if ((await more.getAttribute('aria-expanded')) === 'false') await more.click();
  await edit(page.getByRole('form', { name: 'New picture' }));
};

/** Few steps: these tests are about the page, not about the picture. */
export const useSteps = (page: Page, steps: number): Promise<void> =>
  withSettings(page, async (settings) => {
    const field = settings.getByRole('textbox', { name: 'Steps, exact' });
    await field.fill(String(steps));
    await field.press('Tab');
  });

/** Asks for a picture and waits until it is there. */
export const draw = async (page: Page, prompt: string): Promise<Locator> => {
  await promptField(page).fill(prompt);
  await promptField(page).press('Enter');
  const card = liveCard(page, prompt);
  await expect(card).toHaveAttribute('data-card', 'succeeded', { timeout: drawMs });
  return card;
};

/** Fails on what keeps somebody out; the finer rules of taste are not its business. */
export const expectAccessible = async (page: Page, where: string): Promise<void> => {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const report = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  expect(report, `axe on ${where}`).toEqual([]);
};

export const themes = ['dark', 'light'] as const;
