import type { Page } from '@playwright/test';

interface Watched {
  /** From the key press to the card in the page. */
  cardMs: number | null;
  /** Every status line that a card showed. */
  readonly texts: string[];
  /** Sum of the jumps that no input caused, as browsers count them. */
  layoutShift: number;
}

declare global {
  interface Window {
    watched: Watched;
  }
}

/** Watches from inside the page: a test that polls from outside would miss what lasts a moment. */
export const watchPage = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const watched: Watched = { cardMs: null, texts: [], layoutShift: 0 };
    window.watched = watched;

    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const isByInput = 'hadRecentInput' in entry && entry.hadRecentInput;
        if ('value' in entry && !isByInput) watched.layoutShift += Number(entry.value);
      }
    }).observe({ type: 'layout-shift' });

    let pressedAtMs = 0;
    /** In the capture phase: the page may have drawn the card before a later listener hears of the key. */
    document.addEventListener(
      'keydown',
      ({ timeStamp }) => {
        pressedAtMs = timeStamp;
      },
      { capture: true },
    );
    new MutationObserver(() => {
      const card = document.querySelector<HTMLElement>('[data-card]');
      if (card === null) return;
      if (card.dataset.card === 'sending') watched.cardMs ??= performance.now() - pressedAtMs;
      if (card.textContent !== watched.texts.at(-1)) watched.texts.push(card.textContent);
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });

export const readWatched = (page: Page): Promise<Watched> => page.evaluate(() => window.watched);
