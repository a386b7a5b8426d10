import { expect, openStudio, owner, test, tiles } from './studio.ts';

test('signing out ends every tab, and signing in leads back to where one was', async ({ page, context }) => {
  await openStudio(page);
  const other = await context.newPage();
  await openStudio(other);
  const path = await tiles(page).first().getAttribute('href');

  await page.getByRole('button', { name: 'Account and theme' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in$/);
  await expect(other).toHaveURL(/\/sign-in$/);
  await other.close();

  await page.goto(path ?? '/');
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password', { exact: true }).fill('not the passphrase');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('main').getByRole('alert')).toContainText('wrong');
  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(new RegExp(`${path}$`));
  await expect(page.getByRole('dialog', { name: 'Picture' })).toBeVisible();
});

test('many tabs that open at once share one session', async ({ context }) => {
  const pages = await Promise.all(Array.from({ length: 4 }, () => context.newPage()));
  await Promise.all(pages.map((page) => page.goto('/')));
  for (const page of pages) {
    await expect(page.getByRole('button', { name: 'Account and theme' })).toBeVisible();
    await expect(page).toHaveURL(/\/$/);
  }
});

test('a lost connection is said within three seconds and heals by itself', async ({ page }) => {
  let isCut = false;
  const { promise: live, resolve: noteLive } = Promise.withResolvers<void>();
  await page.routeWebSocket('**/ws', (socket) => {
    if (isCut) return socket.close();
    const server = socket.connectToServer();
    /** A dead line is silent; it does not say goodbye. */
    server.onMessage((message) => {
      if (isCut) return;
      socket.send(message);
      noteLive();
    });
  });
  await openStudio(page);
  await live;
  isCut = true;
  await expect(page.getByText('Connection lost')).toBeVisible({ timeout: 4_000 });
  isCut = false;
  await expect(page.getByText('Connection lost')).toBeHidden();
});
