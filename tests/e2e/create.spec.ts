import type { Locator } from '@playwright/test';
import {
  draw,
  drawMs,
  expect,
  liveCard,
  openStudio,
  promptField,
  test,
  tiles,
  useSteps,
  withSettings,
} from './studio.ts';
import { readWatched, watchPage } from './watch-page.ts';

/** Where a part of a card stands once the card has risen: its entrance moves it for a fifth of a second. */
const readBox = async (card: Locator, part: Locator) => {
  await card.evaluate((element) => Promise.all(element.getAnimations().map((each) => each.finished)));
  return part.boundingBox();
};

test('a wish becomes a card at once, shows its steps and its previews, and the picture takes the same box', async ({
  page,
}) => {
  await openStudio(page);
  await useSteps(page, 8);
  const prompt = `a red apple, 3d style, take ${Date.now()}`;
  await promptField(page).fill(prompt);
  await watchPage(page);
  await promptField(page).press('Enter');

  const card = liveCard(page, prompt);
  const preview = card.locator('canvas');
  const before = await readBox(card, preview);
  await expect(card).toHaveAttribute('data-card', 'succeeded', { timeout: drawMs });
  expect(Number(await preview.getAttribute('data-frames')), 'previews were drawn').toBeGreaterThan(0);

  const picture = card.getByRole('button', { name: /^Open picture/ }).locator('img');
  await expect(picture).toHaveCSS('opacity', '1');
  expect(await readBox(card, picture), 'the picture is where the preview was').toEqual(before);
  await expect(promptField(page), 'the words stay for the next wish').toHaveValue(prompt);

  const { texts, layoutShift, cardMs } = await readWatched(page);
  expect(texts.join('\n'), 'the steps were counted').toMatch(/\d of 8/);
  expect(layoutShift, 'nothing jumps').toBe(0);
  console.log(`    Enter to card: ${cardMs?.toFixed(1)} ms`);
});

test('several pictures share one card and then the gallery', async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 4);
  await withSettings(page, async (settings) => {
    await settings.getByRole('button', { name: 'More pictures' }).click();
    await settings.getByRole('button', { name: 'More pictures' }).click();
  });
  const card = await draw(page, `three cats, take ${Date.now()}`);
  await expect(card.getByRole('button', { name: /^Open picture/ })).toHaveCount(3);

  const before = await tiles(page).count();
  await withSettings(page, async (settings) => {
    await settings.getByRole('button', { name: 'Fewer pictures' }).click();
    await settings.getByRole('button', { name: 'Fewer pictures' }).click();
  });
  await draw(page, `one cat, take ${Date.now()}`);
  await expect(tiles(page), 'the finished card moved on into the gallery').toHaveCount(before + 3);
});

test('a running job is cancelled from its card', async ({ page }) => {
  await openStudio(page);
  await useSteps(page, 150);
  const prompt = `a long way home, take ${Date.now()}`;
  await promptField(page).fill(prompt);
  await promptField(page).press('Enter');
  const card = liveCard(page, prompt);
  await expect(card).toContainText(/\d+ of 150/, { timeout: drawMs });
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect(card).toHaveAttribute('data-card', 'cancelled');
  await expect(card.getByRole('button', { name: 'Try again' })).toBeVisible();
  await card.getByRole('button', { name: 'Dismiss' }).click();
  await expect(card).toHaveCount(0);
});

test('a refused wish leaves no card, keeps the words and says why', async ({ page }) => {
  await openStudio(page);
  const words = 'cat '.repeat(3_000);
  await promptField(page).fill(words);
  await promptField(page).press('Enter');
  await expect(page.getByRole('form').getByRole('alert')).toContainText('at most 10000 characters');
  await expect(page.getByRole('region', { name: 'In progress' })).toHaveCount(0);
  await expect(promptField(page)).toHaveValue(words);

  await promptField(page).fill('');
  await promptField(page).press('Enter');
  await expect(page.getByRole('form').getByRole('alert')).toContainText('Describe the picture');
});
