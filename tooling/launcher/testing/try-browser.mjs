import { createRequire } from 'node:module';

/** Fails unless the browser named in the first argument shows a page. It is tried as the tests will drive it. */
const LAUNCH_LIMIT_MS = 30_000;

const { chromium } = createRequire(import.meta.url)('@playwright/test');
const browser = await chromium.launch({ executablePath: process.argv[2], timeout: LAUNCH_LIMIT_MS });
const page = await browser.newPage();
await page.setContent('<p>shown</p>');
const isShown = (await page.textContent('p')) === 'shown';
await browser.close();
process.exitCode = isShown ? 0 : 1;
