import type { Page } from '@playwright/test';
import { draw, expect, openStudio, promptField, test, tiles, useSteps, withSettings } from './studio.ts';

const openFirst = async (page: Page): Promise<string> => {
  await page
    .getByRole('button', { name: /^Open picture/ })
    .first()
    .click();
  await expect(page).toHaveURL(/\/pictures\/ast_/);
  return page.url();
};

const view = (page: Page) => page.getByRole('dialog', { name: 'Picture' });

test('remix asks for exactly what drew the picture', async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 5);
  await withSettings(page, async (settings) => {
    await settings.getByText('2:3', { exact: true }).click();
    await settings.getByLabel('Negative prompt').fill('text, frame');
    await settings.getByLabel('Sampler').selectOption('euler');
    await settings.getByLabel('Scheduler').selectOption('normal');
    await settings.getByRole('textbox', { name: 'CFG, exact' }).fill('4.3');
  });
  const prompt = `a blue boat,\nflat design, take ${Date.now()}`;
  await draw(page, prompt);
  const url = await openFirst(page);
  const id = url.split('/').at(-1) ?? '';

  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().includes(`/api/v1/assets/${id}`)),
    page.reload(),
  ]);
  const drawn = (await answer.json()).params;
  expect(drawn).toMatchObject({ prompt, negativePrompt: 'text, frame', steps: 5, cfg: 4.3, sampler: 'euler' });

  await view(page).getByRole('button', { name: 'Remix' }).click();
  await expect(promptField(page)).toHaveValue(prompt);
  const [wish] = await Promise.all([
    page.waitForRequest((sent) => sent.url().endsWith('/generate/txt2img')),
    promptField(page).press('Enter'),
  ]);
  expect(wish.postDataJSON()).toEqual(drawn);
});

test('the address of a picture can be opened, walked from and left with Back', async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 2);
  await draw(page, `a green tree, take ${Date.now()}`);
  await draw(page, `a yellow house, take ${Date.now()}`);
  const url = await openFirst(page);
  await expect(view(page).getByText('a yellow house')).toBeVisible();

  await page.keyboard.press('ArrowRight');
  await expect(view(page).getByText('a green tree')).toBeVisible();
  await page.goBack();
  await expect(view(page)).toBeHidden();
  await expect(page).toHaveURL(/\/$/);

  await page.goto(url);
  await expect(view(page).getByText('a yellow house')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(view(page)).toBeHidden();
  await expect(page).toHaveURL(/\/$/);
});

test('a picture that does not exist says so and leads back', async ({ page }) => {
  await page.goto('/pictures/ast_00000000000000000000000000');
  await expect(view(page).getByRole('alert')).toContainText('no such picture');
  await page.getByRole('button', { name: 'Back to the studio' }).click();
  await expect(view(page)).toBeHidden();
});

test('a deleted picture is gone at once and comes back with Undo', async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 2);
  const prompt = `a pink cup, take ${Date.now()}`;
  await draw(page, prompt);
  await page.reload();
  const tile = tiles(page).and(page.getByLabel(prompt));
  await tile.click();
  await view(page).getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.keyboard.press('Escape');
  await expect(tile).toBeVisible();

  await tile.click();
  await page.keyboard.press('Delete');
  await expect(page.getByText('Picture deleted').first()).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(tile).toHaveCount(0);
  await page.reload();
  await expect(tiles(page).first()).toBeVisible();
  await expect(tile).toHaveCount(0);
});

test('a picture can be downloaded as a file', async ({ page }) => {
  await openStudio(page);
  await tiles(page).first().click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    view(page).getByRole('link', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.png$/);
});
