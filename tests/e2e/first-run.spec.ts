import { expect, test } from '@playwright/test';
import { draw, expectAccessible, openStudio, owner, themes, tiles, useSteps } from './studio.ts';

test('a new studio asks for its owner, refuses a weak password and draws its first picture', async ({ page }) => {
  const { hasOwner } = await (await page.request.get('/api/v1/studio')).json();
  test.skip(hasOwner, 'this studio is not new');
  await page.goto('/');
  await expect(page).toHaveURL(/\/setup$/);
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page, `/setup, ${colorScheme}`);
  }

  await page.getByLabel('Name').fill(owner.name);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password', { exact: true }).fill('password');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('main').getByRole('alert')).toContainText(/password/i);

  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { name: 'Nothing drawn yet' })).toBeVisible();
  await expect(page).toHaveURL(/\/$/);

  await openStudio(page);
  await useSteps(page, 4);
  await draw(page, 'a red apple, 3d style');
  await page.reload();
  await expect(tiles(page)).toHaveCount(1);

  await page.goto('/setup');
  await expect(page, 'setup is over once there is an owner').toHaveURL(/\/$/);
});
