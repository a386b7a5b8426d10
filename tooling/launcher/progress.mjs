/**
 * A progress line per set-up step, with elapsed time. Steps may run side by side: a terminal shows them in one live
 * line; elsewhere each step prints when it ends, and now and then while it lasts.
 */

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const PLAIN_NOTE_MS = 30_000;
const CLEAR_LINE = '\r\x1b[2K';

/** @typedef {{ title: string, startedMs: number, detail: string }} Step */

/** @type {Set<Step>} */
const steps = new Set();
/** @type {NodeJS.Timeout | undefined} */
let timer;
let frame = 0;

/** @param {number} ms */
export function formatElapsed(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** @param {string} text */
export function say(text) {
  process.stdout.write(process.stdout.isTTY && steps.size > 0 ? `${CLEAR_LINE}${text}\n` : `${text}\n`);
}

/**
 * Runs one step under its progress line. `note` shows what the step is doing now.
 * @template T
 * @param {string} title
 * @param {(note: (text: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(title, work) {
  /** @type {Step} */
  const step = { title, startedMs: Date.now(), detail: '' };
  steps.add(step);
  timer ??= setInterval(redraw, process.stdout.isTTY ? FRAME_MS : PLAIN_NOTE_MS);
  let mark = '✗';
  try {
    const result = await work((text) => {
      step.detail = text;
    });
    mark = '✓';
    return result;
  } finally {
    say(`${mark} ${describe(step)}`);
    steps.delete(step);
    if (steps.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }
}

/** @param {Step} step */
function describe({ title, startedMs }) {
  return `${title}  ${formatElapsed(Date.now() - startedMs)}`;
}

function redraw() {
  const running = [...steps];
  const detail = running.find((step) => step.detail !== '')?.detail ?? '';
  const text = `${running.map(describe).join(' · ')}  ${detail}`.trimEnd();
  if (!process.stdout.isTTY) {
    say(`… ${text}`);
    return;
  }
  const line = `${FRAMES[frame++ % FRAMES.length]} ${text}`;
  process.stdout.write(CLEAR_LINE + line.slice(0, (process.stdout.columns || 80) - 1));
}
