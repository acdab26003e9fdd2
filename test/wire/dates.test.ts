import fc from 'fast-check'
import { expect, test } from 'vitest'
import { httpDate, isoOfMicros, microsOfIso, msOfSqliteDate, sqliteDate, zoneOffset } from '../../src/wire/dates.js'

test('an HTTP date is that second, whatever was asked before', () => {
  for (const [seconds, text] of [
    [0.9, 'Thu, 01 Jan 1970 00:00:00 GMT'],
    [1, 'Thu, 01 Jan 1970 00:00:01 GMT'],
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT'],
    [-0.5, 'Wed, 31 Dec 1969 23:59:59 GMT'],
  ] as const) {
    expect(httpDate(seconds)).toBe(text)
  }
})

test('a moment in microseconds is written and read again as Python does', () => {
  expect(isoOfMicros(1_935_817_689_123_456)).toBe('2031-05-06T07:08:09.123456+00:00')
  expect(isoOfMicros(1_935_817_689_000_000)).toBe('2031-05-06T07:08:09+00:00')
  expect(isoOfMicros(-1)).toBe('1969-12-31T23:59:59.999999+00:00')
  const micros = fc.integer({ min: -9_000_000_000_000_000, max: 9_000_000_000_000_000 })
  fc.assert(fc.property(micros, (n) => microsOfIso(isoOfMicros(n)) === n))
})

test('offsets, fractions and forms that Python writes or reads are understood', () => {
  const same = microsOfIso('2031-05-06T07:08:09.120000+00:00')
  for (const text of [
    '2031-05-06T07:08:09.12Z',
    '2031-05-06 07:08:09.120000999+00:00',
    '2031-05-06T09:38:09.120000+02:30',
    '2031-05-06T02:08:09.120000-0500',
    '2031-05-06T07:09:10.620001+00:01:01.500001',
  ]) {
    expect(microsOfIso(text), text).toBe(same)
  }
  expect(microsOfIso('0099-01-01T00:00:00+00:00')).toBe(-59_042_995_200_000_000)
  expect(isoOfMicros(microsOfIso('9999-12-31T23:59:59+00:00')!)).toBe('9999-12-31T23:59:59+00:00')
})

test('T35 what is no moment is null, a newline behind it included', () => {
  for (const text of [
    '',
    'tomorrow',
    '2031-05-06T07:08:09',
    '2031-05-06T07:08:09+00:00\n',
    '2031-13-01T00:00:00Z',
    '2031-02-30T00:00:00Z',
    '2031-00-01T00:00:00Z',
    '2031-01-00T00:00:00Z',
    '2031-01-01T24:00:00Z',
    '2031-01-01T00:60:00Z',
    '2031-01-01T00:00:60Z',
    '2031-01-01T00:00:00+24:00',
    '2031-01-01T00:00:00+00:60',
    '0000-01-01T00:00:00Z',
    '+2031-05-06T07:08:09Z',
    '2031-05-06',
    '٢٠٣١-05-06T07:08:09Z',
  ]) {
    expect(microsOfIso(text), text).toBeNull()
  }
})

test('years past 9999 are refused', () => {
  expect(() => isoOfMicros(Date.UTC(10000, 0, 1) * 1000)).toThrow(RangeError)
  expect(() => isoOfMicros(Date.UTC(-1, 0, 1) * 1000)).toThrow(RangeError)
  expect(() => isoOfMicros(new Date(0).setUTCFullYear(0) * 1000)).toThrow(RangeError)
  expect(() => isoOfMicros(Number.NaN)).toThrow(RangeError)
})

test('text without an offset is read by the clocks of a zone', () => {
  expect(microsOfIso('2023-11-28T16:13:20', zoneOffset('America/Chicago'))).toBe(1_701_209_600_000_000)
  expect(microsOfIso('2023-11-28T16:13:20+00:00', zoneOffset('America/Chicago'))).toBe(1_701_188_000_000_000)
})

test("SQLite's text is read back to the millisecond, in UTC and in a zone", () => {
  expect(sqliteDate(1_701_209_600_250)).toBe('2023-11-28 22:13:20.250000')
  expect(sqliteDate(1_701_209_600_000)).toBe('2023-11-28 22:13:20')
  expect(sqliteDate(1_701_209_600_250, 'Asia/Kathmandu')).toBe('2023-11-29 03:58:20.250000')
  const ms = fc.integer({ min: Date.UTC(1980, 0), max: Date.UTC(2100, 0) })
  fc.assert(fc.property(ms, (n) => msOfSqliteDate(sqliteDate(n)) === n))
  fc.assert(fc.property(ms, (n) => msOfSqliteDate(sqliteDate(n, 'Asia/Kathmandu'), 'Asia/Kathmandu') === n))
  expect(msOfSqliteDate('2023-11-28')).toBeNull()
  expect(() => sqliteDate(0, 'Nowhere/Land')).toThrow(RangeError)
})

test('texts sort as their moments do', () => {
  const ms = fc.integer({ min: 0, max: Date.UTC(9999, 0) })
  fc.assert(fc.property(ms, ms, (a, b) => sqliteDate(a) < sqliteDate(b) === a < b))
})

test('an hour that comes twice means its first coming, one that is skipped the clocks before the change', () => {
  const chicago = 'America/Chicago'
  // 2023-11-05 02:00 CDT is 01:00 CST again; 2023-03-12 02:00 CST is 03:00 CDT.
  expect(msOfSqliteDate('2023-11-05 00:59:59', chicago)).toBe(Date.UTC(2023, 10, 5, 5, 59, 59))
  expect(msOfSqliteDate('2023-11-05 01:30:00', chicago)).toBe(Date.UTC(2023, 10, 5, 6, 30))
  expect(msOfSqliteDate('2023-11-05 02:00:00', chicago)).toBe(Date.UTC(2023, 10, 5, 8))
  expect(msOfSqliteDate('2023-03-12 02:30:00', chicago)).toBe(Date.UTC(2023, 2, 12, 8, 30))
  expect(msOfSqliteDate('2023-03-12 03:00:00', chicago)).toBe(Date.UTC(2023, 2, 12, 8))
  expect(sqliteDate(Date.UTC(2023, 10, 5, 7, 30), chicago)).toBe('2023-11-05 01:30:00')
  expect(sqliteDate(Date.UTC(2023, 10, 5, 6, 30), chicago)).toBe('2023-11-05 01:30:00')
})
