import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addCounts, countJunit, formatCounts, judgeSuite } from '../testing/junit.mjs';

const XML = `<?xml version="1.0"?>
<testsuites><testsuite name="a" tests="5">
  <testcase name="one" time="0.1"/>
  <testcase name="two &gt; three" time="0.1"></testcase>
  <testcase name="out"><system-out><![CDATA[<testcase><failure>]]></system-out></testcase>
  <testcase name="bad"><failure message="x">at y</failure></testcase>
  <testcase name="broken"><error message="x"/></testcase>
  <testcase name="later"><skipped/></testcase>
</testsuite></testsuites>`;

test('counts cases by their outcome, whatever they printed', () => {
  assert.deepEqual(countJunit(XML), { passed: 3, failed: 2, skipped: 1 });
  assert.deepEqual(countJunit(''), { passed: 0, failed: 0, skipped: 0 });
});

test('a runner that ends badly, or runs nothing, fails as a suite', () => {
  const good = '<testcase name="one"/>';
  assert.equal(judgeSuite({ xml: good, exitCode: 0 }).failed, 0);
  assert.equal(judgeSuite({ xml: good, exitCode: 1 }).failed, 1);
  assert.equal(judgeSuite({ xml: undefined, exitCode: 0 }).failed, 1);
  assert.equal(judgeSuite({ xml: '<testcase><skipped/></testcase>', exitCode: 0 }).failed, 1);
  assert.equal(judgeSuite({ xml: XML, exitCode: 1 }).failed, 2);
});

test('sums up in one line', () => {
  assert.equal(formatCounts(addCounts([countJunit(XML), countJunit(XML)])), '6 passed, 4 failed, 2 skipped');
  assert.equal(formatCounts({ passed: 7, failed: 0, skipped: 0 }), '7 passed, 0 failed');
});
