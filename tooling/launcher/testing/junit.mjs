/** Every runner here can write JUnit's XML, so one reader counts them all. */

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * @param {string} xml
 * @returns {Counts}
 */
export function countJunit(xml) {
  // Captured output may hold anything, also text that looks like a result.
  const plain = xml.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '').replace(/<(system-(?:out|err))\b[\s\S]*?<\/\1>/g, '');
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const testcase of plain.split('<testcase').slice(1)) {
    const body = /^[^>]*\/>/.test(testcase) ? '' : (testcase.split('</testcase>')[0] ?? '');
    if (/<(failure|error)\b/.test(body)) counts.failed += 1;
    else if (/<skipped\b/.test(body)) counts.skipped += 1;
    else counts.passed += 1;
  }
  return counts;
}

/**
 * What a suite counts for. One that ends badly without naming a failed test, or runs none, has failed as a whole.
 * @param {{ xml: string | undefined, exitCode: number }} outcome
 * @returns {Counts & { note?: string }}
 */
export function judgeSuite({ xml, exitCode }) {
  const counts = xml === undefined ? { passed: 0, failed: 0, skipped: 0 } : countJunit(xml);
  if (counts.failed > 0) return counts;
  if (exitCode !== 0)
    return { ...counts, failed: 1, note: `ended with exit code ${exitCode} without naming a failed test` };
  if (counts.passed === 0) return { ...counts, failed: 1, note: 'ran no test' };
  return counts;
}

/**
 * @param {Counts[]} all
 * @returns {Counts}
 */
export function addCounts(all) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of all) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/** @param {Counts} counts */
export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
