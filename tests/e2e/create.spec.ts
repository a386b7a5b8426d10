import { draw, expect, liveCard, openStudio, promptField, test, tiles, useSteps, withSettings } from './studio.ts';

declare global {
  interface Window {
    cardSeenMs?: number;
    layoutShift?: number;
  }
}

test('a wish becomes a card at once, shows its steps and its previews, and the picture takes the same box', async ({
  page,
}, { annotations }) => {
  await openStudio(page);
  await useSteps(page, 12);
  const prompt = `a red apple, 3d style, take ${Date.now()}`;
  await promptField(page).fill(prompt);

  await page.evaluate(() => {
    window.layoutShift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if ('value' in entry && !('hadRecentInput' in entry && entry.hadRecentInput)) {
          window.layoutShift = (window.layoutShift ?? 0) + Number(entry.value);
        }
      }
    }).observe({ type: 'layout-shift', buffered: false });
    document.addEventListener(
      'keydown',
      ({ key, timeStamp }) => {
        if (key !== 'Enter') return;
        const seen = new MutationObserver(() => {
          if (document.querySelector('[data-card="sending"]') === null) return;
          seen.disconnect();
          window.cardSeenMs = performance.now() - timeStamp;
        });
        seen.observe(document.body, { childList: true, subtree: true });
      },
      { capture: true, once: true },
    );
  });
  await promptField(page).press('Enter');

  const card = liveCard(page, prompt);
  const box = card.locator('canvas').first();
  const before = await box.boundingBox();
  await expect(card).toContainText(/\d+ of 12/);
  await expect.poll(() => box.getAttribute('data-frames').then(Number)).toBeGreaterThan(0);
  await expect(card).toHaveAttribute('data-card', 'succeeded', { timeout: 90_000 });

  const picture = card.getByRole('button', { name: /^Open picture/ }).locator('img');
  await expect(picture).toHaveCSS('opacity', '1');
  expect(await picture.boundingBox(), 'the picture is where the preview was').toEqual(before);
  await expect(promptField(page), 'the words stay for the next wish').toHaveValue(prompt);

  const { cardSeenMs, layoutShift } = await page.evaluate(() => ({
    cardSeenMs: window.cardSeenMs,
    layoutShift: window.layoutShift,
  }));
  expect(layoutShift, 'nothing jumps').toBe(0);
  expect(cardSeenMs).toBeDefined();
  annotations.push({ type: 'enter to card', description: `${cardSeenMs?.toFixed(1)} ms` });
  console.log(`    Enter to card: ${cardSeenMs?.toFixed(1)} ms`);
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
  await expect(card).toContainText(/\d+ of 150/, { timeout: 30_000 });
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
